"""Three ways of going on after a missed session: order and number are kept, and no day gets more than one extra."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.programs.checking.adapted import check_adapted
from domain.programs.plan import Plan
from domain.sessions.missed import STRATEGIES, Course, Outcome, Place, Strategy, catch_up
from domain.sessions.reentry import PERCENT, eased, percent_of
from tests.domain.programs.making import LIBRARY
from tests.domain.sessions.test_adaptation import CASES, plan_of

MONDAY = date(2026, 11, 2)
DAYS = {2: (0, 3), 3: (0, 2, 4), 4: (0, 1, 3, 4), 5: (0, 1, 3, 4, 5)}
WEEKS = 6


def course(today: int, days: int = 3, done: int = 0, **changes: Any) -> Course:
    """A program of six weeks from MONDAY, `done` of its sessions done on their days; `today` in days after it."""
    places = [
        Place(UUID(int=week * 10 + n), week + 1, week == WEEKS - 1, on, on)
        for week in range(WEEKS)
        for n, day in enumerate(DAYS[days])
        for on in [MONDAY + timedelta(weeks=week, days=day)]
    ]
    last = places[done - 1].on if done else None
    now = MONDAY + timedelta(days=today)
    recent = sum(place.on > now - timedelta(days=14) for place in places[:done])
    return replace(Course(now, days, MONDAY, last, recent, tuple(places[done:])), **changes)


def after(start: Course, outcome: Outcome) -> Course:
    """The course once the outcome is stored."""
    changed = {place.id: place for place in outcome.changed}
    places = [changed.get(place.id, place) for place in start.places]
    gone = {place.week for place in places if place.status == "dropped"}
    return replace(
        start,
        places=tuple(place for place in places if place.status != "dropped"),
        left_out=start.left_out | gone,
        gap_from=outcome.reentry_from or start.gap_from,
        reassess_on=start.today if outcome.reassess else start.reassess_on,
        fewer_days_on=start.today if outcome.offer_fewer_days else start.fewer_days_on,
    )


courses = st.builds(
    lambda days, done, late: course(late, days, done=min(done, WEEKS * days - 1)),
    st.sampled_from(sorted(DAYS)),
    st.integers(0, 12),
    st.integers(0, 60),
)


def strategies() -> Any:
    return pytest.mark.parametrize("strategy", STRATEGIES)


@strategies()
@given(found=courses)
def test_order_and_number_are_kept_and_no_day_has_more_than_one_extra(strategy: Strategy, found: Course) -> None:
    """I37, and I09 of what moves: nothing in the past, nothing of the plan on one day with another of it."""
    assume(found.last_done is None or found.last_done <= found.today)
    outcome = catch_up(found, strategy)
    changed = {place.id: place for place in outcome.changed}
    all_of_them = [changed.get(place.id, place) for place in found.places]
    assert [place.id for place in all_of_them] == [place.id for place in found.places]
    left = [place for place in all_of_them if place.status != "dropped"]
    assert all(place.on >= found.today for place in left)
    extra = [place for place in left if place.status == "missed"]
    plain = [place for place in left if place.status != "missed"]
    assert all(first.on < second.on for first, second in pairwise(plain))
    assert all(first.on < second.on for first, second in pairwise(extra))
    per_day = Counter(place.on for place in left)
    assert max(per_day.values(), default=0) <= (2 if strategy == "accumulate" else 1)
    assert all(p.planned_on == q.planned_on for p, q in zip(found.places, all_of_them, strict=True))
    if strategy == "reschedule":
        assert not any(place.status == "dropped" for place in all_of_them)
        gaps = {p.on - q.on for p, q in zip(all_of_them, found.places, strict=True)}
        assert len(gaps) <= 1  # every distance is kept, and with them the 48 hours of I10
    if strategy == "accumulate":
        for old, new in zip(found.places, all_of_them, strict=True):
            if old.on >= found.today:
                assert new == old
            elif new.status == "dropped" and outcome.reentry_from is None:
                assert (found.today - old.planned_on).days > 14
    assert outcome.next_due == min((place.on for place in left), default=None)


@strategies()
@given(found=courses, later=st.integers(0, 20))
def test_again_on_the_same_day_changes_nothing(strategy: Strategy, found: Course, later: int) -> None:
    assume(found.last_done is None or found.last_done <= found.today)
    once = after(found, catch_up(found, strategy))
    again = catch_up(once, strategy)
    assert again == Outcome(next_due=again.next_due)
    assert again.next_due == catch_up(found, strategy).next_due
    tomorrow = replace(once, today=once.today + timedelta(days=later))
    twice = after(tomorrow, catch_up(tomorrow, strategy))
    assert catch_up(twice, strategy).changed == ()


@given(found=courses)
def test_flexible_never_ends_a_week_later_than_planned_while_there_is_something_to_leave_out(found: Course) -> None:
    assume(found.last_done is None or found.last_done <= found.today)
    left = after(found, catch_up(found, "flexible")).places
    loading = {place.week for place in left if not place.deload} - {left[0].week}
    if loading:
        assert (left[-1].on - left[-1].planned_on).days < 7
    assert {place.deload for place in left} >= {True}  # the easier week stays


@given(found=courses, later=st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_flexible_keeps_the_distances_of_the_plan_however_often_a_day_is_missed(
    found: Course, later: list[int]
) -> None:
    """A week that was left out stays left out: nothing moves back behind it. And with the plan's distances stay its 48
    hours (I10).
    """
    assume(found.last_done is None or found.last_done <= found.today)
    for days in (0, *later):
        found = replace(found, today=found.today + timedelta(days=days))
        found = after(found, catch_up(found, "flexible"))
        for one, other in pairwise(found.places):
            left_out = sum(one.week < week < other.week for week in found.left_out)
            assert other.on - one.on == other.planned_on - one.planned_on - timedelta(weeks=left_out)
        if {place.week for place in found.places if not place.deload} - {found.places[0].week}:
            assert (found.places[-1].on - found.places[-1].planned_on).days < 7


def test_reschedule_moves_everything_by_as_much() -> None:
    outcome = catch_up(course(1), "reschedule")
    assert [place.on for place in outcome.changed][:3] == [MONDAY + timedelta(days=n) for n in (1, 3, 5)]
    assert len(outcome.newly_missed) == 1
    # Something was done today already: it begins tomorrow.
    busy = catch_up(course(3, done=1, last_done=MONDAY + timedelta(days=3)), "reschedule")
    assert busy.next_due == MONDAY + timedelta(days=4)


def test_accumulate_keeps_the_days_and_queues_one_a_day() -> None:
    outcome = catch_up(course(7), "accumulate")  # a whole week missed
    assert [(place.on, place.status) for place in outcome.changed] == [
        (MONDAY + timedelta(days=7 + n), "missed") for n in range(3)
    ]
    later = replace(after(course(7), outcome), today=MONDAY + timedelta(days=15))
    dropped = [place for place in catch_up(later, "accumulate").changed if place.status == "dropped"]
    assert dropped  # it waited for fourteen days


def test_a_gap_begins_a_way_back_once_and_a_long_one_asks_for_an_assessment() -> None:
    for strategy in STRATEGIES:
        assert catch_up(course(13), strategy).reentry_from is None
        start = course(14, reassess_on=MONDAY + timedelta(days=35))
        outcome = catch_up(start, strategy)
        assert (outcome.reentry_from, outcome.reassess) == (MONDAY, False)
        assert not any(place.status == "missed" for place in outcome.changed)  # nothing extra on the way back
        longer = replace(after(start, outcome), today=MONDAY + timedelta(days=28))
        found = catch_up(longer, strategy)
        assert found.reassess
        if strategy != "accumulate":
            assert found.reentry_from is None
        assert not catch_up(replace(after(longer, found), today=MONDAY + timedelta(days=29)), strategy).reassess


def test_fewer_days_are_offered_where_less_than_half_is_done() -> None:
    assert catch_up(course(15, done=2), "reschedule").offer_fewer_days
    assert not catch_up(course(15, done=4), "reschedule").offer_fewer_days
    assert not catch_up(course(13, done=1), "reschedule").offer_fewer_days
    assert not catch_up(course(15, days=2, done=0), "reschedule").offer_fewer_days
    recently = course(15, done=2, fewer_days_on=MONDAY + timedelta(days=2))
    assert not catch_up(recently, "reschedule").offer_fewer_days


# --- the way back ---


def returned(plan: Plan) -> Plan:
    weeks, place = [], 0
    for week in plan.weeks:
        sessions = []
        for session in week.sessions:
            percent = percent_of(place, plan.spec.days)
            sessions.append(session if percent is None else eased(session, percent, LIBRARY))
            place += 1
        weeks.append(week.model_copy(update={"sessions": tuple(sessions)}))
    return plan.model_copy(update={"weeks": tuple(weeks)})


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_way_back_is_half_and_then_more_and_passes_the_checker(case: int) -> None:
    """I38, by a count that shares no code with what made it smaller."""
    plan = plan_of(case)
    back = returned(plan)
    assert check_adapted(plan, back, LIBRARY) == []
    for percent, was, now in zip(PERCENT, plan.weeks, back.weeks, strict=False):
        volume = [
            sum(i.sets * (i.reps or i.seconds or 0) for s in week.sessions for i in s.items if i.role == "main")
            for week in (was, now)
        ]
        assert 100 * volume[1] <= percent * volume[0]
        assert 100 * volume[1] >= (percent - 15) * volume[0]  # and not much less: it is a way back, not a rest
    assert back.weeks[4:] == plan.weeks[4:]
