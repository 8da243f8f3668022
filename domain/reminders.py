"""Of what somebody is reminded, and when: on the day, where they live, while they want to be disturbed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal
from uuid import UUID

Kind = Literal["session", "reassessment"]
# A new assessment is asked for on its day and each week after it, for four weeks: longer would be nagging.
AGAIN_DAYS, ENOUGH_DAYS = 7, 28


@dataclass(frozen=True, slots=True)
class Quiet:
    """From `start` until before `end` by the clock on the wall, over midnight where `end` is the earlier one. Both the
    same: never quiet.
    """

    start: time = time(21)
    end: time = time(8)

    def covers(self, clock: time) -> bool:
        if self.start <= self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


@dataclass(frozen=True, slots=True)
class Planned:
    """A session that is still to be done, on a day of its person's calendar."""

    id: UUID
    on: date


@dataclass(frozen=True, slots=True)
class Course:
    """Somebody's active program. `reassess_on` is None where no new assessment is due, or one was handed in since.
    `told` is the last day on which they were told of each kind, whoever told them.
    """

    program_id: UUID
    user_id: UUID
    sessions: tuple[Planned, ...]
    reassess_on: date | None
    told: Mapping[Kind, date]


@dataclass(frozen=True, slots=True)
class Person:
    """Who does a program (one has at most one), where it is their time, and when they are not to be disturbed."""

    zone: tzinfo
    quiet: Quiet
    course: Course


@dataclass(frozen=True, slots=True)
class Reminder:
    """`on` is the person's day; `subject_id` the session, or the program."""

    user_id: UUID
    kind: Kind
    on: date
    subject_id: UUID


def due(now: datetime, zone: tzinfo, quiet: Quiet, courses: Sequence[Course]) -> list[Reminder]:
    """What to remind one person of at `now` (aware): at most one of a kind a day, and nothing in quiet hours.

    Day and hour are those of the clock on the wall in `zone`, so a day of 23 or 25 hours is one day, and an hour that
    comes twice is the same hour. Where the clock jumps over the only hours that are not quiet, that day has none.
    """
    wall = now.astimezone(zone)
    if quiet.covers(wall.time()):
        return []
    today, found = wall.date(), dict[Kind, Reminder]()
    for course in courses:
        session = next((each for each in course.sessions if each.on == today), None)
        if session is not None and course.told.get("session") != today:
            found.setdefault("session", Reminder(course.user_id, "session", today, session.id))
        if course.reassess_on is not None and _again(course.reassess_on, course.told.get("reassessment"), today):
            found.setdefault("reassessment", Reminder(course.user_id, "reassessment", today, course.program_id))
    return list(found.values())


def _again(since: date, told: date | None, today: date) -> bool:
    return since <= today < since + timedelta(days=ENOUGH_DAYS) and (
        told is None or today - told >= timedelta(days=AGAIN_DAYS)
    )
