"""The command lines of the API and of a worker. They are started by name: nothing here imports them."""

import sys

from infra.local.ports import LOOPBACK

_SOURCES = ("api", "domain", "infra", "workers")


def api_command(port: int, *, reload: bool = False) -> list[str]:
    """The API on the loopback interface."""
    command = [sys.executable, "-m", "api", "--host", LOOPBACK, "--port", str(port)]
    return [*command, "--reload"] if reload else command


def worker_command(*, reload: bool = False) -> list[str]:
    """One worker with its relay and sweeper."""
    if reload:
        work = f"{sys.executable} -m workers"
        return [sys.executable, "-m", "watchfiles", "--filter", "python", work, *_SOURCES]
    return [sys.executable, "-m", "workers"]
