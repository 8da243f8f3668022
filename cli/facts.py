"""The facts that `ffp plan` takes: what an assessment would have found out about a person."""

from pydantic import BaseModel, ConfigDict, Field

from domain.assessments.profile import Profile
from domain.programs.library import Library
from domain.programs.spec import ProgramSpec, spec_for
from domain.programs.vocabulary import EQUIPMENT_OF_TIER, Goal, Level, Minutes, Region, Tier
from infra.content import load_red_flags


class Facts(BaseModel):
    """One spec as a person writes it. Strict: a number in quotes is a mistake, and a mistake is not a plan."""

    model_config = ConfigDict(strict=True, extra="forbid")

    region: Region
    equipment: Tier
    level: Level = "beginner"
    days: int = Field(ge=2, le=5)
    minutes: Minutes
    pain: int = Field(ge=0, le=10)
    age: int = Field(default=40, ge=18, le=120)
    conditions: list[str] = []
    goal: Goal | None = None

    def spec(self, library: Library) -> ProgramSpec:
        """Raises UnknownCondition."""
        profile = Profile(
            region=self.region,
            pain=self.pain,
            severity=load_red_flags().pain_gate.thresholds.severity(self.pain),
            age=self.age,
            level=self.level,
            equipment=EQUIPMENT_OF_TIER[self.equipment],
            goal=self.goal or ("general_fitness" if self.region == "general" else "reduce_pain"),
            days=self.days,
            minutes=self.minutes,
            conditions=frozenset(self.conditions),
        )
        return spec_for(profile, library)
