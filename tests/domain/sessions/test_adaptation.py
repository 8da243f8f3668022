"""The table of pain and effort, line by line; more pain never gives more work; and what the checker lets through."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.programs.checking.adapted import check_adapted
from domain.programs.generator import generate
from domain.programs.library import Library
from domain.programs.plan import Plan
from domain.programs.spec import LADDER_OF_REGION
from domain.safety.rules import PainThresholds
from domain.sessions.adaptation import ACTIONS, RULES, Asked, Decision, Done, decide
from domain.sessions.alternatives import alternatives, easier
from domain.sessions.changes import Course, changed
from domain.sessions.state import Result
from tests.domain.programs.making import LIBRARY, spec

NHS = PainThresholds()
START = datetime(2026, 11, 2, tzinfo=UTC)
ASKED = Asked(2, 10, None, 5)
BASELINE = 3


def done(day: int, pain: int | None, after: int | None = 0, **changes: Any) -> Done:
    given = {"sets": 2, "reps": 10, "effort": 5, **changes}
    status = given.pop("status", "done")
    result = Result(1, "x", status, pain_during=pain, pain_after_24h=after, **given)
    return Done(START + timedelta(days=day), ASKED, result)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([done(0, 2), done(2, 3)], ("A01", "progress")),
        ([done(0, 2)], None),  # one session is not two
        ([done(0, 2), done(2, 3, None)], None),  # not said yet
        ([done(0, 5), done(2, 3)], ("A06", "hold")),
        ([done(0, 2, 4), done(2, 3)], ("A06", "hold")),
        ([done(0, 2), done(2, 3, 4)], ("A06", "hold")),
        ([done(0, 2), done(2, 3, reps=9)], ("A06", "hold")),
        ([done(0, 2), done(2, 3, effort=7)], ("A06", "hold")),
        ([done(0, 2), done(2, 4)], ("A02", "hold")),
        ([done(0, 2), done(2, 5, None)], ("A02", "hold")),
        ([done(0, 2), done(2, 5, 4)], ("A03", "reduce")),
        ([done(0, 4), done(2, 5)], ("A03", "reduce")),
        ([done(0, 2), done(2, 6)], ("A04", "regress")),
        ([done(0, 6), done(7, 6)], ("A05", "reassess")),
        ([done(0, 6), done(8, 6)], ("A04", "regress")),
        ([done(0, 7), done(2, 4)], ("A03", "reduce")),
        ([done(0, 2), done(2, None, status="skipped", reason="pain")], ("A07", "reduce")),
        ([done(0, 2), done(2, None, status="skipped", reason="no_time")], None),
        ([done(0, 2), done(2, None)], None),
        ([], None),
    ],
)
def test_the_table(history: list[Done], expected: tuple[str, str] | None) -> None:
    found = decide(history, NHS, BASELINE)
    assert (None if found is None else (found.rule, found.action)) == expected
    assert found is None or found.rule in RULES


def test_thresholds_are_the_tenants() -> None:
    own = PainThresholds(moderate=5, severe=8)
    assert decide([done(0, 1), done(2, 4)], own, 5) == Decision("A01", "progress")
    assert decide([done(0, 1), done(2, 7)], own, 5) == Decision("A02", "hold")


def care(history: list[Done]) -> int:
    """0 progress, 1 the plan's own climb, then as in ACTIONS."""
    found = decide(history, NHS, BASELINE)
    return 1 if found is None else 0 if found.action == "progress" else 1 + ACTIONS.index(found.action)


pains = st.tuples(st.integers(0, 10), st.one_of(st.none(), st.integers(0, 10)), st.integers(1, 5))


@given(st.lists(pains, min_size=1, max_size=4), st.data())
def test_more_pain_never_gives_more_work(felt: list[tuple[int, int | None, int]], data: st.DataObject) -> None:
    """Raising any one pain by any amount, of any session, during or after."""
    days = [sum(gap for _, _, gap in felt[:index]) for index in range(len(felt))]
    history = [done(day, pain, after) for day, (pain, after, _) in zip(days, felt, strict=True)]
    which = data.draw(st.integers(0, len(felt) - 1))
    pain, after, _ = felt[which]
    if after is not None and data.draw(st.booleans()):
        worse = done(days[which], pain, data.draw(st.integers(after, 10)))
    else:
        worse = done(days[which], data.draw(st.integers(pain, 10)), after)
    assert care([*history[:which], worse, *history[which + 1 :]]) >= care(history)


# --- in doses ---

CASES: tuple[dict[str, Any], ...] = (
    {"region": "lower_back", "pain": 4, "level": "intermediate"},
    {"region": "knee", "pain": 1, "days": 2, "minutes": 20},
    {"region": "shoulder", "pain": 7, "age": 70},
    {"region": "knee", "pain": 1},
)


@cache
def plan_of(case: int) -> Plan:
    return generate(spec(**CASES[case]), LIBRARY)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, len(CASES) - 1), st.integers(1, 5), st.sampled_from(sorted(RULES)), st.data())
def test_every_change_passes_the_checker_and_goes_the_right_way(
    case: int, week: int, rule: str, data: st.DataObject
) -> None:
    plan = plan_of(case)
    action = {"A01": "progress", "A03": "reduce", "A07": "reduce", "A04": "regress", "A05": "reassess"}.get(
        rule, "hold"
    )
    names = sorted({item.exercise for session in plan.weeks[week - 1].sessions for item in session.items})
    exercise = data.draw(st.sampled_from(names))
    coming = frozenset((w.number, s.number) for w in plan.weeks for s in w.sessions if w.number > week)
    course = Course(plan, coming, (week, len(plan.weeks[0].sessions)))
    after, did = changed(course, exercise, Decision(rule, action), LIBRARY)  # type: ignore[arg-type]
    assert (after == plan) == (did == "kept")
    assert check_adapted(plan, after, LIBRARY) == []
    work, before = volume(after, LIBRARY, week), volume(plan, LIBRARY, week)
    if action == "progress":
        assert len([w for w in after.weeks if w != plan.weeks[w.number - 1]]) <= len(plan.weeks) - week
    else:
        assert did != "kept" or action in ("hold", "progress")
        assert work <= before or did == "regress"
    for old, new in zip(plan.weeks, after.weeks, strict=True):
        if old.number <= week:
            assert new == old
        if did in ("regress", "leave_out"):
            assert all(item.exercise != exercise for s in new.sessions for item in s.items) or new.number <= week


def test_where_the_checker_refuses_another_way_is_taken() -> None:
    """Every exercise of a plan, hurting: replaced, or left out where no replacement passes; never kept."""
    plan = plan_of(3)
    coming = frozenset((w.number, s.number) for w in plan.weeks for s in w.sessions if w.number > 1)
    names = sorted({i.exercise for s in plan.weeks[0].sessions for i in s.items if i.role == "main"})
    did = {}
    for name in names:
        after, did[name] = changed(Course(plan, coming, (1, 1)), name, Decision("A04", "regress"), LIBRARY)
        assert check_adapted(plan, after, LIBRARY) == []
    assert set(did.values()) == {"regress", "leave_out"}


def volume(plan: Plan, library: Library, after: int) -> int:
    """Sets times size of the main work that is to come."""
    items = [i for w in plan.weeks if w.number > after for s in w.sessions for i in s.items if i.role == "main"]
    return sum(item.sets * (item.reps or item.seconds or 0) for item in items)


@pytest.mark.parametrize("case", [0, 2])
def test_an_easier_exercise_is_easier_where_it_hurts(case: int) -> None:
    """I36, for every exercise of the library; 29 of its own links would not be."""
    wanted = plan_of(case).spec
    stem = LADDER_OF_REGION[wanted.region]
    tags = {tag for name, rule in LIBRARY.conditions.items() if name.startswith(f"{stem}_") for tag in rule.max}
    for exercise in LIBRARY.exercises:
        for other in easier(exercise.id, wanted, LIBRARY):
            assert other.level <= min(exercise.level, wanted.ceiling)
            assert set(other.equipment) <= set(wanted.equipment)
            assert all(LIBRARY.conditions[name].allows(other) for name in wanted.conditions)
            assert all(other.stress.get(tag, 0) <= exercise.stress.get(tag, 0) for tag in tags)
        for other in alternatives(exercise.id, (), wanted, LIBRARY):
            assert (other.pattern, other.role) == (exercise.pattern, exercise.role)
            assert all(LIBRARY.conditions[name].allows(other) for name in wanted.conditions)


def broken(plan: Plan, **changes: Any) -> Plan:
    """The plan with the first main line of its second week changed."""
    week = plan.weeks[1]
    session = week.sessions[0]
    at = next(index for index, item in enumerate(session.items) if item.role == "main")
    items = [*session.items]
    items[at] = items[at].model_copy(update=changes)
    sessions = (session.model_copy(update={"items": tuple(items)}), *week.sessions[1:])
    return plan.model_copy(
        update={"weeks": (plan.weeks[0], week.model_copy(update={"sessions": sessions}), *plan.weeks[2:])}
    )


def test_the_checker_names_what_is_wrong_with_a_change() -> None:
    plan = plan_of(0)
    line = next(item for item in plan.weeks[1].sessions[0].items if item.role == "main")
    size = line.reps or line.seconds or 0
    name = "reps" if line.reps else "seconds"
    hurting = LIBRARY.by_id[line.exercise]
    tags = {tag for name, rule in LIBRARY.conditions.items() if name.startswith("lbp_") for tag in rule.max}
    harder = next(
        e
        for e in LIBRARY.exercises
        if e.role == "main" and e.level > hurting.level
        and all(e.stress.get(tag, 0) <= hurting.stress.get(tag, 0) for tag in tags)
    )  # fmt: skip
    worse = max(LIBRARY.exercises, key=lambda e: (e.role == "main", sum(e.stress.values()), e.level))
    for change, rule in (
        ({"sets": line.sets + 1, name: size + 1}, "I18"),
        ({name: size + 3}, "I19"),
        ({"exercise": worse.id, "why": ("I03", "I04", "I05", f"A04:{line.exercise}")}, "I36"),
        ({"exercise": harder.id, "why": ("I03", "I04", "I05", f"A04:{line.exercise}")}, "I36"),
        ({"exercise": worse.id}, "I18"),
        ({"why": ("I03", "I04", "I05", "I38:50")}, "I38"),
        ({"effort": 10}, "I31"),
        ({"minutes": line.minutes + 1}, "I07"),
    ):
        assert rule in {v.rule for v in check_adapted(plan, broken(plan, **change), LIBRARY)}, change
