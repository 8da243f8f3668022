"""Runs a stack in front of a person: keeps it whole, and stops all of it on Ctrl-C."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console

from cli.checklist import Checklist
from infra.local.errors import LocalStackError
from infra.local.layout import running
from infra.local.lock import held
from infra.local.shutdown import stop_parts
from infra.local.stack import Stack, Wanted

_LOOK_EVERY_S = 0.5
_RESTARTS = 5  # within the time below; then something is wrong that starting again does not mend
_RESTARTS_WITHIN_S = 60.0


def start(directory: Path, wanted: Wanted, console: Console) -> dict[str, Any]:
    """Starts the stack and leaves it running. Returns the content of stack.json."""
    with _signals_interrupt(), held(directory), Checklist(console) as checklist:
        return Stack(directory, checklist).up(wanted)


def serve(directory: Path, wanted: Wanted, console: Console, then: Callable[[dict[str, Any]], None]) -> None:
    """Starts the stack, calls `then` with the content of stack.json, and serves until it is told to stop."""
    with _signals_interrupt(), held(directory):
        with Checklist(console) as checklist:
            content = Stack(directory, checklist, end_with_us=True).up(wanted)
        try:
            then(content)
            _keep_whole(directory, wanted, console)
        except KeyboardInterrupt:
            console.print("\nStopping ...")
        finally:
            for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(name, signal.SIG_IGN)  # stopping in order takes seconds and has an end
            ended = stop_parts(directory)
            console.print(f"Stopped {ended} processes. The data stays in {directory}.", highlight=False, soft_wrap=True)


def _keep_whole(directory: Path, wanted: Wanted, console: Console) -> NoReturn:
    restarts: list[float] = []
    while True:
        time.sleep(_LOOK_EVERY_S)
        lost = [name for name, identity in running(directory).items() if not identity]
        if not lost:
            continue
        now = time.monotonic()
        restarts = [at for at in restarts if now - at < _RESTARTS_WITHIN_S] + [now]
        if len(restarts) > _RESTARTS:
            raise LocalStackError(f"{', '.join(lost)} keeps ending: see {directory / 'logs'}")
        console.print(f"{', '.join(lost)} ended: starting again", highlight=False)
        with Checklist(console) as checklist:
            Stack(directory, checklist, end_with_us=True).up(wanted)


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """`ffp down` and a closed terminal stop a stack as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {name: signal.signal(name, interrupt) for name in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
