"""The question a program answers: everything that changes the plan, and nothing that names a person."""

import hashlib
import json
from functools import cached_property

from pydantic import Field

from domain.assessments.profile import Profile
from domain.programs.library import Frozen, Library
from domain.programs.vocabulary import (
    AgeBand,
    Equipment,
    Goal,
    Level,
    Minutes,
    Region,
    Severity,
)

ENGINE_VERSION = "1.1.0"  # raise it whenever the same spec could give another plan

# Highest exercise level by declared experience [P]; severity lowers it and never raises it.
CEILING_OF_LEVEL: dict[Level, int] = {"beginner": 2, "intermediate": 3, "advanced": 5}
CEILING_OF_SEVERITY: dict[Severity, int] = {"mild": 5, "moderate": 3, "severe": 1}
# The pain ladders of contraindications.yaml, by assessed region.
LADDER_OF_REGION: dict[Region, str] = {
    "lower_back": "lbp", "neck": "neck_pain", "shoulder": "shoulder_pain", "elbow_wrist": "elbow_wrist_pain",
    "hip": "hip_pain", "knee": "knee_pain", "ankle": "ankle_pain", "general": "general_pain",
}  # fmt: skip
OLDER_FROM = 65  # WHO 2020: balance work on three days a week from this age


class UnknownCondition(ValueError):
    """A profile names a condition that the library has no rule for: it must not be silently ignored."""


class ProgramSpec(Frozen):
    """A canonical question: equal specs have equal hashes and get the same plan.

    `conditions` holds the declared ones and the rungs of the pain ladder that `pain` in `region` stands on.
    `ceiling` (1-5) is the highest exercise level; `pain` 0-10 acts only through `severity` and `conditions`.
    """

    region: Region
    pain: int = Field(ge=0, le=10)
    severity: Severity
    conditions: tuple[str, ...]
    equipment: tuple[Equipment, ...]
    level: Level
    ceiling: int = Field(ge=1, le=5)
    goal: Goal
    days: int = Field(ge=2, le=5)
    minutes: Minutes
    age_band: AgeBand
    needs_balance: bool
    library_hash: str
    engine_version: str

    @cached_property
    def input_hash(self) -> str:
        """SHA-256 of the canonical JSON of all fields."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def spec_for(profile: Profile, library: Library) -> ProgramSpec:
    """The spec of a screened profile. Raises UnknownCondition for a condition without a rule."""
    unknown = profile.conditions - library.conditions.keys()
    if unknown:
        raise UnknownCondition(f"no rule for {', '.join(sorted(unknown))}")
    conditions = profile.conditions | rungs_of(profile.region, profile.severity, library)
    required = any(library.conditions[name].require is not None for name in conditions)
    return ProgramSpec(
        region=profile.region,
        pain=profile.pain,
        severity=profile.severity,
        conditions=tuple(sorted(conditions)),
        equipment=tuple(sorted(profile.equipment)),
        level=profile.level,
        ceiling=ceiling_of(profile.level, profile.severity),
        goal=profile.goal,
        days=profile.days,
        minutes=profile.minutes,
        age_band=_age_band(profile.age),
        needs_balance=required or profile.age >= OLDER_FROM,
        library_hash=library.content_hash,
        engine_version=ENGINE_VERSION,
    )


def rungs_of(region: Region, severity: Severity, library: Library) -> set[str]:
    """Every rung up to the present one: a rule of milder pain still holds when it is worse.

    The lowest holds without pain too: the region is assessed for a reason, and 0 to 3 is one band.
    """
    severities: tuple[Severity, ...] = ("mild", "moderate", "severe")
    reached = severities[: severities.index(severity) + 1]
    return {f"{LADDER_OF_REGION[region]}_{rung}" for rung in reached} & library.conditions.keys()


def ceiling_of(level: Level, severity: Severity) -> int:
    """Highest exercise level, 1-5."""
    return min(CEILING_OF_LEVEL[level], CEILING_OF_SEVERITY[severity])


def _age_band(age: int) -> AgeBand:
    if age >= OLDER_FROM:
        return "65+"
    return "40-64" if age >= 40 else "18-39"  # noqa: PLR2004  bands of the spec, nothing else reads them
