"""Identifiers that sort by time (UUIDv7), so that new rows land together at the end of an index."""

from uuid import UUID

from uuid_utils import reseed_rng
from uuid_utils.compat import uuid7


def new_id() -> UUID:
    return uuid7()


def reseed() -> None:
    """After a copy of this process has been made: the two would go on with the same ids."""
    reseed_rng()
