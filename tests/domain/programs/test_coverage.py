"""Nobody is left without a program: every combination of facts gets one that keeps every rule."""

from collections.abc import Iterator
from itertools import islice, product
from typing import Any

import pytest

from domain.programs.checker import check
from domain.programs.generator import generate
from domain.programs.milp import solve_week
from tests.domain.programs.making import LENGTHS, LEVELS, LIBRARY, OWNED, REGIONS, spec

Facts = dict[str, Any]
PAINS = (0, 2, 4, 5, 6, 8)


def combinations() -> Iterator[Facts]:
    """Region x equipment x level x days x minutes x pain; then each condition alone, over the hard corners."""
    for region, tier, level, days, minutes, pain in product(REGIONS, OWNED, LEVELS, range(2, 6), LENGTHS, PAINS):
        yield {"region": region, "tier": tier, "level": level, "days": days, "minutes": minutes, "pain": pain}
    corners = product(
        sorted(LIBRARY.conditions), REGIONS, OWNED, ("beginner", "advanced"), (3, 5), (20, 30, 60), (2, 8)
    )
    for condition, region, tier, level, days, minutes, pain in corners:
        yield {
            "region": region, "tier": tier, "level": level, "days": days, "minutes": minutes, "pain": pain,
            "conditions": frozenset([condition]),
        }  # fmt: skip


def left_out(facts: Facts) -> str | None:
    """What is wrong with the program of these facts, if anything."""
    asked = spec(**{name: value for name, value in facts.items() if name != "tier"}, equipment=OWNED[facts["tier"]])
    plan = generate(asked, LIBRARY, solve_week)
    found = [violation.rule for violation in check(plan, asked, LIBRARY)]
    return f"{facts}: gave up {plan.relaxed}, broke {found}" if plan.relaxed or found else None


def test_a_sample_of_all_combinations_has_a_program() -> None:
    sample = islice(combinations(), 17, None, 2503)
    assert [found for facts in sample if (found := left_out(facts))] == []


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("region", REGIONS)
def test_every_combination_has_a_program(region: str) -> None:
    seen: set[str] = set()
    bad = []
    for facts in combinations():
        if facts["region"] != region:
            continue
        asked = spec(**{k: v for k, v in facts.items() if k != "tier"}, equipment=OWNED[facts["tier"]])
        same = asked.model_copy(update={"pain": 0}).model_dump_json()  # pain acts through severity alone
        if same not in seen:
            seen.add(same)
            bad += [found] if (found := left_out(facts)) else []
    assert bad == []
