"""Missed sessions of one tenant: read some programs, work out their days, write what has changed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.errors import StaleRevision
from domain.ports import UnitOfWork
from domain.programs.library import Library
from domain.records import Session
from domain.services.edits import plan_of
from domain.sessions.missed import Due, Moved, catch_up
from domain.sessions.reentry import eased, percent_of


def plan(due: Sequence[Due], strategy: Any) -> list[Moved]:
    """Pure: nothing is held while it is worked out."""
    return [Moved(each, catch_up(each.course, strategy)) for each in due]


def read(uow: UnitOfWork, after: UUID | None, limit: int, now: datetime) -> tuple[str, list[Due]]:
    """The tenant's strategy and the next programs."""
    return uow.missed_sessions.strategy(), uow.missed_sessions.due(after, limit, now)


def ease(uow: UnitOfWork, program_id: UUID, library_of: Callable[[str], Library]) -> int:
    """Make the next four weeks of a program smaller after a break (I38). Again: from what they were before.

    Returns how many sessions it were. Raises StaleRevision where somebody has begun one of them meanwhile.
    """
    program = uow.programs.work_on(program_id)
    library = library_of(program.library_hash)
    plan_now = plan_of(program)
    doses = {(w.number, s.number): s for w in plan_now.weeks for s in w.sessions}
    coming = [s for s in program.sessions if s.status in ("planned", "missed")]
    lines: list[Mapping[str, Any]] = []
    minutes: list[Mapping[str, Any]] = []
    eased_sessions = 0
    bases = uow.missed_sessions.bases(program_id)
    for place, stored in enumerate(coming):
        percent = percent_of(place, int(program.spec["days"]))
        whole = _whole(doses[(stored.week, stored.number)], stored, bases)
        after = whole if percent is None else eased(whole, percent, library)
        if percent is None and not any((stored.id, item.position) in bases for item in stored.items):
            continue
        eased_sessions += 1
        minutes.append({"id": str(stored.id), "minutes": after.minutes})
        for old, base, new in zip(stored.items, whole.items, after.items, strict=True):
            kept = None if base == new else base.model_dump(mode="json")
            row = {"session_id": str(stored.id), "position": old.position, "base": kept}
            lines.append(new.model_dump(mode="json") | row)
    if not uow.adaptations.untouched([UUID(row["id"]) for row in minutes]):
        raise StaleRevision
    uow.adaptations.write_lines(lines, [], minutes)
    return eased_sessions


def _whole(now: Any, stored: Session, bases: Mapping[tuple[UUID, int], Mapping[str, Any]]) -> Any:
    """The session as it was before any earlier re-entry."""
    items = tuple(
        type(item).model_validate(bases[(stored.id, old.position)]) if (stored.id, old.position) in bases else item
        for old, item in zip(stored.items, now.items, strict=True)
    )
    return now.model_copy(update={"items": items, "minutes": sum(item.minutes for item in items)})
