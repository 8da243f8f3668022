"""Schedules over tenants, one after the other: what is wrong with one keeps nothing from being done for the others."""

from collections.abc import Callable, Sequence
from uuid import UUID

from domain.errors import Unavailable
from infra import logs


class TenantsFailed(Exception):
    """Said once everybody else has been seen to; the lines before it name them."""


def each(
    tenants: Callable[[UUID | None], Sequence[UUID]], work: Callable[[UUID], None], go_on: Callable[[], bool]
) -> None:
    """Do `work` for each tenant while `go_on()` says so; `tenants(after)` are the next ones by id, none at the end.

    Raises Unavailable at once, which is everybody's, and TenantsFailed at the end, so that an alarm hears of it.
    """
    failed = 0
    after: UUID | None = None
    while go_on() and (found := tenants(after)):
        for tenant_id in found:
            try:
                work(tenant_id)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it
                failed += 1
                facts = {"error": type(error).__name__, "frames": logs.frames(error)}
                logs.error("tenant_failed", tenant_id=str(tenant_id), **facts)
        after = found[-1]
    if failed:
        raise TenantsFailed(failed)
