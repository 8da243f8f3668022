"""Conditions: they compare like with like, and can come true."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from domain.assessments.computed import Age
from domain.assessments.conditions import Condition, Fact, Scalar, all_met, kind_of
from domain.assessments.items import (
    BooleanItem,
    ChoiceItem,
    DateItem,
    DecimalItem,
    IntegerItem,
    OpenChoiceItem,
    ScaleItem,
    SelectItem,
    TextItem,
)
from domain.assessments.lint.findings import Finding
from domain.assessments.scales import Arithmetic, Category, RuleBased, TickCount
from domain.assessments.scoring import band_codes
from domain.assessments.template import Template

Kind = Literal["boolean", "number", "date", "string", "choice", "codes", "nothing"]
_PLAIN: dict[str, Kind] = {"boolean": "boolean", "date": "date", "text": "string", "open-choice": "string"}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Source:
    """What a condition can compare with: `codes` of a choice, ends of a number, `whole` for counted ones."""

    kind: Kind
    codes: tuple[str, ...] = ()
    alone: frozenset[str] = frozenset()
    low: float = float("-inf")
    high: float = float("inf")
    whole: bool = False


def source_of(template: Template, name: str) -> Source:
    """Kind and range of an item, computed value or scale; `nothing` for one that has no value to compare."""
    item = template.asked.get(name)
    match item:
        case BooleanItem() | DateItem() | TextItem() | OpenChoiceItem():
            return Source(_PLAIN[item.type])
        case ChoiceItem():
            return Source("choice", tuple(option.code for option in item.options))
        case SelectItem():
            alone = frozenset(option.code for option in item.options if option.exclusive)
            return Source("codes", tuple(option.code for option in item.options), alone)
        case IntegerItem() | ScaleItem() | DecimalItem():
            low = float("-inf") if item.min_value is None else item.min_value
            high = float("inf") if item.max_value is None else item.max_value
            return Source("number", low=low, high=high, whole=isinstance(item, IntegerItem | ScaleItem))
    return _derived(template, name)


def _derived(template: Template, name: str) -> Source:
    computed = next((part for part in template.computed if part.id == name), None)
    if computed is not None:
        return Source("number", low=0, high=150, whole=True) if isinstance(computed, Age) else Source("number", low=0)
    scale = next((part for part in template.scales if part.id == name), None)
    match scale:
        case Arithmetic() | TickCount():
            return Source("number", low=scale.min, high=scale.max)
        case Category():
            return source_of(template, scale.of)
        case None:
            return Source("nothing")
        case _:
            return Source("choice", band_codes(scale))


def condition_findings(template: Template) -> Iterator[Finding]:
    yield from _computed(template)
    wrong = [
        finding
        for where, conditions in _conditions(template)
        for condition in conditions
        for finding in compares_wrong(template, where, condition)
    ]
    yield from wrong
    yield from _unreachable(template, {finding.where for finding in wrong})


def _computed(template: Template) -> Iterator[Finding]:
    for computed in template.computed:
        wanted: Kind = "date" if isinstance(computed, Age) else "number"
        for link in computed.sources:
            if source_of(template, link).kind != wanted:
                mend = f"`{link}` is not of kind {wanted}: name a source that is."
                yield Finding(where=computed.id, code="type_mismatch", mend=mend)


def _conditions(template: Template) -> Iterator[tuple[str, tuple[Condition, ...]]]:
    for name, item in template.by_id.items():
        yield name, item.enable_when
    for scale in template.scales:
        if isinstance(scale, RuleBased):
            yield from ((scale.id, rule.when) for rule in scale.rules)


def _unreachable(template: Template, wrong: set[str]) -> Iterator[Finding]:
    """Sources first, so that what hangs on an item that never shows is known not to show either."""
    never: set[str] = set()
    for name in template.order:
        item = template.by_id.get(name)
        if item is None or name in wrong:
            continue
        if template.parents[name] in never:
            never.add(name)
        elif not _can_be_met(template, item.enable_when, item.enable_behavior, never):
            never.add(name)
            mend = "No answers meet its conditions: correct or remove them."
            yield Finding(where=name, code="unreachable_item", mend=mend)


def compares_wrong(template: Template, where: str, condition: Condition) -> Iterator[Finding]:
    """A comparison that cannot be meant: other type, an order on a choice, an option that is not there."""
    source = source_of(template, condition.question)
    exists_only = condition.question in template.asked and source.kind == "nothing"
    if condition.operator == "exists" and (source.kind != "nothing" or exists_only):
        return
    answers = _set(condition)
    ordered = condition.operator not in ("=", "!=", "exists")
    allowed_order = not ordered or source.kind in ("number", "date")
    if not allowed_order or not all(_fits(source.kind, answer) for answer in answers):
        mend = f"`{condition.question}` is of kind {source.kind}: compare it with that, by a fitting operator."
        yield Finding(where=where, code="type_mismatch", mend=mend)
    elif source.kind in ("choice", "codes"):
        for answer in answers:
            if answer not in source.codes:
                mend = f"`{condition.question}` has no option `{answer}`: name one that it has."
                yield Finding(where=where, code="unknown_option", mend=mend)


def _fits(kind: Kind, answer: Scalar) -> bool:
    match kind:
        case "boolean" | "number":
            return kind_of(answer) == kind
        case "date":
            return isinstance(answer, str) and _DATE.fullmatch(answer) is not None
        case "string" | "choice" | "codes":
            return isinstance(answer, str)
        case "nothing":
            return False


def _can_be_met(
    template: Template, conditions: tuple[Condition, ...], behavior: Literal["all", "any"], never: set[str]
) -> bool:
    """Each source by itself: conditions on different sources are not played off against each other."""
    by_question: dict[str, list[Condition]] = {}
    for condition in conditions:
        by_question.setdefault(condition.question, []).append(condition)
    results = [
        any(
            all_met(group, behavior, {} if fact is None else {name: fact})
            for fact in (None, *(() if name in never else _candidates(source_of(template, name), group)))
        )
        for name, group in by_question.items()
    ]
    return not results or (all(results) if behavior == "all" else any(results))


def _candidates(source: Source, conditions: list[Condition]) -> Iterator[Fact]:
    """Values enough to meet the conditions if any value does: each threshold, its neighbours, the ends."""
    marks = [mark for c in conditions if c.operator != "exists" for mark in _set(c)]
    match source.kind:
        case "boolean":
            yield from (True, False)
        case "number":
            yield from _numbers(source, [mark for mark in marks if isinstance(mark, int | float)])
        case "date":
            for mark in map(str, marks):  # dates compare as text: one just before, and one just after
                yield from (mark[:-1], mark, f"{mark}~")
        case "string":
            yield from (*(str(mark) for mark in marks), "".join(str(mark) for mark in marks) + "-")
        case "choice":
            yield from source.codes
        case "codes":
            refused = {mark for c in conditions if c.operator == "!=" for mark in _set(c)}
            yield from (frozenset({code}) for code in source.codes)
            yield frozenset(source.codes) - source.alone - refused
        case "nothing":
            yield frozenset()


def _set(condition: Condition) -> tuple[Scalar, ...]:
    return condition.answer if isinstance(condition.answer, tuple) else (condition.answer,)


def _numbers(source: Source, marks: list[float]) -> Iterator[float]:
    ends = [end for end in (source.low, source.high) if abs(end) != float("inf")]
    step = 1 if source.whole else 0.001
    between = [] if source.whole else [(a + b) / 2 for a, b in pairwise(sorted(marks))]
    around = [mark + move for mark in marks for move in (-step, 0, step)]
    for value in (*ends, *around, *between):
        if source.low <= value <= source.high and (not source.whole or value == int(value)):
            yield value
