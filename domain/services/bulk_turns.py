"""One import or bulk action runs at a time in a business; the others wait. Whoever has waited longest comes next."""

from collections.abc import Callable
from uuid import UUID

from domain.bulk_actions.model import BulkAction
from domain.imports.model import Import
from domain.jobs import Job
from domain.ports import UnitOfWork

RUN_IMPORT, RUN_ACTION = "import", "bulk_action"
NewId = Callable[[], UUID]


def start_import(uow: UnitOfWork, found: Import, new_id: NewId) -> tuple[Import, Job | None]:
    """Running, or waiting for what runs."""
    if not uow.imports.slot():
        return uow.imports.change(found.id, status="waiting"), None
    found = uow.imports.begin_run(found.id, "running", found.worked_on)
    return found, uow.jobs.enqueue(new_id(), RUN_IMPORT, found.created_by, found.id)


def start_action(uow: UnitOfWork, found: BulkAction, new_id: NewId) -> tuple[BulkAction, Job | None]:
    """The same."""
    if not uow.bulk_actions.slot():
        return uow.bulk_actions.change(found.id, status="waiting"), None
    found = uow.bulk_actions.begin_run(found.id, "running", found.worked_on)
    return found, uow.jobs.enqueue(new_id(), RUN_ACTION, found.created_by, found.id)


def release(uow: UnitOfWork, new_id: NewId) -> Job | None:
    """What ran has ended, or is held. Returns the job of what runs now."""
    order, action = uow.imports.next_waiting(), uow.bulk_actions.next_waiting()
    if order is not None and (action is None or (order.confirmed_at or order.created_at) <= action.created_at):
        return start_import(uow, order, new_id)[1]
    return start_action(uow, action, new_id)[1] if action is not None else None
