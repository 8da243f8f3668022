"""`ffp api` and `ffp worker`: one process of another door, in the foreground, configured by its environment.

The command becomes that process: a signal, or whoever sits on its wires, meets nothing in between.
"""

import os
from typing import Annotated

import typer

from cli.options import Reload
from infra import settings
from infra.local.commands import api_command, worker_command


def api(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on the loopback interface.")] = 8000,
    reload: Reload = False,
) -> None:
    """Run one API process with the environment it is given (see `ffp env`)."""
    settings.database_url()  # says what is missing before a traceback does
    _become(api_command(port, reload=reload))


def worker(reload: Reload = False) -> None:
    """Run one worker process with the environment it is given (see `ffp env`)."""
    settings.database_url()
    _become(worker_command(reload=reload))


def _become(command: list[str]) -> None:
    os.execv(command[0], command)  # noqa: S606 # nosec B606 # no shell is what we want
