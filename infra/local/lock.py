"""One command at a time works on a data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.errors import LocalStackError
from infra.local.files import read_json, write_private
from infra.local.processes import Identity


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Holds the directory. The kernel lets go of it when this process ends, however it ends."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LocalStackError(f"cannot use {directory} as data directory: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalStackError(_taken(directory)) from None
        ourselves = Identity.of(os.getpid())
        if ourselves:
            write_private(_holder_file(directory), {"pid": ourselves.pid, "started": ourselves.started})
        yield
    finally:
        os.close(descriptor)


def holder(directory: Path) -> Identity | None:
    """The other command that holds the directory now."""
    record = read_json(_holder_file(directory))
    if not record or record["pid"] == os.getpid():
        return None
    identity = Identity(record["pid"], record["started"])
    return identity if identity.alive() else None


def _holder_file(directory: Path) -> Path:
    return directory / "run" / "ffp.json"


def _taken(directory: Path) -> str:
    other = holder(directory)
    who = f"ffp (pid {other.pid})" if other else "another ffp"
    return f"{who} works on {directory}: stop it with Ctrl-C or `ffp down`, or choose another --data-dir"
