"""Calendar feeds: made, listed, revoked by their owner; read by whoever has the address."""

from datetime import date, time, timedelta
from uuid import UUID

from domain.errors import TooManyFeeds
from domain.feeds import AHEAD_DAYS, MOST, PAST_DAYS, Feed, hashed
from domain.ports import UnitOfWork
from domain.sessions.records import Entry


def create(uow: UnitOfWork, feed_id: UUID, token: str, starts_at: time | None) -> Feed:
    """The token itself is kept nowhere. Raises TooManyFeeds."""
    if uow.feeds.count() >= MOST:
        raise TooManyFeeds
    return uow.feeds.add(feed_id, hashed(token), starts_at)


def sessions(uow: UnitOfWork, today: date) -> list[Entry]:
    """The owner's, of the active program: from a month ago to about a year ahead."""
    return uow.training.calendar(today - timedelta(days=PAST_DAYS), today + timedelta(days=AHEAD_DAYS))
