"""The exercise library and the contraindication rules as checked values with one content hash.

A library that breaks a rule is never half used: `Library.model_validate` raises `pydantic.ValidationError` whose
messages name the exercise or condition and what is wrong with it.
"""

import hashlib
import json
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.programs.vocabulary import (
    EQUIPMENT_OF_TIER,
    GROUP_OF_PATTERN,
    ROLE_OF_KIND,
    Equipment,
    Group,
    Kind,
    Laterality,
    Muscle,
    Pattern,
    Phase,
    Position,
    Region,
    Role,
    Severity,
    Stress,
    Tier,
)

ExerciseId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
StressLevel = Annotated[int, Field(ge=0, le=3)]
TIERS: tuple[Tier, ...] = ("none", "basic", "full_gym")
SEVERITIES: tuple[Severity, ...] = ("mild", "moderate", "severe")


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Dose(Frozen):
    """What one prescription is: reps of `sec_per_rep` seconds, or seconds of a hold or of
    continuous work; rest in seconds.
    """

    type: Literal["reps", "hold", "continuous"]
    sets: int = Field(ge=1, le=6)
    reps: int | None = Field(default=None, ge=4, le=30)
    seconds: int | None = Field(default=None, ge=5, le=1800)
    sec_per_rep: int | None = Field(default=None, ge=1, le=10)
    rest_s: int = Field(ge=0, le=240)

    @model_validator(mode="after")
    def _fields_of_its_type(self) -> Self:
        if self.type == "reps" and (self.reps is None or self.sec_per_rep is None or self.seconds is not None):
            raise ValueError("a dose of reps needs reps and sec_per_rep, and no seconds")
        if self.type != "reps" and (self.seconds is None or self.reps is not None):
            raise ValueError(f"a {self.type} dose needs seconds, and no reps")
        return self


class Exercise(Frozen):
    """One exercise. `level` 1-5, `equipment` what it needs, `stress` 1-3 per tag (absent is 0)."""

    id: ExerciseId
    name: str = Field(min_length=3)
    pattern: Pattern
    regions: tuple[Region, ...] = Field(min_length=1)
    primary_muscles: tuple[Muscle, ...] = Field(min_length=1)
    secondary_muscles: tuple[Muscle, ...]
    equipment: tuple[Equipment, ...]
    equipment_tier: int = Field(ge=0, le=2)
    position: Position
    laterality: Laterality
    kind: Kind
    level: int = Field(ge=1, le=5)
    phases: tuple[Phase, ...] = Field(min_length=1)
    impact: StressLevel
    stress: dict[Stress, StressLevel]
    dose: Dose
    regress_to: ExerciseId | None
    progress_to: ExerciseId | None
    cue: str = Field(min_length=10)  # every exercise can be done from its words alone

    @property
    def role(self) -> Role:
        """The slot of a session it may fill."""
        return "cool" if self.pattern == "breathing" else ROLE_OF_KIND[self.kind]

    @property
    def group(self) -> Group:
        return GROUP_OF_PATTERN.get(self.pattern, "other")

    def problems(self) -> list[str]:
        """What is inconsistent inside this entry."""
        found = []
        if not set(self.equipment) <= EQUIPMENT_OF_TIER[TIERS[self.equipment_tier]]:
            found.append(f"{self.id}: equipment is not part of tier {self.equipment_tier}")
        if self.impact != self.stress.get("impact", 0):
            found.append(f"{self.id}: impact and its stress tag differ")
        if self.position in ("supine", "prone") and not self.stress.get(self.position):
            found.append(f"{self.id}: lies {self.position} without the stress tag")
        if set(self.primary_muscles) & set(self.secondary_muscles):
            found.append(f"{self.id}: a muscle is both primary and secondary")
        if (self.kind == "cardio") != (self.dose.type == "continuous"):
            found.append(f"{self.id}: cardio, and only cardio, has a continuous dose")
        return found


class Requirement(Frozen):
    balance_sessions_per_week: int = Field(ge=1, le=5)


class Condition(Frozen):
    """Caps on stress tags, on effort (0-10), and what the week must hold."""

    max: dict[Stress, StressLevel]
    max_rpe: int | None = Field(default=None, ge=1, le=10)
    require: Requirement | None = None
    source: str = Field(min_length=3)

    def allows(self, exercise: Exercise) -> bool:
        return all(level <= self.max.get(tag, 3) for tag, level in exercise.stress.items())


class Library(Frozen):
    """All exercises and conditions, cross-checked."""

    exercises: tuple[Exercise, ...] = Field(min_length=1)
    conditions: dict[str, Condition]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [problem for exercise in self.exercises for problem in exercise.problems()]
        problems += self._broken_links() + self._loose_ladders()
        if problems:
            raise ValueError("; ".join(sorted(problems)))
        return self

    def _broken_links(self) -> list[str]:
        found = []
        if len(self.by_id) != len(self.exercises):
            found.append("two exercises have the same id")
        for exercise in self.exercises:
            for link, target_id in (
                ("progress_to", exercise.progress_to),
                ("regress_to", exercise.regress_to),
            ):
                if target_id is None:
                    continue
                target = self.by_id.get(target_id)
                if target is None:
                    found.append(f"{exercise.id}: {link} names {target_id}, which does not exist")
                elif target.role != exercise.role:
                    found.append(f"{exercise.id}: {link} leads to {target.id}, which fills another role")
                elif (target.level - exercise.level) * (1 if link == "progress_to" else -1) < 0:
                    found.append(f"{exercise.id}: {link} goes the wrong way in level")
            seen, at = {exercise.id}, exercise.progress_to
            while at is not None and at in self.by_id:
                if at in seen:
                    found.append(f"{exercise.id}: progress_to runs in a circle")
                    break
                seen.add(at)
                at = self.by_id[at].progress_to
        return found

    def _loose_ladders(self) -> list[str]:
        """A worse pain must never allow what a milder one forbids."""
        found = []
        for name, rule in self.conditions.items():
            stem, _, severity = name.rpartition("_")
            for milder in SEVERITIES[: SEVERITIES.index(severity)] if severity in SEVERITIES else ():
                below = self.conditions.get(f"{stem}_{milder}")
                loose = [tag for tag, cap in (below.max if below else {}).items() if rule.max.get(tag, 3) > cap]
                found += [f"{name}: allows more {tag} than {stem}_{milder}" for tag in loose]
        return found

    @cached_property
    def by_id(self) -> dict[str, Exercise]:
        return {exercise.id: exercise for exercise in self.exercises}

    @cached_property
    def chain_of(self) -> dict[str, str]:
        """Exercise id -> its progression chain, named after its first member: everything linked by progress_to."""
        root = {exercise.id: exercise.id for exercise in self.exercises}

        def find(item: str) -> str:
            while root[item] != item:
                item = root[item]
            return item

        for exercise in self.exercises:
            if exercise.progress_to is not None:
                first, last = sorted((find(exercise.id), find(exercise.progress_to)))
                root[last] = first
        return {item: find(item) for item in root}

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON: two libraries with the same hash generate the same programs."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
