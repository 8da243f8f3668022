"""How much of what was due was done, week by week."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from domain.outcomes.records import Sitting, Week

MOST_WEEKS = 104


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def weeks(sittings: Sequence[Sitting], today: date) -> tuple[Week, ...]:
    """From the first week in which something was due or done to the week of `today`, at most two years of them.

    Due in a week is what was first planned for it, up to today, or what has moved there since, whichever is more: who
    skips three weeks has missed those sessions, though all of them have moved; and what comes after the planned end
    counts as well. Nothing is due after a program has stopped, nor before it was taken up again. Done in a week is what
    was finished in it, whatever day it was planned for.
    """
    planned, moved, done = Counter[date](), Counter[date](), Counter[date]()
    for each in sittings:
        if each.done_on is not None and each.status == "done":
            done[monday(each.done_on)] += 1
        if _was_due(each, each.planned_on, today) and not _before_restart(each):
            planned[monday(each.planned_on)] += 1
        if each.status != "dropped" and _was_due(each, each.scheduled_on, today):
            moved[monday(each.scheduled_on)] += 1
    known = planned.keys() | moved.keys() | done.keys()
    if not known:
        return ()
    first = max(min(known), monday(today) - timedelta(weeks=MOST_WEEKS - 1))
    span = (monday(today) - first).days // 7 + 1
    days = [first + timedelta(weeks=number) for number in range(span)]
    return tuple(_week(day, max(planned[day], moved[day]), done[day]) for day in days)


def _was_due(sitting: Sitting, day: date, today: date) -> bool:
    """On the very day something stopped, or today, it is due only once it is done: there is time left for it."""
    last = today if sitting.until is None else min(today, sitting.until)
    return day < last or (day == last and sitting.status == "done")


def _before_restart(sitting: Sitting) -> bool:
    """Planned for a day before the program was taken up again, and moved then: asked for on its new day only."""
    return (
        sitting.counted_from is not None
        and sitting.planned_on < sitting.counted_from
        and sitting.scheduled_on != sitting.planned_on
    )


def _week(day: date, due: int, done: int) -> Week:
    return Week(day, due, done, None if due == 0 else min(100, round(100 * done / due)))
