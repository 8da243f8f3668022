"""When somebody is reminded, over days of 23 and 25 hours."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.reminders import Course, Planned, Quiet, Reminder, due

# (zone, a day on which its clock jumps), with jumps at midnight, of half an hour, and over a whole day.
JUMPS = (
    ("Europe/London", date(2026, 3, 29)), ("Europe/London", date(2026, 10, 25)), ("America/New_York", date(2026, 3, 8)),
    ("Australia/Lord_Howe", date(2026, 4, 5)), ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Havana", date(2026, 3, 8)), ("America/Havana", date(2026, 11, 1)), ("Africa/Cairo", date(2026, 4, 24)),
    ("Pacific/Apia", date(2011, 12, 31)), ("Asia/Kathmandu", date(2026, 6, 1)),
)  # fmt: skip
PERSON, PROGRAM = UUID(int=1), UUID(int=2)
clocks = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))


def told(zone: str, quiet: Quiet, first: date, sessions: dict[date, UUID]) -> list[tuple[datetime, Reminder]]:
    """Five days of looks, one each quarter of an hour, each of which remembers what the ones before have told."""
    found: list[tuple[datetime, Reminder]] = []
    planned = tuple(Planned(number, day) for day, number in sessions.items())
    begin = datetime.combine(first - timedelta(days=2), time(), UTC)
    last: dict = {}
    for look in range(5 * 96):
        now = begin + timedelta(minutes=15 * look)
        for each in due(now, ZoneInfo(zone), quiet, [Course(PROGRAM, PERSON, planned, None, dict(last))]):
            found.append((now, each))
            last[each.kind] = each.on
    return found


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(JUMPS), clocks, clocks)
def test_each_session_once_on_its_own_day_and_never_in_quiet_hours(
    jump: tuple[str, date], start: time, end: time
) -> None:
    zone, day = jump
    quiet = Quiet(start, end)
    sessions = {day + timedelta(days=n): UUID(int=10 + n) for n in (-1, 0, 1)}
    found = told(zone, quiet, day, sessions)
    for at, each in found:
        wall = at.astimezone(ZoneInfo(zone))
        assert sessions[wall.date()] == each.subject_id
        assert each.on == wall.date()
        assert not quiet.covers(wall.time())
    assert len({each.on for _, each in found}) == len(found)
    awake = (24 * 60 - ((end.hour - start.hour) * 60 + end.minute - start.minute) % (24 * 60)) if start != end else 1440
    if awake >= 120 and (zone, day) != ("Pacific/Apia", date(2011, 12, 31)):  # no jump is longer than an hour
        assert [each.on for _, each in found] == list(sessions)


def test_by_default_not_from_nine_in_the_evening_to_eight_in_the_morning() -> None:
    [(at, _)] = told("Europe/London", Quiet(), date(2026, 3, 29), {date(2026, 3, 29): PROGRAM})
    assert at == datetime(2026, 3, 29, 7, tzinfo=UTC)  # 08:00 British Summer Time, the day it begins
    assert [Quiet().covers(time(hour)) for hour in (7, 8, 20, 21, 0)] == [True, False, False, True, True]


@given(clocks, clocks, clocks)
def test_the_same_twice_is_never_quiet_and_the_two_ways_round_share_the_day(a: time, b: time, clock: time) -> None:
    assert not Quiet(a, a).covers(clock)
    if a != b:
        assert Quiet(a, b).covers(clock) != Quiet(b, a).covers(clock)
