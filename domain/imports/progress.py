"""How far an import is, how fast it goes and how long it still takes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.imports.model import Import

_FEWEST_S = 0.5  # before that a rate would be a guess


@dataclass(frozen=True, slots=True)
class Progress:
    """`rate` in rows a second and `estimate_s` in seconds: None where nothing honest can be said."""

    done: int
    total: int
    percent: int
    rate: float | None
    estimate_s: float | None


class Paced(Protocol):
    """`run_base` is how much was done with when the present run began."""

    @property
    def run_base(self) -> int: ...
    @property
    def run_started_at(self) -> datetime | None: ...
    @property
    def updated_at(self) -> datetime: ...


def progress_of(found: Import, now: datetime) -> Progress:
    """Of validation its rows, whose number nobody knows before the end; afterwards of the run."""
    if found.status in {"uploading", "validating", "invalid"}:
        return Progress(found.staged, found.staged, 0 if found.status != "invalid" else 100, None, None)
    done, total = min(found.worked_on, found.to_do), found.to_do
    is_over = found.status in {"completed", "undone"}
    return progress_of_run(found, done, total, now, goes=found.status in {"running", "undoing"}, is_over=is_over)


def progress_of_run(found: Paced, done: int, total: int, now: datetime, *, goes: bool, is_over: bool) -> Progress:
    """Of anything that is worked on chunk by chunk."""
    percent = 100 if is_over else 100 * done // max(total, 1)
    rate = estimate = None
    if goes and found.run_started_at is not None:
        seconds = (found.updated_at - found.run_started_at).total_seconds()
        if seconds >= _FEWEST_S and done > found.run_base:
            rate = round((done - found.run_base) / seconds, 1)
            elapsed = max(0.0, (now - found.updated_at).total_seconds())
            estimate = round(max(0.0, (total - done) * seconds / (done - found.run_base) - elapsed), 1)
    return Progress(done, total, percent, rate, estimate)
