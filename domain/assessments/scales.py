"""The scoring block of a template: what is counted, what missing answers do, and what a value means."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from domain.assessments.conditions import Behavior, Condition
from domain.assessments.items import Bound
from domain.assessments.limits import MAX_BANDS, MAX_CONDITIONS, MAX_RULES, MAX_SOURCES
from domain.assessments.model import Code, Frozen, LinkId, Localised

Direction = Literal["higher_worse", "higher_better"]


class NoneAllowed(Frozen):
    policy: Literal["none_allowed"]


class Prorate(Frozen):
    """Scale what was answered up to the whole, when at least `min_answered` items were."""

    policy: Literal["prorate"]
    min_answered: int = Field(ge=1)


class MeanImpute(Frozen):
    """Each of at most `max_missing` blanks counts as the mean of the answered items."""

    policy: Literal["mean_impute"]
    max_missing: int = Field(ge=1)


class CountTicked(Frozen):
    """A blank is a tick not made, so nothing can be missing but the whole list."""

    policy: Literal["count_ticked"]


class SubscaleHalf(Frozen):
    """At least half of the items answered; the mean of those stands for all."""

    policy: Literal["subscale_half"]


Missing = Annotated[NoneAllowed | Prorate | MeanImpute | CountTicked | SubscaleHalf, Field(discriminator="policy")]


class Band(Frozen):
    """A named part of the range, from `min` to `max` inclusive, or up to but without `below`."""

    code: Code
    label: Localised
    min: Bound
    max: Bound | None = None
    below: Bound | None = None

    @model_validator(mode="after")
    def _one_upper_end(self) -> Self:
        if (self.max is None) == (self.below is None):
            raise ValueError("a band has either `max` or `below`")
        return self

    def holds(self, value: float) -> bool:
        return self.min <= value and (value <= self.max if self.max is not None else value < (self.below or 0))


class MinimalChange(Frozen):
    """The smallest change that matters: in points, as a part of the baseline (0.3 is 30 %), or both.

    Below `floor` and above `ceiling` a change is not reliable.
    """

    absolute: Bound | None = None
    relative: Bound | None = None
    floor: Bound | None = None
    ceiling: Bound | None = None
    source: str


class _Scale(Frozen):
    id: LinkId
    label: Localised
    licence: str | None = None  # who owns the instrument and what allows its use; lint wants it


class Arithmetic(_Scale):
    """`factor` x (sum, mean, max or weighted sum of `of`) + `offset`, rounded half up to `decimals`.

    `of` names items, computed values or other scales (subscales). `column` is the one counted of a rows item.
    `min` and `max` are the ends of the attainable range.
    """

    method: Literal["sum", "mean", "max", "weighted"]
    of: tuple[LinkId, ...] = Field(min_length=1, max_length=MAX_SOURCES)
    weights: dict[LinkId, Bound] = Field(default_factory=dict)
    column: LinkId | None = None
    missing: Missing = NoneAllowed(policy="none_allowed")
    factor: Bound = 1
    offset: Bound = 0
    decimals: int = Field(default=0, ge=0, le=4)
    direction: Direction
    min: Bound
    max: Bound
    bands: tuple[Band, ...] = Field(default=(), max_length=MAX_BANDS)
    minimal_change: MinimalChange | None = None

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if set(self.weights) != (set(self.of) if self.method == "weighted" else set()):
            raise ValueError("the weighted method, and only it, weighs each source")
        return self


class TickCount(_Scale):
    """How many ordinary options of one tick list were ticked."""

    method: Literal["count_ticked"]
    of: LinkId
    direction: Direction
    min: Bound
    max: Bound
    bands: tuple[Band, ...] = Field(default=(), max_length=MAX_BANDS)
    minimal_change: MinimalChange | None = None


class Category(_Scale):
    """The chosen option itself is the result; its weight, if any, the value."""

    method: Literal["category"]
    of: LinkId


class Rule(Frozen):
    code: Code
    label: Localised
    when: tuple[Condition, ...] = Field(default=(), max_length=MAX_CONDITIONS)
    behavior: Behavior = "all"


class RuleBased(_Scale):
    """The first rule that applies; when one of `needs` is unknown, none does."""

    method: Literal["rules"]
    needs: tuple[LinkId, ...] = Field(min_length=1, max_length=MAX_SOURCES)
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=MAX_RULES)


class Table(_Scale):
    """A published table (see tables.py) fed by items and computed values: parameter -> id."""

    method: Literal["table"]
    table: Literal["chair_stand_30s", "balance_tug", "acsm_screening"]
    inputs: dict[LinkId, LinkId]


Scale = Annotated[Arithmetic | TickCount | Category | RuleBased | Table, Field(discriminator="method")]
