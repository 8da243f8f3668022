"""What FHIR has no words for, as JSON in one extension of ours at the root of the Questionnaire.

`format` is 1. `regions`, `languages`, `computed`, `scales` and `feeds` are those of the template. `items` holds, by
FHIR linkId, what an item is beyond its FHIR form. The Questionnaire stays the truth: an entry counts only as far as it
agrees with the item (`written` is the digest of the conditions that `enableWhen` was written as).
"""

import hashlib
import json
from typing import Literal

from pydantic import Field, ValidationError

from domain.assessments.computed import Computed
from domain.assessments.conditions import Behavior, Condition
from domain.assessments.model import Frozen, Language, LinkId, Localised
from domain.assessments.scales import Scale
from domain.assessments.template import Feeds, Template
from domain.fhir.element import Element
from domain.fhir.names import EXTRAS, Json, extension
from domain.programs.vocabulary import Region

# The names that the shipped templates use: lint then says which of them a questionnaire still has to ask.
_NAMED = {
    "age": "age", "sex": "sex", "level": "experience", "goal": "goal", "equipment": "equipment",
    "days": "days_per_week", "minutes": "minutes", "conditions": "conditions",
}  # fmt: skip


class ItemExtras(Frozen):
    type: Literal["tick-list", "body-map"] | None = None
    help: Localised | None = None  # of a display, which has no items of its own in FHIR
    past_only: bool = False
    key: LinkId | None = None
    enable_when: tuple[Condition, ...] = ()
    enable_behavior: Behavior = "all"
    written: str | None = None


class Extras(Frozen):
    format: Literal[1]
    regions: tuple[Region, ...] = ("general",)
    languages: tuple[Language, ...] = ()
    computed: tuple[Computed, ...] = ()
    scales: tuple[Scale, ...] = ()
    feeds: Feeds = Field(default=Feeds(region="general", pain=("nprs_now",), **_NAMED))
    items: dict[str, ItemExtras] = Field(default_factory=dict)


def digest(levels: list[Json]) -> str:
    """Of the enableWhen and enableBehavior of an item and of the groups put around it for its sake."""
    text = json.dumps(levels, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_extras(template: Template, items: dict[str, ItemExtras]) -> Json:
    extras = Extras(
        format=1,
        regions=template.regions,
        languages=template.languages,
        computed=template.computed,
        scales=template.scales,
        feeds=template.feeds,
        items={link: entry for link, entry in items.items() if entry != ItemExtras()},
    )
    content = extras.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return extension(EXTRAS, "String", json.dumps(content, sort_keys=True, ensure_ascii=False))


def read_extras(root: Element) -> Extras:
    """Those of the resource, or those of a questionnaire from elsewhere: no scores, and feeds that lint asks for."""
    found = root.extension(EXTRAS)
    text = found.text("valueString") if found is not None else None
    if found is None or text is None:
        return Extras(format=1)
    try:
        return Extras.model_validate(json.loads(text))
    except (ValidationError, ValueError, RecursionError) as error:
        parts = error.errors(include_url=False, include_input=False) if isinstance(error, ValidationError) else []
        where = ", ".join(sorted({".".join(str(part) for part in entry["loc"]) for entry in parts})[:3])
        found.refuse("extras", "valueString", detail=f"See {where}." if where else "")
        return Extras(format=1)
