"""What the events of a session come to: a fold over them in the order of the client's clock.

The same events give the same state, in whatever order and however often they came.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from domain.sessions.events import Event

Status = Literal["planned", "started", "done", "missed", "dropped"]
OPEN: frozenset[Status] = frozenset({"planned", "started", "missed"})
_MEASURES = ("sets", "reps", "seconds", "pain_during", "effort", "note")


@dataclass(frozen=True, slots=True)
class Result:
    """What was done of one line. `exercise` is the one that was done, after a swap; pain and effort 0-10."""

    position: int
    exercise: str
    status: Literal["open", "done", "skipped"] = "open"
    sets: int | None = None
    reps: int | None = None
    seconds: int | None = None
    pain_during: int | None = None
    pain_after_24h: int | None = None
    effort: int | None = None
    reason: str | None = None
    note: str | None = None
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """`started_at`: the first thing that happened; `finished_at`: the first time it was finished."""

    status: Status
    started_at: datetime | None
    finished_at: datetime | None
    results: tuple[Result, ...]


def fold(events: Iterable[Event], exercises: Mapping[int, str], before: Status = "planned") -> State:
    """The state of a session that prescribes `exercises` by position. `before` is its status without any event:
    `missed` and `dropped` are the calendar's word, and what was done outweighs it.

    Of two reports on one line the later counts. A day's-after pain goes with whatever else is said of its line.
    """
    ordered = sorted(events, key=lambda event: (event.at, event.id))
    results: dict[int, Result] = {}
    started: datetime | None = None
    finished: datetime | None = None
    for event in ordered:
        if event.type != "pain_after":
            started = started or event.at
        if event.type == "finished":
            finished = finished or event.at
        elif event.position is not None:
            known = results.get(event.position) or Result(event.position, exercises[event.position])
            results[event.position] = _told(known, event)
    status: Status = before if started is None else "started" if finished is None else "done"
    return State(status, started, finished, tuple(results[position] for position in sorted(results)))


def _told(known: Result, event: Event) -> Result:
    match event.type:
        case "exercise_swapped":
            return replace(known, exercise=str(event.body["exercise"]))
        case "pain_after":
            return replace(known, pain_after_24h=event.body["pain"])
        case "exercise_skipped":
            plain = Result(known.position, known.exercise, "skipped", pain_after_24h=known.pain_after_24h)
            return replace(plain, reason=event.body["reason"], note=event.body.get("note"), done_at=event.at)
        case _:
            said: dict[str, Any] = {name: event.body.get(name) for name in _MEASURES}
            return replace(known, status="done", reason=None, done_at=event.at, **said)
