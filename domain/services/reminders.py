"""Reminders of one tenant: read some programs, work out who is to be reminded, write it down with the e-mail."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.ports import UnitOfWork
from domain.reminders import Person, Reminder, due


def read(uow: UnitOfWork, after: UUID | None, limit: int, now: datetime) -> list[Person]:
    """The next ones, by the program's id, of whom something may be due about `now`. Nothing is locked."""
    return uow.reminders.people(after, limit, now)


def plan(people: Sequence[Person], now: datetime) -> list[Reminder]:
    """Pure: nothing is held while it is worked out."""
    return [each for person in people for each in due(now, person.zone, person.quiet, [person.course])]


def write(uow: UnitOfWork, reminders: Sequence[Reminder]) -> int:
    """Each with its e-mail, once: who has been reminded meanwhile is not again. Returns how many there were."""
    return uow.reminders.write(reminders) if reminders else 0
