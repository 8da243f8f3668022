"""A template: the questions, the values computed from them, the scales, and what feeds the program."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from domain.assessments.computed import Computed
from domain.assessments.items import Asked, Group, Item
from domain.assessments.limits import (
    MAX_COMPARISONS,
    MAX_COMPUTED,
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_LANGUAGES,
    MAX_SCALES,
)
from domain.assessments.model import Frozen, Language, LinkId, Localised
from domain.assessments.scales import Arithmetic, Category, RuleBased, Scale, Table, TickCount
from domain.programs.vocabulary import Region

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
Semver = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}$")]


class AcsmFeeds(Frozen):
    """The three answers (yes, no, not_sure) of the pre-participation table."""

    active: LinkId
    known_disease: LinkId
    symptoms: LinkId


class Feeds(Frozen):
    """Which answer, computed value or scale tells the screening and the program what they need.

    Red flags need no entry: they are the items `rf_<flag id>`. The worst answer of `pain` counts.
    """

    region: Region
    pain: tuple[LinkId, ...] = Field(min_length=1)
    pain_at_rest: LinkId | None = None
    onset: LinkId | None = None
    pain_areas: LinkId | None = None
    first_episode: LinkId | None = None
    phq9_item9: LinkId | None = None
    age: LinkId
    sex: LinkId
    level: LinkId
    goal: LinkId
    equipment: LinkId
    days: LinkId
    minutes: LinkId
    conditions: LinkId
    pregnancy_term: LinkId | None = None
    chair_stand: LinkId | None = None
    acsm: AcsmFeeds | None = None

    def named(self) -> dict[str, str]:
        """Feed -> link id, for every feed that has one (`pain.0`, `acsm.active` and so on)."""
        found = {f"pain.{number}": link for number, link in enumerate(self.pain)}
        for name in sorted(type(self).model_fields):
            value = getattr(self, name)
            if name != "region" and isinstance(value, str):
                found[name] = value
        if self.acsm is not None:
            found |= {f"acsm.{name}": link for name, link in self.acsm.model_dump().items()}
        return found


class Template(Frozen):
    """Immutable once published; (id, version, content_hash) name exactly this content."""

    id: Slug
    version: Semver
    title: Localised
    description: Localised | None = None
    languages: tuple[Language, ...] = Field(default=("en",), min_length=1, max_length=MAX_LANGUAGES)
    licence: str | None = None
    regions: tuple[Region, ...] = Field(min_length=1)
    items: tuple[Item, ...] = Field(min_length=1, max_length=MAX_ITEMS)
    computed: tuple[Computed, ...] = Field(default=(), max_length=MAX_COMPUTED)
    scales: tuple[Scale, ...] = Field(default=(), max_length=MAX_SCALES)
    feeds: Feeds

    @model_validator(mode="after")
    def _not_too_large(self) -> Self:
        if sum(1 for _ in self.walk()) > MAX_ITEMS or _depth(self.items) > MAX_DEPTH:
            raise ValueError(f"a template has at most {MAX_ITEMS} items, in groups at most {MAX_DEPTH} deep")
        if sum(self._comparisons()) > MAX_COMPARISONS:
            raise ValueError(f"the conditions of a template compare with at most {MAX_COMPARISONS} answers in all")
        return self

    def _comparisons(self) -> Iterator[int]:
        """How many answers each condition of an item or rule compares with."""
        rules = (rule for scale in self.scales if isinstance(scale, RuleBased) for rule in scale.rules)
        for conditions in (*(item.enable_when for item, _ in self.walk()), *(rule.when for rule in rules)):
            yield from (len(c.answer) if isinstance(c.answer, tuple) else 1 for c in conditions)

    def __repr__(self) -> str:
        return f"Template({self.id} {self.version})"  # the whole of it would fill any log

    __str__ = __repr__

    @cached_property
    def content_hash(self) -> str:
        """sha256 (hex) of the canonical JSON. Defaults stay out: a new optional field changes no hash."""
        content = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def walk(self) -> Iterator[tuple[Item, str | None]]:
        """Every item with its group's link id, in the order of the page."""
        return _walk(self.items, None)

    @cached_property
    def by_id(self) -> dict[str, Item]:
        return {item.link_id: item for item, _ in self.walk()}

    @cached_property
    def asked(self) -> dict[str, Asked]:
        """The items that take an answer."""
        return {link: item for link, item in self.by_id.items() if isinstance(item, Asked)}

    @cached_property
    def parents(self) -> dict[str, str | None]:
        return {item.link_id: parent for item, parent in self.walk()}

    @cached_property
    def dependencies(self) -> dict[str, list[str]]:
        """Item, computed value or scale -> everything it is decided by. Names nobody defines are included."""
        graph: dict[str, set[str]] = {}
        for item, parent in self.walk():
            sources = {condition.question for condition in item.enable_when}
            graph.setdefault(item.link_id, set()).update(sources, {parent} if parent else ())
        for computed in self.computed:
            graph.setdefault(computed.id, set()).update(computed.sources)
        for scale in self.scales:
            graph.setdefault(scale.id, set()).update(sources_of(scale))
        return {name: sorted(sources) for name, sources in graph.items()}  # sorted: the same order in each process

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Sources before what they decide. Raises graphlib.CycleError for a template that lint refuses."""
        return tuple(TopologicalSorter(self.dependencies).static_order())


def _depth(items: Iterable[Item]) -> int:
    return 1 + max((_depth(item.items) for item in items if isinstance(item, Group)), default=0)


def _walk(items: Iterable[Item], parent: str | None) -> Iterator[tuple[Item, str | None]]:
    for item in items:
        yield item, parent
        if isinstance(item, Group):
            yield from _walk(item.items, item.link_id)


def sources_of(scale: Scale) -> set[str]:
    """What the scale reads: items, computed values, other scales."""
    match scale:
        case Arithmetic():
            return set(scale.of)
        case TickCount() | Category():
            return {scale.of}
        case RuleBased():
            return {c.question for rule in scale.rules for c in rule.when} | set(scale.needs)
        case Table():
            return set(scale.inputs.values())
