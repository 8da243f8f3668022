"""What a client says happened in a session: it may come late, twice and out of order, and goes by its own clock."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

EventType = Literal["started", "exercise_done", "exercise_skipped", "exercise_swapped", "pain_after", "finished"]
SkipReason = Literal["pain", "too_hard", "no_time", "no_equipment", "unwell", "other"]
OF_AN_EXERCISE: frozenset[EventType] = frozenset(
    {"exercise_done", "exercise_skipped", "exercise_swapped", "pain_after"}
)

SKEW = timedelta(minutes=5)  # how far a client's clock may be ahead
OLDEST = timedelta(days=30)  # how long a client may have been offline
MOST_OF_A_SESSION = 500  # events kept of one session

# code -> what the client reads
REFUSALS: dict[str, str] = {
    "in_the_future": "Its time has not come yet, by the clock of the server.",
    "too_old": "It is more than 30 days old.",
    "no_such_exercise": "The session has no exercise at this position.",
    "not_an_alternative": "This exercise may not take the place of that one.",
    "id_reused": "Another event of this session has the same id.",
    "program_not_active": "The program was not being done at that time.",
    "too_many": "The session has as many events as it can.",
}


@dataclass(frozen=True, slots=True)
class Event:
    """`id` and `at` are the client's; `body` holds what its type allows, and nothing that is not set."""

    id: UUID
    at: datetime
    type: EventType
    position: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not taken, and why: a key of REFUSALS."""

    id: UUID
    code: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What events are held against. `active_until` is None while the program is being done; `swaps` are the exercises
    that may stand at a position.
    """

    now: datetime
    positions: frozenset[int]
    active_until: datetime | None
    swaps: Mapping[int, Collection[str]]


@dataclass(frozen=True, slots=True)
class Taken:
    """`new` are to be stored; `known` were, by an earlier report or earlier in this one."""

    new: tuple[Event, ...]
    known: tuple[UUID, ...]
    refused: tuple[Refused, ...]


def take(stored: Iterable[Event], reported: Iterable[Event], setting: Setting) -> Taken:
    """Each reported event is new, known or refused: none is dropped in silence."""
    by_id = {event.id: event for event in stored}
    new: list[Event] = []
    known: list[UUID] = []
    refused: list[Refused] = []
    for event in reported:
        if event.id in by_id:
            if by_id[event.id] == event:
                known.append(event.id)
            else:
                refused.append(Refused(event.id, "id_reused"))
            continue
        code = "too_many" if len(by_id) >= MOST_OF_A_SESSION else _refusal(event, setting)
        if code is not None:
            refused.append(Refused(event.id, code))
            continue
        by_id[event.id] = event
        new.append(event)
    return Taken(tuple(new), tuple(known), tuple(refused))


def _refusal(event: Event, setting: Setting) -> str | None:
    if event.at > setting.now + SKEW:
        return "in_the_future"
    if event.at < setting.now - OLDEST:
        return "too_old"
    # How it felt a day later may be said whatever has become of the program: it is about what was done before.
    if setting.active_until is not None and event.at > setting.active_until and event.type != "pain_after":
        return "program_not_active"
    if event.type in OF_AN_EXERCISE and event.position not in setting.positions:
        return "no_such_exercise"
    if event.type == "exercise_swapped" and event.body.get("exercise") not in setting.swaps.get(
        event.position or 0, ()
    ):
        return "not_an_alternative"
    return None
