"""Processes of the local stack: each in a session of its own, known by its pid *and* when it started."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

from infra.local import launch
from infra.local.accounts import Account
from infra.local.errors import LocalStackError

LOG_LIMIT = 5_000_000  # bytes; a longer log is put aside (one generation) when its process starts
_SAME_START_S = 1.0  # psutil derives the start from the boot time, which clock corrections move a little


@dataclass(frozen=True)
class Identity:
    """A pid may be given to somebody else's process later; together with the time it started it may not."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same: bool = abs(process.create_time() - self.started) < _SAME_START_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def start(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    account: Account | None = None,
    end_with_us: signal.Signals | None = None,
) -> Identity:
    """Starts `command` with its output in `log`.

    A session of its own keeps the terminal's Ctrl-C from reaching it: the stack stops its parts in order
    instead. `end_with_us` is the signal it gets (on Linux) when this process dies without having stopped it.
    """
    with open_log(log) as output:
        process = subprocess.Popen(
            launched(command, account=account, end_with_us=end_with_us),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )
    identity = Identity.of(process.pid)
    process.returncode = 0  # followed by its identity from here on: no warning that it outlives this object
    if identity is None:
        raise LocalStackError(f"{command[0]} ended before it began: see {log}")
    return identity


def launched(
    command: Sequence[str], *, account: Account | None = None, end_with_us: signal.Signals | None = None
) -> list[str]:
    """The command, started through `launch.py` where it needs that."""
    options: dict[str, object] = {}
    if account:
        options |= {"uid": account.uid, "gid": account.gid, "reach": account.reach}
    if end_with_us:
        options |= {"parent": os.getpid(), "death_signal": int(end_with_us)}
    launcher = [sys.executable, "-I", "-S", launch.__file__, json.dumps(options)] if options else []
    return [*launcher, *command]


def open_log(log: Path) -> BinaryIO:
    """For appending; a log that has grown long is put aside first."""
    log.parent.parent.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    return log.open("ab")


def stop(identities: Iterable[Identity], how: signal.Signals = signal.SIGTERM, *, patience_s: float = 15) -> None:
    """Asks all of them at once, waits, and kills what is left together with what it started."""
    families = {identity: _descendants(identity) for identity in identities if identity.alive()}
    for identity in families:
        _send(identity, how)
    deadline = time.monotonic() + patience_s
    while any(identity.alive() for identity in families) and time.monotonic() < deadline:
        _reap(families)
        time.sleep(0.01)
    for identity, descendants in families.items():
        for left in (identity, *descendants):
            if left.alive():
                _send(left, signal.SIGKILL)
    _reap(families)


def marked(name: str, value: str) -> list[Identity]:
    """Every process, other than this one, that was started with this environment variable."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(name) == value:
                found.append(Identity(process.pid, process.create_time()))
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
    return [identity for identity in found if identity.alive()]


def last_lines(log: Path, since: int = 0, *, count: int = 5) -> str:
    """The last lines written to a log after byte `since`, on one line: what a failed start has to say."""
    if not log.exists():
        return ""
    with log.open("rb") as stream:
        stream.seek(since)
        lines = stream.read().decode(errors="replace").splitlines()
    return " | ".join(line.strip() for line in lines[-count:] if line.strip())


def _descendants(identity: Identity) -> list[Identity]:
    try:
        children = psutil.Process(identity.pid).children(recursive=True)
        return [Identity(child.pid, child.create_time()) for child in children]
    except psutil.NoSuchProcess:
        return []


def _send(identity: Identity, how: signal.Signals) -> None:
    try:
        os.kill(identity.pid, how)
    except ProcessLookupError:
        return


def _reap(identities: Iterable[Identity]) -> None:
    """Collects those that are our own children, so that they do not stay as zombies."""
    for identity in identities:
        try:
            os.waitpid(identity.pid, os.WNOHANG)
        except ChildProcessError:
            continue
