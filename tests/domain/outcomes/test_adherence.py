"""What was due, and what was done of it."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.outcomes.adherence import weeks
from domain.outcomes.records import Sitting

MONDAY = date(2026, 11, 2)
TODAY = MONDAY + timedelta(days=16)  # Wednesday of the third week


def day(number: int) -> date:
    return MONDAY + timedelta(days=number)


def plan(*done: int, count: int = 9) -> list[Sitting]:
    """Mondays, Wednesdays and Fridays of three weeks; those at these places are done on their day."""
    days = [day(7 * week + 2 * number) for week in range(3) for number in range(3)][:count]
    return [Sitting(d, d, "done" if n in done else "planned", d if n in done else None) for n, d in enumerate(days)]


def numbers(sittings: list[Sitting], today: date = TODAY) -> list[tuple[int, int, int | None]]:
    return [(week.due, week.done, week.percent) for week in weeks(sittings, today)]


def test_today_is_due_once_it_is_done() -> None:
    assert numbers(plan(0, 1, 2, 3)) == [(3, 3, 100), (3, 1, 33), (1, 0, 0)]
    assert numbers(plan(0, 1, 2, 3, 7)) == [(3, 3, 100), (3, 1, 33), (2, 1, 50)]
    assert numbers([]) == []


def test_what_moved_was_due_where_it_was_planned_and_counts_where_it_is_done() -> None:
    moved = [Sitting(each.planned_on, each.planned_on + timedelta(weeks=2), "planned", None) for each in plan()[:3]]
    assert numbers(moved) == [(3, 0, 0), (0, 0, None), (1, 0, 0)]
    late = [Sitting(day(0), day(14), "done", day(14)), *moved[1:]]
    assert numbers(late) == [(3, 0, 0), (0, 0, None), (1, 1, 100)]


def test_nothing_is_due_after_it_stopped_nor_between_an_archive_and_a_restart() -> None:
    stopped = [Sitting(s.planned_on, s.planned_on, s.status, s.done_on, None, day(3)) for s in plan(0)]
    assert numbers(stopped) == [(2, 1, 50), (0, 0, None), (0, 0, None)]
    restarted = [Sitting(day(0), day(0), "done", day(0), day(14)), Sitting(day(2), day(14), "planned", None, day(14))]
    assert numbers(restarted) == [(1, 1, 100), (0, 0, None), (1, 0, 0)]


places = st.integers(-40, 40).map(lambda number: TODAY + timedelta(days=number))


@given(st.lists(st.builds(
    lambda planned, on, status, late: Sitting(planned, on, status, min(TODAY, on + late) if status == "done" else None),
    places, places, st.sampled_from(("planned", "missed", "dropped", "done")), st.integers(0, 9).map(timedelta),
)))  # fmt: skip
def test_weeks_follow_each_other_and_every_done_session_is_counted_once(sittings: list[Sitting]) -> None:
    found = weeks(sittings, TODAY)
    assert sum(week.done for week in found) == sum(each.status == "done" for each in sittings)
    assert all(b.begins_on - a.begins_on == timedelta(days=7) for a, b in pairwise(found))
    assert all(week.begins_on.weekday() == 0 and week.begins_on <= TODAY for week in found)
    assert all(week.percent is None or 0 <= week.percent <= 100 for week in found)
    assert sum(week.due for week in found) <= 2 * len(sittings)
