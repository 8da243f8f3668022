"""One pass over a template with a set of answers: what is shown, what is known, what the scales say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from domain.assessments.arithmetic import Number, Outcome, combine, exact, rounded
from domain.assessments.computed import Age, Bmi, compute
from domain.assessments.conditions import Fact, all_met
from domain.assessments.items import Asked, Choosing, Option, RowsItem, SelectItem
from domain.assessments.scales import Arithmetic, Band, Category, RuleBased, Scale, Table, TickCount
from domain.assessments.tables import look_up
from domain.assessments.template import Template


@dataclass(frozen=True, slots=True)
class Result:
    """A scale's outcome, the rounded value people see, and the code of its band, rule or table row."""

    outcome: Outcome
    shown: Number | None
    code: str | None


@dataclass(slots=True)
class Sheet:
    """`values` and `facts` hold nothing of a disabled item: what is hidden decides and scores nothing."""

    enabled: set[str] = field(default_factory=set)
    values: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)


def fill(template: Template, answers: Mapping[str, Any], today: date) -> Sheet:
    """`answers` are well-typed and not blank (see values.check). Each id comes after all that decides it."""
    sheet = Sheet()
    others = {part.id: part for part in (*template.computed, *template.scales)}
    for node in template.order:
        item, parent, other = template.by_id.get(node), template.parents.get(node), others.get(node)
        if item is not None:
            shown = (parent is None or parent in sheet.enabled) and all_met(
                item.enable_when, item.enable_behavior, sheet.facts
            )
            if not shown:
                continue
            sheet.enabled.add(node)
            if node in answers and isinstance(item, Asked):
                sheet.values[node] = answers[node]
                sheet.facts[node] = _fact(item, answers[node])
        elif isinstance(other, Age | Bmi):
            value = compute(other, sheet.facts, today)
            if value is not None:
                sheet.facts[node] = value
        elif other is not None:
            result = evaluate(other, template, sheet)
            sheet.results[node] = result
            known = result.code if isinstance(other, Category) or result.shown is None else result.shown
            if known is not None:
                sheet.facts[node] = known
    return sheet


def _fact(item: Asked, value: Any) -> Fact:
    if isinstance(item, SelectItem):
        return frozenset(value)
    known: Fact = frozenset() if isinstance(item, RowsItem) else value
    return known


def evaluate(scale: Scale, template: Template, sheet: Sheet) -> Result:
    """One scale over the sheet, its sources already on it."""
    match scale:
        case Arithmetic():
            return arithmetic(
                scale, [pair for source in scale.of for pair in _readings(scale, source, template, sheet)]
            )
        case TickCount():
            item = template.asked.get(scale.of)
            value = _number(item, sheet.values[scale.of]) if item and scale.of in sheet.values else None
            reason = "not_answered" if scale.of in sheet.enabled else "no_items"
            return counted(scale, None if value is None else int(value), reason)
        case Category():
            item, code = template.asked.get(scale.of), sheet.facts.get(scale.of)
            value = _number(item, code) if item and isinstance(code, str) else None
            outcome = Outcome(value, reason=None if code else "not_answered")
            return Result(outcome, None if value is None else _plain(value), code if isinstance(code, str) else None)
        case RuleBased():
            return Result(Outcome(None), None, first_rule(scale, sheet.facts))
        case Table():
            return Result(Outcome(None), None, look_up(scale.table, scale.inputs, sheet.facts))


def arithmetic(scale: Arithmetic, readings: list[tuple[str, Fraction | None]]) -> Result:
    """Combine, round, and name the band of the rounded value."""
    outcome = combine(scale, readings)
    shown = None if outcome.value is None else rounded(outcome.value, scale.decimals)
    return Result(outcome, shown, band_of(scale.bands, shown))


def counted(scale: TickCount, ticks: int | None, reason: str = "not_answered") -> Result:
    """None ticks: the list was not touched, which is not the same as a score of 0."""
    outcome = Outcome(None, reason=reason) if ticks is None else Outcome(Fraction(ticks))
    return Result(outcome, ticks, band_of(scale.bands, ticks))


def band_of(bands: tuple[Band, ...], value: Number | None) -> str | None:
    return next((band.code for band in bands if value is not None and band.holds(value)), None)


def first_rule(scale: RuleBased, facts: Mapping[str, Fact]) -> str | None:
    """The code of the first rule that applies; None while a fact it needs is unknown."""
    if any(need not in facts for need in scale.needs):
        return None
    return next((rule.code for rule in scale.rules if all_met(rule.when, rule.behavior, facts)), None)


def _readings(
    scale: Arithmetic, source: str, template: Template, sheet: Sheet
) -> Iterator[tuple[str, Fraction | None]]:
    """The numbers a source adds. One that is hidden, or a subscale of nothing but hidden items, adds none."""
    item, subscale = template.asked.get(source), sheet.results.get(source)
    if item is None:
        if subscale is None:
            fact = sheet.facts.get(source)
            yield source, exact(fact) if isinstance(fact, int | float) else None
        elif subscale.outcome.reason != "no_items":
            yield source, subscale.outcome.value
    elif source in sheet.enabled:
        value = sheet.values.get(source)
        if isinstance(item, RowsItem):
            column = next((c for c in item.columns if c.link_id == scale.column), None)
            for row in value or ():
                cell = row.get(scale.column)
                yield source, None if column is None or cell is None else _number(column, cell)
        else:
            yield source, None if value is None else _number(item, value)


def _number(item: Asked, value: Any) -> Fraction | None:
    """Numbers as they are, yes as 1, options by weight, ticks by count."""
    if isinstance(item, SelectItem) and item.type != "multi-choice":
        exclusive = {option.code for option in item.options if option.exclusive}
        return Fraction(len(set(value) - exclusive))
    if isinstance(item, Choosing):
        weights = [_weight(item.options, code) for code in (value if isinstance(value, list) else [value])]
        return None if None in weights else sum((w for w in weights if w is not None), Fraction(0))
    return exact(value) if isinstance(value, int | float) else None


def _weight(options: tuple[Option, ...], code: str) -> Fraction | None:
    weight = next((option.weight for option in options if option.code == code), None)
    return None if weight is None else exact(weight)


def _plain(value: Fraction) -> Number:
    return int(value) if value.denominator == 1 else float(value)
