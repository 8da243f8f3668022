"""Reminds people, each quarter of an hour: somewhere somebody's quiet hours have ended. On Lambda the entry of
workers/training.py does it.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from domain.services import reminders
from domain.tenancy import worker_context
from infra import logs
from infra.database import unit_of_work
from infra.reminders import tenants as doing
from workers import tenants

CHUNK = 200  # people of one transaction
_PERIOD_S = 900.0


def remind(now: datetime | None = None, chunk: int = CHUNK, go_on: Callable[[], bool] = lambda: True) -> dict[str, int]:
    """Every tenant, one chunk after the other while `go_on()` says so: what is left is due the next time, if its day
    has not ended. Again, or killed anywhere: nobody is reminded twice. Returns counts. Raises Unavailable,
    TenantsFailed.
    """
    at = now or datetime.now(UTC)
    counts = {"people": 0, "reminded": 0}
    try:
        tenants.each(doing, lambda each: _tenant(each, at, chunk, go_on, counts), go_on)
    finally:
        if counts["reminded"]:
            logs.info("reminded", **counts)
    return counts


def _tenant(tenant_id: UUID, now: datetime, chunk: int, go_on: Callable[[], bool], counts: dict[str, int]) -> None:
    context = worker_context(tenant_id)
    after: UUID | None = None
    while go_on():
        with unit_of_work(context) as uow:
            people = reminders.read(uow, after, chunk, now)
        if not people:
            return
        after = people[-1].course.program_id
        counts["people"] += len(people)
        with unit_of_work(context) as uow:
            counts["reminded"] += reminders.write(uow, reminders.plan(people, now))


def run(stop: threading.Event) -> None:
    """Until `stop`. Nothing that fails here ends it."""
    while not stop.is_set():
        try:
            remind(go_on=lambda: not stop.is_set())
        except Exception as error:  # noqa: BLE001 - the next period tries again
            logs.warning("remind_failed", error=type(error).__name__, frames=logs.frames(error))
        stop.wait(_PERIOD_S)
