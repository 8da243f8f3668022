"""A person's own profile."""

from collections.abc import Mapping

from domain.errors import StaleRevision, UnknownTimeZone
from domain.ports import UnitOfWork
from domain.rights import Profile


def read(uow: UnitOfWork) -> Profile:
    return uow.profile.read()


def change(uow: UnitOfWork, revision: int, changes: Mapping[str, str]) -> Profile:
    """Set what `changes` names: `display_name`, `locale`, `time_zone`. Raises StaleRevision, UnknownTimeZone."""
    found = uow.profile.read()
    if found.revision != revision:
        raise StaleRevision
    different = {name: value for name, value in changes.items() if getattr(found, name) != value}
    if "time_zone" in different and not uow.profile.knows_time_zone(different["time_zone"]):
        raise UnknownTimeZone
    return uow.profile.change(revision, different) if different else found
