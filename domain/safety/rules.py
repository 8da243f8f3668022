"""The shape of red_flags.yaml."""

import hashlib
import json
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from domain.assessments.conditions import Condition
from domain.assessments.model import Frozen, LinkId, Localised
from domain.programs.vocabulary import Region, Severity

FlagLevel = Literal["emergency", "urgent", "review", "modify", "context"]
LEVELS: tuple[FlagLevel, ...] = ("emergency", "urgent", "review", "modify", "context")
REFERRING: frozenset[FlagLevel] = frozenset({"emergency", "urgent", "review"})

Pain = Annotated[int, Field(ge=0, le=10)]


class RuleModel(Frozen):
    """Rules keep the names of the data file."""

    model_config = ConfigDict(alias_generator=None)


class LevelRule(RuleModel):
    """`action` and `program` say what the level means; `notify` whom a referral tells."""

    action: str
    program: str
    notify: tuple[str, ...] = ()


class FlagRule(RuleModel):
    """One sign. It is asked as the item `rf_<id>`, unless `computed` works it out from named facts."""

    id: LinkId
    region: tuple[Region | Literal["all"], ...] = Field(min_length=1)
    level: FlagLevel
    group: LinkId
    text: Localised
    rule: LinkId | None = None  # the condition of contraindications.yaml that a positive answer brings
    computed: tuple[Condition, ...] = ()  # all of them
    asked_when: tuple[Condition, ...] = ()  # all of them; otherwise the sign cannot be there
    note: str | None = None

    def concerns(self, region: Region) -> bool:
        return "all" in self.region or region in self.region


class ClusterWhen(RuleModel):
    any_2_of: tuple[LinkId, ...] = ()
    all: tuple[LinkId, ...] = ()


class Cluster(RuleModel):
    """Signs that mean little alone (IFOMPT 2020) and much together."""

    id: LinkId
    when: ClusterWhen
    level: FlagLevel


class PainThresholds(RuleModel):
    """Where pain (0-10) turns moderate and severe; providers disagree, so a tenant may set its own.

    The default is the NHS traffic light: 0-3 green, 4-5 amber, 6-10 red.
    """

    moderate: Pain = 4
    severe: Pain = 6
    review_at_rest: Pain = 8  # with an onset in `PainGate.review_onset`, a clinician looks first

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not 0 < self.moderate < self.severe <= self.review_at_rest:
            raise ValueError("pain thresholds rise: 0 < moderate < severe <= review_at_rest")
        return self

    def severity(self, pain: int) -> Severity:
        if pain >= self.severe:
            return "severe"
        return "moderate" if pain >= self.moderate else "mild"


class PainGate(RuleModel):
    """`level_cap` is the highest exercise level (1-5) for a severity.

    `conditions` are the steps of a region's pain ladder; the steps below the present one keep holding.
    """

    thresholds: PainThresholds
    review_onset: tuple[str, ...]
    level_cap: dict[Severity, Annotated[int, Field(ge=1, le=5)]]
    reassess_days: dict[Severity, Annotated[int, Field(ge=1)]]
    conditions: dict[Region, dict[Severity, LinkId]]


class RedFlagRules(RuleModel):
    """The whole file, checked: ids are unique, clusters name flags, every referring level has advice."""

    schema_version: Literal[1]
    levels: dict[FlagLevel, LevelRule]
    items: tuple[FlagRule, ...]
    clusters: tuple[Cluster, ...]
    pain_gate: PainGate
    advice: dict[str, Localised]
    sources: tuple[str, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [item.id for item in self.items]
        named = {name for cluster in self.clusters for name in (*cluster.when.all, *cluster.when.any_2_of)}
        if len(ids) != len(set(ids)) or not named <= set(ids):
            raise ValueError("flag ids are unique and clusters name existing flags")
        if not self.advice.keys() >= REFERRING or self.levels.keys() != set(LEVELS):
            raise ValueError("every level is described, and every referring level has advice")
        return self

    @cached_property
    def content_hash(self) -> str:
        """sha256 (hex) of the canonical JSON."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def advice_key(self, level: FlagLevel, group: str) -> str:
        """The most particular advice there is: for the group at this level, else for the level."""
        return key if (key := f"{level}_{group}") in self.advice else level
