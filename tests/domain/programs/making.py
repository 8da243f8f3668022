"""Profiles and specs for the tests of programs."""

from typing import Any, get_args

from hypothesis import strategies as st

from domain.assessments.profile import Profile
from domain.programs.plan import Plan
from domain.programs.spec import ProgramSpec, spec_for
from domain.programs.vocabulary import EQUIPMENT_OF_TIER, Equipment, Goal, Level, Minutes, Region, Severity
from infra.content import load_library, load_red_flags

LIBRARY = load_library()
REGIONS: tuple[Region, ...] = get_args(Region)
LEVELS: tuple[Level, ...] = get_args(Level)
LENGTHS: tuple[Minutes, ...] = get_args(Minutes)
# The tiers of the command, and a person who owns nothing at all: not even a chair.
OWNED: dict[str, frozenset[Equipment]] = {"nothing": frozenset(), **EQUIPMENT_OF_TIER}


def severity(pain: int) -> Severity:
    return load_red_flags().pain_gate.thresholds.severity(pain)


def profile(**facts: Any) -> Profile:
    """A beginner with a sore knee and household things, three half hours a week, unless said otherwise."""
    given = {
        "region": "knee", "pain": 2, "age": 45, "level": "beginner", "equipment": OWNED["none"],
        "goal": "reduce_pain", "days": 3, "minutes": 30, "conditions": frozenset(), **facts,
    }  # fmt: skip
    return Profile(**{"severity": severity(given["pain"]), **given})


def spec(**facts: Any) -> ProgramSpec:
    return spec_for(profile(**facts), LIBRARY)


def exercises(plan: Plan) -> set[str]:
    return {item.exercise for week in plan.weeks for session in week.sessions for item in session.items}


profiles = st.builds(
    profile,
    region=st.sampled_from(REGIONS),
    pain=st.integers(0, 10),
    age=st.integers(18, 95),
    level=st.sampled_from(LEVELS),
    equipment=st.sampled_from(list(OWNED.values())) | st.frozensets(st.sampled_from(get_args(Equipment))),
    goal=st.sampled_from(get_args(Goal)),
    days=st.integers(2, 5),
    minutes=st.sampled_from(LENGTHS),
    conditions=st.frozensets(st.sampled_from(sorted(LIBRARY.conditions)), max_size=2),
)
