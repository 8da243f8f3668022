"""What of a profile reaches the plan, and who may be offered what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.programs.eligibility import Eligible, eligible
from domain.programs.spec import UnknownCondition, spec_for
from tests.domain.programs.making import LIBRARY, OWNED, profile, profiles, spec


def offered(pool: Eligible) -> set[str]:
    return {exercise.id for found in pool.by_role.values() for exercise in found}


def test_equal_profiles_have_one_hash_whatever_their_order() -> None:
    one = spec(conditions=frozenset(["osteoporosis", "falls_risk"]), equipment=frozenset(["chair", "wall"]))
    other = spec(equipment=frozenset(["wall", "chair"]), conditions=frozenset(["falls_risk", "osteoporosis"]))
    assert one.input_hash == other.input_hash
    assert one.input_hash != spec(days=4).input_hash


def test_pain_brings_its_rungs_and_lowers_the_ceiling() -> None:
    severe = spec(pain=8, level="advanced")
    assert {"knee_pain_mild", "knee_pain_moderate", "knee_pain_severe"} <= set(severe.conditions)
    assert (severe.ceiling, spec(pain=5, level="advanced").ceiling, spec(level="advanced").ceiling) == (1, 3, 5)


def test_a_condition_without_a_rule_is_an_error() -> None:
    with pytest.raises(UnknownCondition, match="no rule for made_up"):
        spec_for(profile(conditions=frozenset(["made_up"])), LIBRARY)


@pytest.mark.parametrize("facts", [{"age": 65}, {"conditions": frozenset(["falls_risk"])}])
def test_age_and_falls_ask_for_balance(facts: dict[str, object]) -> None:
    assert spec(**facts).needs_balance
    assert not spec().needs_balance


@given(profiles)
def test_only_safe_exercises_are_offered(one: object) -> None:
    asked = spec_for(one, LIBRARY)  # type: ignore[arg-type]
    for name in offered(eligible(asked, LIBRARY)):
        exercise = LIBRARY.by_id[name]
        assert exercise.level <= asked.ceiling
        assert set(exercise.equipment) <= set(asked.equipment)
        assert all(LIBRARY.conditions[condition].allows(exercise) for condition in asked.conditions)


@given(profiles, st.sampled_from(sorted(LIBRARY.conditions)), st.integers(0, 10))
def test_more_conditions_more_pain_or_less_equipment_never_offer_more(one, condition: str, pain: int) -> None:  # type: ignore[no-untyped-def]
    before = offered(eligible(spec_for(one, LIBRARY), LIBRARY))
    facts = one.model_dump()
    for change in (
        {"conditions": one.conditions | {condition}},
        {"pain": max(pain, one.pain), "severity": profile(pain=max(pain, one.pain)).severity},
        {"equipment": one.equipment & OWNED["basic"]},
    ):
        after = offered(eligible(spec_for(profile(**{**facts, **change}), LIBRARY), LIBRARY))
        assert after <= before


def test_every_pool_has_two_ways_to_move_everything() -> None:
    """The thinnest pools: severe pain, nothing owned, one condition."""
    for condition in sorted(LIBRARY.conditions):
        for region in ("lower_back", "shoulder", "knee", "ankle", "elbow_wrist"):
            asked = spec(region=region, pain=8, equipment=OWNED["nothing"], conditions=frozenset([condition]))
            pool = eligible(asked, LIBRARY).by_role
            for group in ("knee", "hip", "push", "pull", "core"):
                assert len({LIBRARY.chain_of[e.id] for e in pool["main"] if e.group == group}) >= 2
            assert len(pool["warm"]) >= 6
            assert len(pool["cool"]) >= 4
            assert len(pool["cardio"]) >= 2
            assert len(pool["balance"]) >= 2
