"""The limits in force, and what they were."""

from uuid import UUID

from domain.errors import StaleRevision
from domain.limits import Limits, LimitsVersion
from domain.pages import Page, Window
from domain.ports import OperationsWork


def read(work: OperationsWork) -> LimitsVersion:
    return work.limits.newest()


def history(work: OperationsWork, window: Window) -> Page[LimitsVersion]:
    """Newest first."""
    return work.limits.page(window)


def change(work: OperationsWork, version: int, limits: Limits, reason: str, new_id: UUID) -> LimitsVersion:
    """Put `limits` in force after `version`. Raises StaleRevision where another one is in force by now."""
    if work.limits.newest().version != version or not work.limits.add(version + 1, new_id, limits, reason):
        raise StaleRevision
    return work.limits.newest()
