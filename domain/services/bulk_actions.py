"""Bulk actions as people order them: looked at, confirmed, held, ended. The work is in bulk_action_runs."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from domain.bulk_actions.model import ALLOWED, BulkAction, Order, Preview
from domain.bulk_runs import RESULTS_DAYS
from domain.cohorts import Filter
from domain.errors import BulkActionFileNotReady, BulkActionInOtherState, ExpectedCountDiffers, NotFound
from domain.jobs import Job
from domain.ports import UnitOfWork
from domain.services.bulk_turns import release, start_action

ROUTE = "bulk_actions.create"
COLLECT = "bulk_action_results"
NewId = Callable[[], UUID]


def filter_of(uow: UnitOfWork, view_id: UUID) -> Filter:
    """What a saved view means now. Raises NotFound."""
    return Filter.model_validate(uow.cohorts.read_view(view_id).filter.model_dump())


def preview(uow: UnitOfWork, order: Order, now: datetime) -> Preview:
    """What would be done, for how many, and why not for the others. Raises NotFound for an unknown template."""
    return uow.bulk_actions.preview(order, slugs(uow, order), now)


def create(
    uow: UnitOfWork, ordered: Callable[[], Order], key: str, body_hash: str, correlation_id: str, new_id: NewId
) -> tuple[BulkAction, Job | None, bool]:
    """For whom it is, is fixed now; `ordered` is asked unless the key has made one before. The action, its job where it
    is its turn, and whether the key had made it.

    Raises NotFound, ExpectedCountDiffers, IdempotencyKeyReused, RequestInFlight: then nothing was ordered.
    """
    kept = uow.keys.claim(ROUTE, key, body_hash)
    if kept is not None:
        return uow.bulk_actions.read(UUID(kept["action_id"])), None, True
    order = ordered()
    slugs(uow, order)
    if uow.context.user_id is None:
        raise NotFound
    made = uow.bulk_actions.add(order, new_id(), uow.context.user_id, correlation_id)
    if made.to_do != order.expected:
        raise ExpectedCountDiffers
    uow.keys.keep(ROUTE, key, {"action_id": str(made.id)})
    return *start_action(uow, made, new_id), False


def slugs(uow: UnitOfWork, order: Order) -> list[str]:
    """Of regenerate: the templates of which programs can be made now. Raises NotFound."""
    if order.options.template is not None:
        uow.templates.find(order.options.template)
    return [ref.slug for ref, _ in uow.templates.list()] if order.action == "regenerate" else []


def pause(uow: UnitOfWork, action_id: UUID, new_id: NewId) -> tuple[BulkAction, Job | None]:
    """The chunk that is being worked on is stopped before it is stored. Whoever waits comes next."""
    found = _in_state(uow.bulk_actions.locked(action_id), "pause")
    uow.bulk_actions.note("paused", action_id)
    paused = uow.bulk_actions.change(action_id, status="paused")
    return paused, release(uow, new_id) if found.status == "running" else None


def resume(uow: UnitOfWork, action_id: UUID, new_id: NewId) -> tuple[BulkAction, Job | None]:
    found = _in_state(uow.bulk_actions.locked(action_id), "resume")
    uow.bulk_actions.note("resumed", action_id)
    return start_action(uow, found, new_id)


def cancel(uow: UnitOfWork, action_id: UUID, new_id: NewId) -> tuple[BulkAction, Job | None]:
    """What has been done stays done."""
    found = _in_state(uow.bulk_actions.locked(action_id), "cancel")
    ended = uow.bulk_actions.end(action_id, "canceled")
    return ended, release(uow, new_id) if found.status == "running" else None


def results(uow: UnitOfWork, action_id: UUID, new_id: NewId) -> Job:
    """Have a file made of what became of each member. While one is being made, it is that one."""
    found = uow.bulk_actions.read(action_id)
    uow.bulk_actions.note("results_asked", action_id)
    return uow.jobs.enqueue(new_id(), COLLECT, found.created_by, action_id)


def collected(uow: UnitOfWork, action_id: UUID) -> None:
    """There is a file of results, and somebody is about to get it. Raises BulkActionFileNotReady, NotFound."""
    uow.bulk_actions.read(action_id)
    if not uow.bulk_actions.has_results(action_id, RESULTS_DAYS):
        raise BulkActionFileNotReady
    uow.bulk_actions.note("results_downloaded", action_id)


def exported(uow: UnitOfWork, action_id: UUID) -> BulkAction:
    """There is an exported file, and somebody is about to get it. Raises BulkActionFileNotReady, NotFound."""
    found = uow.bulk_actions.read(action_id)
    if not uow.bulk_actions.has_file(action_id, RESULTS_DAYS):
        raise BulkActionFileNotReady
    uow.bulk_actions.note("file_downloaded", action_id)
    return found


def _in_state(found: BulkAction, action: str) -> BulkAction:
    if found.status not in ALLOWED[action]:
        raise BulkActionInOtherState
    return found
