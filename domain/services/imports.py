"""Imports as people order them: made, looked at, confirmed, held, taken back. The work is in import_runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.bulk_runs import RESULTS_DAYS
from domain.errors import (
    ImportHasFailures,
    ImportInOtherState,
    ImportResultsNotReady,
    NotFound,
    StaleRevision,
    TooManyRequests,
)
from domain.imports import states
from domain.imports.limits import MOST_INVITED_A_DAY
from domain.imports.model import Import, Kind, Mode, OnDuplicate, Options
from domain.jobs import Job
from domain.ports import UnitOfWork
from domain.services.bulk_turns import RUN_IMPORT, release, start_import

ROUTE = "imports.create"
CHECK, COLLECT = "import_check", "import_results"
_A_DAY_S = 24 * 3600
NewId = Callable[[], UUID]


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants imported, and how."""

    kind: Kind
    mode: Mode
    on_duplicate: OnDuplicate
    options: Options


def create(
    uow: UnitOfWork, order: Order, import_id: UUID, key: str, body_hash: str, correlation_id: str
) -> tuple[Import, bool]:
    """The import, waiting for its file, and whether the key had made it before. Raises NotFound for a template that is
    not there, IdempotencyKeyReused, RequestInFlight.
    """
    if order.options.template is not None:
        uow.templates.find(order.options.template)
    kept = uow.keys.claim(ROUTE, key, body_hash)
    if kept is not None:
        return uow.imports.read(UUID(kept["import_id"])), True
    new: dict[str, Any] = {
        "id": import_id,
        "created_by": _somebody(uow),
        "kind": order.kind,
        "mode": order.mode,
        "on_duplicate": order.on_duplicate,
        "options": order.options,
        "correlation_id": correlation_id,
    }
    made = uow.imports.add(new)
    uow.keys.keep(ROUTE, key, {"import_id": str(import_id)})
    return made, False


def awaiting(uow: UnitOfWork, import_id: UUID) -> Import:
    """One that still waits for its file. Raises ImportInOtherState."""
    return _in_state(uow.imports.read(import_id), "upload")


def validate(uow: UnitOfWork, import_id: UUID, new_id: NewId) -> tuple[Import, Job | None]:
    """Its file is there: look at it. Again: nothing happens. Raises ImportInOtherState."""
    found = uow.imports.locked(import_id)
    if found.status == "validating":
        return found, None
    _in_state(found, "validate")
    uow.imports.note("uploaded", import_id)
    found = uow.imports.change(import_id, status="validating")
    return found, uow.jobs.enqueue(new_id(), CHECK, found.created_by, import_id)


def confirm(uow: UnitOfWork, import_id: UUID, revision: int, new_id: NewId) -> tuple[Import, Job | None]:
    """Run what was shown. Raises StaleRevision, ImportInOtherState, ImportHasFailures, TooManyRequests."""
    found = uow.imports.locked(import_id)
    if found.revision != revision:
        raise StaleRevision
    _in_state(found, "confirm")
    if found.mode == "atomic" and found.counts.get("fail"):
        raise ImportHasFailures
    wanted = found.counts.get("create", 0)
    if found.kind == "members" and uow.imports.invited_today() + wanted > MOST_INVITED_A_DAY:
        raise TooManyRequests(_A_DAY_S)
    return start_import(uow, uow.imports.confirm(import_id, wanted + found.counts.get("update", 0)), new_id)


def pause(uow: UnitOfWork, import_id: UUID, new_id: NewId) -> tuple[Import, Job | None]:
    """The chunk that is being worked on is stopped before it is stored. Whoever waits comes next."""
    found = _in_state(uow.imports.locked(import_id), "pause")
    uow.imports.note("paused", import_id)
    paused = uow.imports.change(import_id, status="paused")
    return paused, release(uow, new_id) if found.status == "running" else None


def resume(uow: UnitOfWork, import_id: UUID, new_id: NewId) -> tuple[Import, Job | None]:
    found = _in_state(uow.imports.locked(import_id), "resume")
    uow.imports.note("resumed", import_id)
    return start_import(uow, found, new_id)


def cancel(uow: UnitOfWork, import_id: UUID, new_id: NewId) -> tuple[Import, Job | None]:
    """What has been done stays done; see undo."""
    found = _in_state(uow.imports.locked(import_id), "cancel")
    ended = uow.imports.end(import_id, "canceled")
    return ended, release(uow, new_id) if found.status == "running" else None


def retry_failed(uow: UnitOfWork, import_id: UUID, new_id: NewId) -> tuple[Import, Job | None]:
    """Look at each failed row again, and run what can be run now."""
    found = _in_state(uow.imports.locked(import_id), "retry_failed")
    if found.mode == "validate_only":
        raise ImportInOtherState
    again = uow.imports.retry(import_id)
    if not again:
        return found, None
    uow.imports.note("retried", import_id)
    left = uow.imports.counts(import_id).get("fail", 0)
    found = uow.imports.change(
        import_id, to_do=found.done + found.skipped + again, failed=0, position=0, counts=found.counts | {"fail": left}
    )
    return start_import(uow, found, new_id)


def undo(uow: UnitOfWork, import_id: UUID, revision: int, new_id: NewId) -> tuple[Import, Job | None]:
    """Take back what nobody has used yet. Raises ImportInOtherState, also while another run is under way."""
    found = uow.imports.locked(import_id)
    if found.revision != revision:
        raise StaleRevision
    _in_state(found, "undo")
    if not uow.imports.slot():
        raise ImportInOtherState
    uow.imports.note("undone", import_id)
    uow.imports.change(import_id, position=0, to_do=found.done)
    found = uow.imports.begin_run(import_id, "undoing", 0)
    return found, uow.jobs.enqueue(new_id(), RUN_IMPORT, found.created_by, import_id)


def results(uow: UnitOfWork, import_id: UUID, new_id: NewId) -> Job:
    """Have a file made of what became of each row. While one is being made, it is that one."""
    found = uow.imports.read(import_id)
    if found.status in {"uploading", "validating", "invalid"}:
        raise ImportInOtherState
    uow.imports.note("results_asked", import_id)
    return uow.jobs.enqueue(new_id(), COLLECT, found.created_by, import_id)


def collected(uow: UnitOfWork, import_id: UUID) -> None:
    """There is a file of results, and somebody is about to get it. Raises ImportResultsNotReady, NotFound."""
    uow.imports.read(import_id)
    if not uow.imports.has_results(import_id, RESULTS_DAYS):
        raise ImportResultsNotReady
    uow.imports.note("results_downloaded", import_id)


def _in_state(found: Import, action: str) -> Import:
    if not states.may(action, found.status):
        raise ImportInOtherState
    return found


def _somebody(uow: UnitOfWork) -> UUID:
    if uow.context.user_id is None:
        raise NotFound
    return uow.context.user_id
