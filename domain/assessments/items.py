"""The kinds of question, each the shape of one FHIR R4 Questionnaire item.

| here | FHIR R4 |
|---|---|
| boolean, integer, decimal, date, text, display, group | the same type |
| choice, open-choice | the same type, `answerOption` |
| multi-choice, tick-list, body-map | choice with `repeats`; `exclusive` is questionnaire-optionExclusive |
| scale | integer with the slider control, `minValue`, `maxValue` |
| rows | group with `repeats`; a column's linkId is `<rows>.<column>` |
"""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from domain.assessments.conditions import Behavior, Condition
from domain.assessments.limits import MAX_COLUMNS, MAX_CONDITIONS, MAX_OPTIONS
from domain.assessments.model import Code, Frozen, LinkId, Localised
from domain.assessments.patterns import MAX_TEXT, ways
from domain.programs.vocabulary import Region

BODY_AREAS = frozenset(get_args(Region)) - {"general"}
MAX_MAGNITUDE = 1_000_000_000

IsoDate = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Bound = Annotated[int | float, Field(ge=-MAX_MAGNITUDE, le=MAX_MAGNITUDE)]


class Option(Frozen):
    """One answer to choose. `weight` is its score; an `exclusive` option ("none of these") stands alone."""

    code: Code
    text: Localised
    weight: Bound | None = None
    exclusive: bool = False


class _Item(Frozen):
    link_id: LinkId
    text: Localised
    help: Localised | None = None
    enable_when: tuple[Condition, ...] = Field(default=(), max_length=MAX_CONDITIONS)
    enable_behavior: Behavior = "all"


class _Question(_Item):
    required: bool = False


class _Range(_Question):
    min_value: Bound | None = None
    max_value: Bound | None = None
    unit: str | None = None  # UCUM code, such as kg, cm, min


class Display(_Item):
    type: Literal["display"]


class BooleanItem(_Question):
    type: Literal["boolean"]


class IntegerItem(_Range):
    type: Literal["integer"]


class DecimalItem(_Range):
    type: Literal["decimal"]


class ScaleItem(_Question):
    """Whole numbers between two named ends; 0 to 10 unless told."""

    type: Literal["scale"]
    min_value: int = 0
    max_value: int = 10
    low: Localised
    high: Localised


class DateItem(_Question):
    type: Literal["date"]
    min_value: IsoDate | None = None
    max_value: IsoDate | None = None
    past_only: bool = False  # not after the day of submission


class TextItem(_Question):
    type: Literal["text"]
    max_length: int = Field(default=500, ge=1, le=4000)
    regex: Annotated[str, StringConstraints(max_length=200)] | None = None

    @model_validator(mode="after")
    def _pattern_is_cheap(self) -> Self:
        if self.regex is not None and (self.max_length > MAX_TEXT or ways(self.regex) is None):
            raise ValueError("a regex has characters, classes and few quantifiers, no groups; maxLength at most 200")
        return self


class ChoiceItem(_Question):
    type: Literal["choice"]
    options: tuple[Option, ...] = Field(min_length=1, max_length=MAX_OPTIONS)


class OpenChoiceItem(_Question):
    """One of the options, or the person's own words."""

    type: Literal["open-choice"]
    options: tuple[Option, ...] = Field(min_length=1, max_length=MAX_OPTIONS)
    max_length: int = Field(default=200, ge=1, le=4000)


class SelectItem(_Question):
    """Several options. A tick list scores by its ticks; a body map offers body areas only."""

    type: Literal["multi-choice", "tick-list", "body-map"]
    options: tuple[Option, ...] = Field(min_length=1, max_length=MAX_OPTIONS)
    min_occurs: int = Field(default=0, ge=0)
    max_occurs: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _body_areas_are_known(self) -> Self:
        codes = {option.code for option in self.options if not option.exclusive}
        if self.type == "body-map" and not codes <= BODY_AREAS:
            raise ValueError("a body map offers the body areas of the vocabulary only")
        return self


Column = Annotated[
    BooleanItem | IntegerItem | DecimalItem | ScaleItem | DateItem | TextItem | ChoiceItem,
    Field(discriminator="type"),
]


class RowsItem(_Question):
    """A table the person fills, such as own activities with a number. `key` is the column naming a row."""

    type: Literal["rows"]
    columns: tuple[Column, ...] = Field(min_length=1, max_length=MAX_COLUMNS)
    key: LinkId | None = None
    min_occurs: int = Field(default=0, ge=0)
    max_occurs: int = Field(default=20, ge=1, le=100)

    @model_validator(mode="after")
    def _columns_are_plain(self) -> Self:
        if any(column.enable_when for column in self.columns):
            raise ValueError("a column has no enableWhen: every row asks the same")
        if self.key is not None and all(column.link_id != self.key for column in self.columns):
            raise ValueError("the key names one of the columns")
        return self


class Group(_Item):
    type: Literal["group"]
    items: "tuple[Item, ...]" = Field(min_length=1)


Item = Annotated[
    Display | Group | BooleanItem | IntegerItem | DecimalItem | ScaleItem | DateItem | TextItem
    | ChoiceItem | OpenChoiceItem | SelectItem | RowsItem,
    Field(discriminator="type"),
]  # fmt: skip
Numeric = IntegerItem | DecimalItem | ScaleItem
Choosing = ChoiceItem | OpenChoiceItem | SelectItem
Asked = (
    BooleanItem | IntegerItem | DecimalItem | ScaleItem | DateItem | TextItem
    | ChoiceItem | OpenChoiceItem | SelectItem | RowsItem
)  # fmt: skip
