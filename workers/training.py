"""What programs ask of a worker: learn from a finished session, and catch up with the ones that were missed."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from domain.errors import NotFound, StaleRevision
from domain.jobs import Transient
from domain.records import Claim
from domain.safety.rules import PainThresholds
from domain.services import adapting, catching_up
from domain.services.business import THRESHOLDS
from domain.tenancy import worker_context
from infra import logs, missed
from infra.database import unit_of_work
from infra.ids import new_id
from infra.telemetry import entry
from infra.units import UnitOfWork
from workers import tenants
from workers.reminders import remind

Open = Callable[[], AbstractContextManager[UnitOfWork]]
CHUNK = 100  # programs of one transaction: locks are held for the writing of so many, never for their working out
_SCHEDULED_S = 780.0  # of fourteen minutes
_PERIOD_S = 900.0  # somewhere on earth a day begins each quarter of an hour


def adapt(begin: Open, claim: Claim) -> bool:
    """Decide, without a transaction open; then store all of it with the job's end, or decide anew."""
    job = claim.job
    with begin() as uow:
        try:
            case = adapting.read(uow, job)
        except NotFound:
            case = None  # the program has been erased
        library = None if case is None else uow.libraries.get(case.program.library_hash)
    made = None
    if case is not None and library is not None:
        thresholds = PainThresholds.model_validate(claim.settings.get(THRESHOLDS, {}))
        made = adapting.draft(case, adapting.decisions(case, thresholds), library, new_id)
    try:
        with begin() as uow:
            if case is not None and made is not None:
                adapting.write(uow, case, made)
            uow.jobs.finish(job, None if case is None else "program", None if case is None else case.program.id)
    except StaleRevision:
        raise Transient("program_changed", retry_in=1) from None
    return False


def catch_up(
    now: datetime | None = None, chunk: int = CHUNK, go_on: Callable[[], bool] = lambda: True
) -> dict[str, int]:
    """Every tenant with something to do, one chunk after the other while `go_on()` says so: what is left is there the
    next time. Again on the same day: nothing changes. Returns counts. Raises Unavailable, TenantsFailed.
    """
    at = now or datetime.now(UTC)
    counts = {"programs": 0, "sessions_moved": 0, "eased": 0}
    try:
        tenants.each(
            lambda after: missed.tenants(at, after), lambda each: _tenant(each, at, chunk, go_on, counts), go_on
        )
    finally:
        if counts["sessions_moved"]:
            logs.info("caught_up", **counts)
    return counts


def _tenant(tenant_id: UUID, now: datetime, chunk: int, go_on: Callable[[], bool], counts: dict[str, int]) -> None:
    context = worker_context(tenant_id)
    after: UUID | None = None
    while go_on():
        with unit_of_work(context) as uow:
            strategy, due = catching_up.read(uow, after, chunk, now)
        if not due:
            break
        after = due[-1].program_id
        moved = catching_up.plan(due, strategy)
        together = [each for each in moved if each.outcome.reentry_from is None]
        with unit_of_work(context) as uow:
            counts["sessions_moved"] += uow.missed_sessions.write(together)
        for each in moved:
            if each.outcome.reentry_from is not None:  # with its smaller doses, or not at all
                with suppress(StaleRevision), unit_of_work(context) as uow:  # begun meanwhile: the next time
                    moved_now = uow.missed_sessions.write([each])
                    counts["eased"] += catching_up.ease(uow, each.due.program_id, uow.libraries.get)
                    counts["sessions_moved"] += moved_now
        counts["programs"] += len(due)


@entry("missed_sessions")
def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """Sessions are moved first: nobody is reminded of one on the day that it leaves. One function for both, since each
    takes one of the database's connections.
    """
    end = time.monotonic() + _SCHEDULED_S
    try:
        counts = catch_up(go_on=lambda: time.monotonic() < end)
    finally:  # what is wrong with moving them is no reason not to remind anybody
        reminded = remind(go_on=lambda: time.monotonic() < end)
    return counts | reminded


def run(stop: threading.Event) -> None:
    """Until `stop`. Nothing that fails here ends it: the next period goes on where this one was."""
    while not stop.is_set():
        try:
            catch_up(go_on=lambda: not stop.is_set())
        except Exception as error:  # noqa: BLE001 - the next period tries again
            logs.warning("catch_up_failed", error=type(error).__name__, frames=logs.frames(error))
        stop.wait(_PERIOD_S)
