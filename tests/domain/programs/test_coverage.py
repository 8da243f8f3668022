"""Nobody is left without a program that keeps every rule.

Two proofs. *There is one*: the hardest case of each region, level, pain, days and minutes is a person with every
condition at once who owns nothing. What that program holds may be offered to anyone with fewer conditions and more
things, so it is theirs too, whatever the combination. *The generator finds one*: each combination of facts, and of
those with one condition, goes through the whole generator; what asks the solver the same is asked once.
"""

from collections.abc import Hashable, Iterable, Iterator
from itertools import islice, product
from typing import Any

import pytest

from domain.programs.checker import check
from domain.programs.eligibility import eligible
from domain.programs.generator import generate
from domain.programs.milp import solve_week
from domain.programs.plan import Plan
from domain.programs.problem import Problem, Week, problem_of
from domain.programs.spec import ProgramSpec
from domain.programs.support import support_of
from domain.programs.volume import milder
from tests.domain.programs.making import LENGTHS, LEVELS, LIBRARY, OWNED, REGIONS, spec

Facts = dict[str, Any]
CONDITIONS = sorted(LIBRARY.conditions)
PAINS = (2, 5, 8)  # mild, moderate, severe: pain acts through its severity alone
DAYS = range(2, 6)


def hardest(region: str) -> Iterator[Facts]:
    for level, pain, days, minutes in product(LEVELS, PAINS, DAYS, LENGTHS):
        yield {"region": region, "level": level, "pain": pain, "days": days, "minutes": minutes}


def combinations(region: str) -> Iterator[Facts]:
    """Equipment x age x level x days x minutes x pain; then each condition alone, over the hard corners."""
    for tier, age, facts in product(OWNED, (40, 70), hardest(region)):
        yield {**facts, "equipment": OWNED[tier], "age": age}
    corners = product(CONDITIONS, OWNED, ("beginner", "advanced"), (3, 5), (20, 30, 60), (2, 8))
    for condition, tier, level, days, minutes, pain in corners:
        yield {
            "region": region, "equipment": OWNED[tier], "level": level, "days": days, "minutes": minutes, "pain": pain,
            "conditions": frozenset([condition]),
        }  # fmt: skip


def fault(plan: Plan, asked: ProgramSpec) -> list[str]:
    """What is wrong with a plan as an answer to this spec."""
    answer = plan.model_copy(update={"spec": asked, "input_hash": asked.input_hash})
    return [*plan.relaxed, *(violation.rule for violation in check(answer, asked, LIBRARY))]


def nobody_is_left_out(facts: Facts) -> list[str]:
    """Programs of the hardest case that fail somebody: with no condition, or one, old or young."""
    plan = generate(spec(**facts, equipment=OWNED["nothing"], conditions=frozenset(CONDITIONS)), LIBRARY, solve_week)
    others: list[Facts] = [{"age": age} for age in (40, 70)] + [{"conditions": frozenset([c])} for c in CONDITIONS]
    return [
        f"{facts} {other}: {found}"
        for other in others
        for tier in ("nothing", "full_gym")
        if (found := fault(plan, spec(**facts, **other, equipment=OWNED[tier])))
    ]


def model_of(asked: ProgramSpec) -> Hashable:
    """What the solver is asked for a spec, what its fifth day is made of, and the same for the milder spec that limits
    it: equal models, equal main work.
    """
    pool = eligible(asked, LIBRARY)
    support = support_of(asked, LIBRARY, pool)
    problem = problem_of(asked, LIBRARY, pool, support, frozenset())
    easier = milder(asked, LIBRARY)
    fifth = tuple(part.quarters for part in support if part.mobility)
    return question(problem), pool.max_effort, fifth, None if easier is None else model_of(easier)


def question(problem: Problem) -> Hashable:
    names = tuple((c.exercise.id, c.fit, c.regional, c.options, c.most_sessions) for c in problem.candidates)
    return names, repr(sorted((name, value) for name, value in vars(problem).items() if name != "candidates"))


class Remembering:
    """The exact solver; a problem that it has met is not solved again."""

    def __init__(self) -> None:
        self.weeks: dict[Hashable, Week | None] = {}

    def __call__(self, problem: Problem) -> Week | None:
        key = question(problem)
        if key not in self.weeks:
            self.weeks[key] = solve_week(problem)
        return self.weeks[key]


def left_out(combinations: Iterable[Facts]) -> list[str]:
    """Whose program gives up a rule. The generator returns what the checker accepts, or raises."""
    solve = Remembering()
    made = ((facts, generate(spec(**facts), LIBRARY, solve)) for facts in combinations)
    return [f"{facts}: gave up {plan.relaxed}" for facts, plan in made if plan.relaxed or plan.solver != "highs"]


def test_a_sample_of_the_hardest_cases_has_a_program_for_everybody() -> None:
    sample = islice((facts for region in REGIONS for facts in hardest(region)), 5, None, 149)
    assert [found for facts in sample for found in nobody_is_left_out(facts)] == []


def test_a_sample_of_all_combinations_has_a_program() -> None:
    sample = islice((facts for region in REGIONS for facts in combinations(region)), 17, None, 2503)
    assert left_out(sample) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("region", REGIONS)
def test_every_hardest_case_has_a_program_for_everybody(region: str) -> None:
    assert [found for facts in hardest(region) for found in nobody_is_left_out(facts)] == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("region", REGIONS)
def test_every_combination_has_a_program(region: str) -> None:
    distinct = {model_of(spec(**facts)): facts for facts in combinations(region)}
    assert left_out(distinct.values()) == []
