"""Sessions as an iCalendar file (RFC 5545). The library is loaded by the first calendar, not by the first request."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.feeds import TITLE, Found
from domain.sessions.records import Entry


def written(found: Found, entries: Sequence[Entry]) -> bytes:
    """The same sessions are the same bytes, so that a calendar that asks again is told that nothing has changed. A
    session keeps its UID wherever it moves; its number in the sequence grows with its day.
    """
    from icalendar import TRANSP, Calendar, Event  # noqa: PLC0415 - as said above

    calendar = Calendar.new(
        prodid="-//FFP//Sessions//EN", name="Sessions", uid=f"{found.user_id}@ffp", refresh_interval=timedelta(hours=6)
    )
    zone = _zone(found.time_zone)
    for entry in entries:
        event = Event.new(
            uid=f"{entry.id}@ffp",
            stamp=found.created_at,
            summary=TITLE,
            sequence=max(0, (entry.scheduled_on - entry.planned_on).days),
            transparency=TRANSP.TRANSPARENT,
        )
        if found.starts_at is None or zone is None:
            event.start, event.end = entry.scheduled_on, entry.scheduled_on + timedelta(days=1)
        else:
            begins = datetime.combine(entry.scheduled_on, found.starts_at, zone)
            event.start, event.DURATION = begins, timedelta(minutes=round(entry.minutes))
        calendar.add_component(event)
    if found.starts_at is not None and zone is not None and entries:
        calendar.add_missing_timezones()
    content: bytes = calendar.to_ical()
    return content


def _zone(name: str) -> ZoneInfo | None:
    """None for a name that PostgreSQL knows and this machine does not: then sessions are whole days."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None
