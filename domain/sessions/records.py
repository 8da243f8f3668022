"""Rows of doing a program, as the services see them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain.records import Prescribed
from domain.sessions.events import Event
from domain.sessions.state import Result


@dataclass(frozen=True, slots=True)
class Entry:
    """One session in a calendar. `planned_on` is the day it was made for, `scheduled_on` the one it is on now."""

    program_id: UUID
    id: UUID
    week: int
    number: int
    deload: bool
    scheduled_on: date
    planned_on: date
    minutes: float
    status: str
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """A session with what it prescribes and what was done of it."""

    entry: Entry
    user_id: UUID
    program_status: str
    started_at: datetime | None
    items: tuple[Prescribed, ...]
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class OpenSession:
    """What a report is held against; its row is locked. `exercises` by position."""

    program_id: UUID
    status: str
    program_status: str
    program_status_at: datetime
    spec: dict[str, Any]
    library_hash: str
    events: tuple[Event, ...]
    exercises: dict[int, str]


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What was decided of an exercise after a session: `rule` is a key of adaptation.RULES. `changes` are the lines
    that changed, or would: week, session, `before` and `after`, which is null where the line was left out.
    """

    id: UUID
    program_id: UUID
    session_id: UUID
    user_id: UUID
    exercise: str
    rule: str
    action: str
    status: str
    changes: list[dict[str, Any]]
    revision: int
    created_at: datetime
    decided_at: datetime | None
    note: str | None


@dataclass(frozen=True, slots=True)
class CheckIn:
    """`flags` are ids of red_flags.yaml, gravest first; `resumed_at` is set once a clinician let the program go on."""

    id: UUID
    program_id: UUID
    answers: dict[str, str]
    outcome: str
    level: str | None
    flags: list[str]
    advice_key: str | None
    created_at: datetime
    resumed_at: datetime | None
