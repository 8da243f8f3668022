"""Every spec gets a program that keeps every rule, the same one each time, and never a harder one for more pain."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.assessments.profile import Profile
from domain.programs.checker import check
from domain.programs.generator import NoFeasibleProgram, generate
from domain.programs.greedy import greedy_week
from domain.programs.invariants import of_condition, of_less_equipment, of_more_pain, of_repeated
from domain.programs.library import Library
from domain.programs.milp import solve_week
from domain.programs.plan import Plan
from domain.programs.plan import Week as ProgramWeek
from domain.programs.problem import Problem, Week, WeekSolver
from domain.programs.spec import ProgramSpec, spec_for
from domain.programs.volume import volume
from tests.domain.programs.making import LIBRARY, OWNED, profile, profiles, severity, spec

SLOW = [HealthCheck.too_slow]
few = settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
fewer = settings(max_examples=6, deadline=None, suppress_health_check=SLOW)
solvers = pytest.mark.parametrize("solve", [greedy_week, solve_week], ids=["greedy", "highs"])


def planned(one: Profile, solve: WeekSolver = solve_week) -> Plan:
    return generate(spec_for(one, LIBRARY), LIBRARY, solve)


@solvers
@given(one=profiles)
@few
def test_every_program_keeps_every_rule(solve: WeekSolver, one: Profile) -> None:
    asked = spec_for(one, LIBRARY)
    plan = generate(asked, LIBRARY, solve)
    assert check(plan, asked, LIBRARY) == []
    assert plan.relaxed == ()


@given(one=profiles)
@few
def test_the_optimum_is_proven_within_two_percent(one: Profile) -> None:
    plan = planned(one)
    assert plan.solver == "highs"
    assert plan.bound is not None
    assert plan.bound * 0.98 <= plan.objective <= plan.bound
    assert plan.objective >= planned(one, greedy_week).objective * 0.98


@solvers
@given(one=profiles)
@fewer
def test_the_same_spec_gives_the_same_bytes(solve: WeekSolver, one: Profile) -> None:
    assert list(of_repeated(planned(one, solve), planned(one, solve))) == []


@given(one=profiles, pain=st.integers(0, 10))
@few
def test_more_pain_is_never_harder(one: Profile, pain: int) -> None:
    less, more = sorted((one.pain, pain))

    plans = [planned(one.model_copy(update={"pain": at, "severity": severity(at)})) for at in (less, more)]
    assert list(of_more_pain(plans[0], plans[1], LIBRARY)) == []
    assert all(after <= before for before, after in zip(*(volume(plan, LIBRARY) for plan in plans), strict=True))


@pytest.mark.parametrize(
    "facts",
    [
        {"level": "intermediate", "days": 2, "minutes": 20, "equipment": OWNED["nothing"]},
        {"level": "intermediate", "days": 3, "minutes": 30, "equipment": OWNED["basic"]},
    ],
    ids=["severe", "moderate"],
)
def test_pain_that_trades_holds_for_movement_brings_no_more_reps(facts: dict[str, Any]) -> None:
    """Backs whose plan has more dynamic work with more pain: sets times size falls, but reps would rise."""
    plans = [planned(profile(region="lower_back", pain=pain, **facts)) for pain in (2, 5, 8)]
    for mild, worse in pairwise(plans):
        for easy, hard in zip(mild.weeks, worse.weeks, strict=True):
            assert _reps(hard) <= _reps(easy)


def _reps(week: ProgramWeek) -> int:
    return sum(item.sets * (item.reps or 0) for session in week.sessions for item in session.items)


@given(one=profiles)
@fewer
def test_less_equipment_never_adds_what_needs_it(one: Profile) -> None:
    fewer_things = one.equipment & OWNED["none"]
    gone = one.equipment - fewer_things
    plan = planned(one.model_copy(update={"equipment": fewer_things}))
    assert list(of_less_equipment(plan, gone, LIBRARY)) == []


@given(one=profiles, condition=st.sampled_from(sorted(LIBRARY.conditions)))
@fewer
def test_another_condition_never_adds_what_it_excludes(one: Profile, condition: str) -> None:
    plan = planned(one.model_copy(update={"conditions": one.conditions | {condition}}))
    assert list(of_condition(plan, condition, LIBRARY)) == []


def test_a_solver_that_fails_is_replaced_by_the_greedy() -> None:
    def finds_nothing(_: Problem) -> Week | None:
        return None

    def breaks_rules(problem: Problem) -> Week | None:
        return Week(tuple((0,) for _ in range(problem.sessions)), {0: 2}, "highs", bound=10)

    for solver in (finds_nothing, breaks_rules):
        assert generate(spec(), LIBRARY, solver).solver == "greedy"


def test_a_library_too_thin_for_any_week_is_said_so() -> None:
    kept = {"march_in_place", "hip_sway", "heel_toe_rock", "standing_breath", "palm_press"}
    alone = {"progress_to": None, "regress_to": None}
    found = tuple(e.model_copy(update=alone) for e in LIBRARY.exercises if e.id in kept)
    thin = Library(exercises=found, conditions=LIBRARY.conditions)
    with pytest.raises(NoFeasibleProgram):
        generate(spec_for(profile(), thin), thin)


def test_rules_are_given_up_in_order_and_never_the_safe_ones() -> None:
    """Without any pulling exercise the ratio and the movement groups go; the plan says so and still checks."""
    no_pull = Library.model_validate(
        {
            "exercises": [
                e.model_dump() | {"progress_to": None, "regress_to": None}
                for e in LIBRARY.exercises
                if e.group != "pull"
            ],
            "conditions": LIBRARY.model_dump()["conditions"],
        }
    )
    asked: ProgramSpec = spec_for(profile(), no_pull)
    plan = generate(asked, no_pull)
    assert plan.relaxed == ("P01", "I15", "I14", "I22", "I13")
    assert check(plan, asked, no_pull) == []
