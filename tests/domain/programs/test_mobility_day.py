"""The fifth day of a week is for mobility and cardio: the main work comes from the other four."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from domain.assessments.profile import Profile
from domain.programs.checker import check
from domain.programs.explain import sentence
from domain.programs.generator import generate
from domain.programs.greedy import greedy_week
from domain.programs.milp import solve_week
from domain.programs.plan import Plan, Session
from domain.programs.problem import WeekSolver
from domain.programs.rules import BALANCE_SESSIONS, STRENGTH_DAYS
from domain.programs.spec import spec_for
from domain.programs.vocabulary import Minutes
from tests.domain.programs.making import LENGTHS, LIBRARY, OWNED, profiles, spec

Content = dict[str, Any]
some = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ASKED = spec(region="shoulder", pain=2, level="intermediate", days=5, minutes=45, equipment=OWNED["basic"], age=70)


@pytest.fixture(scope="module")
def sound() -> Plan:
    return generate(ASKED, LIBRARY, solve_week)


def kinds(session: Session) -> set[str]:
    return {LIBRARY.by_id[item.exercise].kind for item in session.items}


@pytest.mark.parametrize("solve", [greedy_week, solve_week], ids=["greedy", "highs"])
@given(one=profiles)
@some
def test_the_fifth_day_holds_mobility_stretches_and_cardio_and_no_strength(solve: WeekSolver, one: Profile) -> None:
    asked = spec_for(one.model_copy(update={"days": 5}), LIBRARY)
    for week in generate(asked, LIBRARY, solve).weeks:
        *strength, fifth = week.sessions
        assert fifth.number == 5
        assert kinds(fifth) <= {"mobility", "neural", "stretch", "cardio", "balance"}
        assert {"mobility", "stretch", "cardio"} <= kinds(fifth)
        assert all(any(item.role == "main" for item in session.items) for session in strength)
        balanced = [session.number for session in week.sessions if any(i.role == "balance" for i in session.items)]
        assert balanced == ([1, 3, 5] if asked.needs_balance else [])


@given(one=profiles)
@some
def test_five_days_have_the_main_work_of_four(one: Profile) -> None:
    """Volume comes from four days: without pain or balance to look after, the same main work to the repetition."""
    calm = {"age": 40, "conditions": one.conditions - {"falls_risk"}, "pain": 0, "severity": "mild"}
    one = one.model_copy(update=calm)
    plans = [generate(spec_for(one.model_copy(update={"days": days}), LIBRARY), LIBRARY, solve_week) for days in (4, 5)]
    four, five = ([[_main(session) for session in week.sessions[:4]] for week in plan.weeks[:-1]] for plan in plans)
    assert four == five


def _main(session: Session) -> list[Content]:
    return [item.model_dump() for item in session.items if item.role == "main"]


@pytest.mark.parametrize("minutes", LENGTHS)
def test_the_cardio_of_the_fifth_day_climbs_by_no_more_than_a_tenth(minutes: Minutes) -> None:
    plan = generate(spec(region="knee", days=5, minutes=minutes), LIBRARY, solve_week)
    lengths = [_cardio(week.sessions[4]) for week in plan.weeks]
    loading, easier = lengths[:-1], lengths[-1]
    assert all(earlier <= later and 10 * later <= 11 * earlier for earlier, later in pairwise(loading))
    assert loading[0] < loading[-1] or minutes == 20
    assert easier < loading[-1]


def _cardio(session: Session) -> int:
    return sum(item.seconds or 0 for item in session.items if item.role == "cardio")


def test_each_line_of_the_fifth_day_says_what_the_day_is_for(sound: Plan) -> None:
    for week in sound.weeks:
        for session in week.sessions:
            assert all(("P06" in item.why) == (session.number == 5) for item in session.items)
    assert sentence("P06") == "belongs to the fifth day, which is for mobility and cardio"


def fifth(plan: Content, week: int = 0) -> list[Content]:
    items: list[Content] = plan["weeks"][week]["sessions"][4]["items"]
    return items


def with_main_work(plan: Content) -> None:
    fifth(plan).insert(3, next(i for i in plan["weeks"][0]["sessions"][0]["items"] if i["role"] == "main"))


def with_main_work_called_mobility(plan: Content) -> None:
    fifth(plan)[0]["exercise"] = "glute_bridge"


def without(role: str) -> Callable[[Content], None]:
    def change(plan: Content) -> None:
        items = fifth(plan)
        items[:] = [item for item in items if item["role"] != role]

    return change


def with_shorter_cardio(plan: Content) -> None:
    next(item for item in fifth(plan) if item["role"] == "cardio")["seconds"] = 300


def for_another_region(plan: Content) -> None:
    for item in fifth(plan):
        if "shoulder" in LIBRARY.by_id[item["exercise"]].regions:
            item["exercise"] = {"warm": "wrist_circles", "cool": "calf_stretch"}.get(
                item["role"], "seated_march_cardio"
            )


BROKEN: list[tuple[str, Callable[[Content], None]]] = [
    ("P06", with_main_work),
    ("P06", with_main_work_called_mobility),
    ("P06", without("warm")),
    ("P06", without("cool")),
    ("P06", without("cardio")),
    ("P06", with_shorter_cardio),
    ("I17", with_shorter_cardio),
    ("I22", for_another_region),
    ("I23", without("balance")),
]


@pytest.mark.parametrize(("rule", "break_it"), BROKEN, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(BROKEN)])
def test_a_fifth_day_of_another_kind_is_refused(sound: Plan, rule: str, break_it: Callable[[Content], None]) -> None:
    assert check(sound, ASKED, LIBRARY) == []
    content = sound.model_dump(mode="json")
    break_it(content)
    assert rule in {found.rule for found in check(Plan.model_validate(content), ASKED, LIBRARY)}


def test_a_program_of_the_first_engine_keeps_its_five_strength_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can still be checked and edited as it was made; the same program of this engine is refused."""
    monkeypatch.setitem(STRENGTH_DAYS, 5, 5)
    monkeypatch.setitem(BALANCE_SESSIONS, 5, (0, 1, 2))
    first = ASKED.model_copy(update={"engine_version": "1.0.0"})
    plan = generate(first, LIBRARY, solve_week)
    assert all(_main(session) for week in plan.weeks for session in week.sessions)
    assert check(plan, first, LIBRARY) == []
    now = plan.model_copy(update={"spec": ASKED, "input_hash": ASKED.input_hash, "engine_version": "1.1.0"})
    assert "P06" in {found.rule for found in check(now, ASKED, LIBRARY)}
