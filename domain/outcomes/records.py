"""Outcomes of one person, and what they are worked out from."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain.assessments.scoring import Change, ScaleScore


@dataclass(frozen=True, slots=True)
class Attempt:
    """One submitted assessment: the stored scores, as `ScaleScore.model_dump` wrote them."""

    template: str
    number: int
    at: datetime
    scores: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Sitting:
    """One session of a program. `done_on` is a day of its person's calendar; `counted_from` the day from which the
    program counts again after a restart; `until` the day on which it stopped, None while it is active.
    """

    planned_on: date
    scheduled_on: date
    status: str
    done_on: date | None
    counted_from: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Felt:
    """The worst pain of a finished session, 0-10: while doing it, and 24 hours later; None: nobody said."""

    at: datetime
    during: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """Everything outcomes are made of. `today` is the person's."""

    today: date
    attempts: list[Attempt]
    sittings: list[Sitting]
    felt: list[Felt]


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a plot. `attempt` and `band` are those of a score, else None."""

    at: datetime
    value: float
    attempt: int | None = None
    band: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Instrument:
    """One scale of one template over attempts. The changes are None where two scores cannot be compared."""

    template: str
    latest: ScaleScore
    series: tuple[Point, ...]
    since_first: Change | None
    since_previous: Change | None


@dataclass(frozen=True, slots=True)
class Week:
    """`begins_on` is a Monday. `percent` of what was due was done, at most 100; None where nothing was due."""

    begins_on: date
    due: int
    done: int
    percent: int | None


@dataclass(frozen=True, slots=True)
class Outcomes:
    person: UUID
    as_of: date
    instruments: tuple[Instrument, ...]
    weeks: tuple[Week, ...]
    pain_during: tuple[Point, ...]
    pain_after: tuple[Point, ...]
