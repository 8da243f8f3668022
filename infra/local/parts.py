"""A part of the stack: a process that a later command finds again through its record, `run/NAME.json`."""

import hashlib
import json
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from infra.local.errors import LocalStackError
from infra.local.files import read_json, write_private
from infra.local.processes import Identity, last_lines, start, stop

MARK = "FFP_STACK"  # in the environment of every part: which data directory it belongs to

_PAUSE_S = 0.02


class Part:
    """`directory` is the data directory; `name` is also the name of the log, `logs/NAME.log`."""

    def __init__(self, directory: Path, name: str, *, end_with_us: bool = False) -> None:
        self.name = name
        self.log = directory / "logs" / f"{name}.log"
        self._directory = directory
        self._record_file = directory / "run" / f"{name}.json"
        self._end_with_us = signal.SIGTERM if end_with_us else None
        self._log_start = 0
        self._adopted = False
        self._start: Callable[[], None] = lambda: None

    @property
    def record(self) -> dict[str, Any]:
        """What was noted when it was last started: pid, started, digest, and the notes (such as its port)."""
        return read_json(self._record_file)

    def identity(self) -> Identity | None:
        """The running process, or None."""
        record = self.record
        if not record:
            return None
        identity = Identity(record["pid"], record["started"])
        return identity if identity.alive() else None

    def runs(self) -> bool:
        return self.identity() is not None

    def ensure(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        inherited: Mapping[str, str] | None = None,
        **notes: int,
    ) -> bool:
        """Starts it, unless it already runs with this command and environment. True when it was started.

        `inherited` is what else it finds in its environment: another terminal's is no reason to start it again.
        """
        digest = hashlib.sha256(json.dumps([list(command), dict(environment)]).encode()).hexdigest()
        everything = {**(inherited or {}), **environment, MARK: str(self._directory)}
        self._start = partial(self._launch, list(command), everything, {"digest": digest, **notes})
        if running := self.identity():
            if self.record["digest"] == digest:
                self._adopted = True
                return False
            stop([running])
        self._start()
        return True

    def wait(self, answers: Callable[[], bool], *, patience_s: float) -> None:
        """Returns when it answers; raises with what its log says when it ends instead, or takes too long."""
        deadline = time.monotonic() + patience_s
        while not answers():
            if not self.runs() and self._adopted:
                self._start()  # it was being killed when `ensure` found it
            elif not self.runs():
                said = self.said() or "it said nothing"
                raise LocalStackError(f"{self.name} ended: {said} (log: {self.log})")
            if time.monotonic() > deadline:
                raise LocalStackError(f"{self.name} did not answer within {patience_s:.0f} s: see {self.log}")
            time.sleep(_PAUSE_S)

    def _launch(self, command: list[str], environment: dict[str, str], notes: dict[str, Any]) -> None:
        self._adopted = False
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        identity = start(command, log=self.log, environment=environment, end_with_us=self._end_with_us)
        write_private(self._record_file, {"pid": identity.pid, "started": identity.started, **notes})

    def said(self) -> str:
        """The last lines of its log since `ensure` started it."""
        return last_lines(self.log, self._log_start)

    def give_up(self) -> None:
        """Stops it and forgets it: the stack is to be without it."""
        self.stop()
        self._record_file.unlink(missing_ok=True)

    def stop(self) -> None:
        if running := self.identity():
            stop([running])
