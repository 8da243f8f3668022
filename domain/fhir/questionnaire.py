"""A template as a FHIR R4 Questionnaire: what FHIR can say in FHIR's own words, the rest in one extension."""

from collections.abc import Iterable, Iterator
from graphlib import CycleError
from typing import Any, Literal

from domain.assessments.computed import Age
from domain.assessments.errors import NotExportable
from domain.assessments.items import (
    ChoiceItem,
    Choosing,
    Column,
    DateItem,
    DecimalItem,
    Display,
    Group,
    IntegerItem,
    Item,
    OpenChoiceItem,
    Option,
    RowsItem,
    ScaleItem,
    SelectItem,
    TextItem,
)
from domain.assessments.lint.conditions import source_of
from domain.assessments.model import LinkId, Localised
from domain.assessments.scales import Category, RuleBased
from domain.assessments.template import Template
from domain.fhir.conditions import NotExpressible, write_conditions
from domain.fhir.extras import ItemExtras, digest, write_extras
from domain.fhir.names import (
    BASE,
    EXCLUSIVE,
    ITEM_WEIGHT,
    MAX_OCCURS,
    MAX_VALUE,
    MIN_OCCURS,
    MIN_VALUE,
    ORDINAL_VALUE,
    REGEX,
    SLIDER_STEP,
    UCUM,
    UNIT,
    Json,
    control,
    extension,
)
from domain.fhir.reasons import Reason, reason
from domain.fhir.texts import write_text

Status = Literal["draft", "active", "retired", "unknown"]
FHIR_TYPES: dict[str, str] = {
    "group": "group", "display": "display", "boolean": "boolean", "integer": "integer", "decimal": "decimal",
    "scale": "integer", "date": "date", "text": "text", "choice": "choice", "open-choice": "open-choice",
    "multi-choice": "choice", "tick-list": "choice", "body-map": "choice", "rows": "group",
}  # fmt: skip
_REPEATING = ("multi-choice", "tick-list", "body-map", "rows")


def canonical(template: Template) -> str:
    """`url|version`, by which a response names its questionnaire."""
    return f"{BASE}/Questionnaire/{template.id}|{template.version}"


def export_questionnaire(template: Template, status: Status = "active") -> Json:
    """The Questionnaire as JSON. Raises NotExportable for a mix of conditions that FHIR cannot say, and for a draft in
    which something decides itself.
    """
    try:
        _ = template.order
    except CycleError:
        raise NotExportable([reason("circle", "")]) from None
    writer = _Writer(template)
    items = [*writer.items(template.items), *writer.derived()]
    if writer.refused:
        raise NotExportable(writer.refused)
    base = template.languages[0]
    described = {} if template.description is None else write_text("description", template.description, base)
    return {
        "resourceType": "Questionnaire",
        "id": template.id,
        "language": base,
        "extension": [write_extras(template, writer.extras)],
        "url": f"{BASE}/Questionnaire/{template.id}",
        "version": template.version,
        "name": "".join(part.capitalize() for part in template.id.split("-")),
        **write_text("title", template.title, base),
        "status": status,
        "subjectType": ["Patient"],
        **described,
        **({} if template.licence is None else {"copyright": template.licence}),
        "item": items,
    }


class _Writer:
    def __init__(self, template: Template) -> None:
        self.template = template
        self.base = template.languages[0]
        self.extras: dict[str, ItemExtras] = {}
        self.refused: list[Reason] = []

    def items(self, items: Iterable[Item]) -> Iterator[Json]:
        for item in items:
            written = self.item(item, item.link_id)
            if isinstance(item, Group):
                written["item"] = [*written.get("item", ()), *self.items(item.items)]
            yield self.under_conditions(item, written)

    def item(self, item: Item | Column, link: str) -> Json:
        """Everything of one item but its conditions and, of a group, what is in it."""
        children = [*self.presented(item, link)]
        if isinstance(item, RowsItem):
            children += [self.item(column, f"{link}.{column.link_id}") for column in item.columns]
        notes = [*_notes(item)]
        self.remember(
            link,
            type=item.type if item.type in ("tick-list", "body-map") else None,
            help=item.help if isinstance(item, Display) else None,
            past_only=isinstance(item, DateItem) and item.past_only,
            key=item.key if isinstance(item, RowsItem) else None,
        )
        return {
            **({"extension": notes} if notes else {}),
            "linkId": link,
            **write_text("text", item.text, self.base),
            "type": FHIR_TYPES[item.type],
            **({"required": True} if getattr(item, "required", False) else {}),
            **({"repeats": True} if item.type in _REPEATING else {}),
            **({"maxLength": item.max_length} if isinstance(item, TextItem | OpenChoiceItem) else {}),
            **({"answerOption": [self.option(o) for o in item.options]} if isinstance(item, Choosing) else {}),
            **({"item": children} if children else {}),
        }

    def presented(self, item: Item | Column, link: str) -> Iterator[Json]:
        """Help and the ends of a scale: display items below the question."""
        if item.help is not None and not isinstance(item, Display):
            yield self.display(f"{link}.help", item.help, "help")
        if isinstance(item, ScaleItem):
            yield self.display(f"{link}.low", item.low, "lower")
            yield self.display(f"{link}.high", item.high, "upper")

    def display(self, link: str, text: Localised, code: str) -> Json:
        return {"extension": [control(code)], "linkId": link, **write_text("text", text, self.base), "type": "display"}

    def option(self, option: Option) -> Json:
        """The weight by both its names: readers of R4 know only the older one."""
        weights = () if option.weight is None else (ITEM_WEIGHT, ORDINAL_VALUE)
        notes = [extension(url, "Decimal", option.weight) for url in weights]
        notes += [extension(EXCLUSIVE, "Boolean", value=True)] if option.exclusive else []
        coding = {"code": option.code, **write_text("display", option.text, self.base)}
        return {**({"extension": notes} if notes else {}), "valueCoding": coding}

    def under_conditions(self, item: Item, written: Json) -> Json:
        """The item with its conditions, inside a group for each level of them that does not fit the item itself."""
        try:
            levels = write_conditions(self.template, item.enable_when, item.enable_behavior)
        except NotExpressible:
            self.refused.append(reason("not_expressible", item.link_id))
            return written
        if not _is_plain(item):
            self.remember(
                item.link_id, enable_when=item.enable_when, enable_behavior=item.enable_behavior, written=digest(levels)
            )
        result = written | levels[-1]
        for number, level in reversed([*enumerate(levels[:-1], 1)]):
            result = {"linkId": f"{item.link_id}.when{number}", "type": "group", **level, "item": [result]}
        return result

    def remember(self, link: str, **values: Any) -> None:
        known = self.extras.get(link, ItemExtras())
        self.extras[link] = known.model_copy(update={name: value for name, value in values.items() if value})

    def derived(self) -> Iterator[Json]:
        """Computed values and scales as read-only items: conditions and responses name them by linkId."""
        for computed in self.template.computed:
            kind = "integer" if isinstance(computed, Age) else "decimal"
            yield self.read_only(computed.id, computed.label, kind)
        for scale in self.template.scales:
            source = source_of(self.template, scale.id)
            codes = [Option(code=code, text={self.base: code}) for code in source.codes]
            if isinstance(scale, RuleBased):
                codes = [Option(code=rule.code, text=rule.label) for rule in scale.rules]
            item = self.template.asked.get(scale.of) if isinstance(scale, Category) else None
            options = item.options if isinstance(item, ChoiceItem) else tuple(codes)
            yield self.read_only(scale.id, scale.label, "decimal" if source.kind == "number" else "choice", options)

    def read_only(self, link: LinkId, text: Localised, kind: str, options: Iterable[Option] = ()) -> Json:
        listed = [self.option(option) for option in options]
        shown = {"linkId": link, **write_text("text", text, self.base), "type": kind, "readOnly": True}
        return shown | ({"answerOption": listed} if listed else {})


def _is_plain(item: Item) -> bool:
    """Reading the written conditions gives these very conditions."""
    single = all(c.operator != "!=" and not isinstance(c.answer, tuple) for c in item.enable_when)
    return single and (item.enable_behavior == "all" or len(item.enable_when) != 1)


def _notes(item: Item | Column) -> Iterator[Json]:
    """Ranges, units and controls, which FHIR has as extensions."""
    if isinstance(item, ScaleItem | SelectItem):
        yield control("slider" if isinstance(item, ScaleItem) else "check-box")
    match item:
        case IntegerItem() | ScaleItem():
            yield from _range(item.min_value, item.max_value, "Integer")
        case DecimalItem():
            yield from _range(item.min_value, item.max_value, "Decimal")
        case DateItem():
            yield from _range(item.min_value, item.max_value, "Date")
        case SelectItem() | RowsItem():
            ends = ((MIN_OCCURS, item.min_occurs or None), (MAX_OCCURS, item.max_occurs))
            yield from (extension(url, "Integer", end) for url, end in ends if end is not None)
    if isinstance(item, ScaleItem):
        yield extension(SLIDER_STEP, "Integer", 1)
    if isinstance(item, IntegerItem | DecimalItem) and item.unit is not None:
        yield extension(UNIT, "Coding", {"system": UCUM, "code": item.unit})
    if isinstance(item, TextItem) and item.regex is not None:
        yield extension(REGEX, "String", item.regex)


def _range(low: float | str | None, high: float | str | None, kind: str) -> Iterator[Json]:
    for url, end in ((MIN_VALUE, low), (MAX_VALUE, high)):
        if end is not None:
            yield extension(url, "Decimal" if isinstance(end, float) else kind, end)
