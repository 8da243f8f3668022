"""Filters under a name. Everybody who cares for the members of a business shares them."""

from uuid import UUID

from domain.cohort_groups import CohortQuery, Group, told
from domain.cohorts import MOST_VIEWS, SavedFilter, View
from domain.errors import TooManyViews
from domain.ports import UnitOfWork


def save(uow: UnitOfWork, view_id: UUID, name: str, wanted: SavedFilter, key: str, body_hash: str) -> tuple[View, bool]:
    """The view, and whether the key had made it before. Raises TooManyViews, IdempotencyKeyReused, RequestInFlight."""
    kept = uow.keys.claim("cohorts.save", key, body_hash)
    if kept is not None:
        return uow.cohorts.read_view(UUID(kept["view_id"])), True
    if uow.cohorts.count_views() >= MOST_VIEWS:
        raise TooManyViews
    made = uow.cohorts.add_view(view_id, name, wanted)
    uow.keys.keep("cohorts.save", key, {"view_id": str(view_id)})
    return made, False


def compare(uow: UnitOfWork, wanted: CohortQuery) -> tuple[list[Group], Group]:
    """The groups and their total, without what would tell of fewer than five people."""
    return told(uow.cohorts.groups(wanted))
