"""What a program may know about a person: nothing but what changes the plan."""

from pydantic import BaseModel, ConfigDict, Field

from domain.programs.vocabulary import Equipment, Goal, Level, Minutes, Region, Severity, Sex


class Profile(BaseModel):
    """The reduced assessment: no name, no dates, no free text.

    `pain` is 0-10 (0 is no pain), `age` in whole years, `days` sessions a week, `minutes` per session.
    `equipment` are the things the person owns; `conditions` are ids of contraindications.yaml.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: Region
    pain: int = Field(ge=0, le=10)
    severity: Severity
    age: int = Field(ge=18, le=120)
    sex: Sex | None = None
    level: Level
    equipment: frozenset[Equipment]
    goal: Goal
    days: int = Field(ge=2, le=5)
    minutes: Minutes
    conditions: frozenset[str] = frozenset()
