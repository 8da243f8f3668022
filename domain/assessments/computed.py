"""Values worked out from answers, not asked: age and body mass index."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from domain.assessments.conditions import Fact
from domain.assessments.model import Frozen, LinkId, Localised


class Age(Frozen):
    """Whole years between the date in `born` and today."""

    kind: Literal["age"]
    id: LinkId
    label: Localised
    born: LinkId

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.born,)


class Bmi(Frozen):
    """kg / m2 to one decimal, from kilograms and centimetres."""

    kind: Literal["bmi"]
    id: LinkId
    label: Localised
    weight_kg: LinkId
    height_cm: LinkId

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.weight_kg, self.height_cm)


Computed = Annotated[Age | Bmi, Field(discriminator="kind")]


def age_on(born: date, today: date) -> int | None:
    """Full years; a birthday on 29 February comes round on 1 March. None before birth."""
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years if born <= today else None


def compute(computed: Computed, facts: Mapping[str, Fact], today: date) -> int | float | None:
    """None as long as a source is unknown or cannot be used (a height of 0)."""
    if isinstance(computed, Age):
        born = facts.get(computed.born)
        return age_on(date.fromisoformat(born), today) if isinstance(born, str) else None
    weight, height = facts.get(computed.weight_kg), facts.get(computed.height_cm)
    if not isinstance(weight, int | float) or not isinstance(height, int | float) or height <= 0:
        return None
    return round(weight / (height / 100) ** 2, 1)
