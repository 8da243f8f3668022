"""Which values a scale can take at all, so that bands can be held against them before anyone is scored.

Worked out exactly, one source after the other, blanks and hidden items included. Where there are too many
values, or a source is not counted in whole numbers, only the ends are known. Templates come from tenants, so the work
on one template is limited as well: what would go beyond that is known by its ends too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from domain.assessments.arithmetic import Number, allowed_missing, exact, rounded
from domain.assessments.items import (
    MAX_MAGNITUDE,
    Asked,
    BooleanItem,
    ChoiceItem,
    DecimalItem,
    IntegerItem,
    RowsItem,
    ScaleItem,
    SelectItem,
)
from domain.assessments.scales import Arithmetic, CountTicked, Scale, TickCount
from domain.assessments.template import Template

MAX_STATES = 50_000
MAX_STEPS = 20_000
MAX_WORK = 400_000  # sums of one value with one state, over all scales of a template
MAX_SHOWN = 60_000  # values listed, over all scales of a template
ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Attainable:
    """`values` is None when only the ends are known."""

    low: Fraction
    high: Fraction
    values: frozenset[Fraction] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One source of a scale; `hideable` when it can be left out without being missing."""

    weight: Fraction
    range: Attainable
    hideable: bool


def points(values: Iterable[Fraction]) -> Attainable | None:
    found = frozenset(values)
    return Attainable(min(found), max(found), found) if found else None


class Ranges:
    """Of one template's scales, each worked out once."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._scales = {scale.id: scale for scale in template.scales}
        self._found: dict[str, Attainable | None] = {}
        self._hideable: dict[str, bool] = {}
        self._work = MAX_WORK
        self._shown = MAX_SHOWN

    def of_scale(self, scale: Scale) -> Attainable | None:
        """Before rounding. None when the scale has no number, or some source has no ends, or they are out of sight."""
        if scale.id not in self._found:
            found = self._of_scale(scale)
            far = found is not None and max(abs(found.low), abs(found.high)) > MAX_MAGNITUDE
            self._found[scale.id] = None if far else found
        return self._found[scale.id]

    def shown(self, found: Attainable, decimals: int) -> list[Number]:
        """What people can see, rising. From ends alone: every step of the last decimal; the ends, if too many."""
        steps = int((found.high - found.low) * 10**decimals)
        self._shown -= steps if found.values is None else len(found.values)
        if self._shown < 0 or (found.values is None and steps > MAX_STEPS):
            return sorted({rounded(found.low, decimals), rounded(found.high, decimals)})
        if found.values is not None:
            return sorted({rounded(value, decimals) for value in found.values})
        between = (rounded(found.low + Fraction(number, 10**decimals), decimals) for number in range(steps + 1))
        return sorted({*between, rounded(found.high, decimals)})

    def _of_scale(self, scale: Scale) -> Attainable | None:
        if isinstance(scale, TickCount):
            return self._of_source(scale.of, None)
        if not isinstance(scale, Arithmetic):
            return None
        parts, rows = [], range(1, 2)
        for link in scale.of:
            found = self._of_source(link, scale.column)
            if found is None:
                return None
            item = self._template.asked.get(link)
            if isinstance(item, RowsItem):
                rows = range(max(item.min_occurs, 1), item.max_occurs + 1)
            parts.append(Part(exact(scale.weights.get(link, 1)), found, self._is_hideable(link)))
        if not self._affords(len(parts) * sum(rows)):
            return None
        found_all = [self._reachable(scale, parts * count) or _ends(scale, parts * count) for count in rows]
        values = [each.values for each in found_all if each.values is not None]
        low, high = min(each.low for each in found_all), max(each.high for each in found_all)
        exactly = len(values) == len(found_all)
        return _transform(scale, Attainable(low, high, frozenset().union(*values) if exactly else None))

    def _is_hideable(self, link: str) -> bool:
        """Whether a condition on the item or around it can take it away. A subscale may be all hidden as well."""
        if link not in self._hideable:
            nested = self._scales.get(link)
            whole = isinstance(nested, Arithmetic) and all(self._is_hideable(source) for source in nested.of)
            self._hideable[link] = self._conditional(link) or whole
        return self._hideable[link]

    def _conditional(self, link: str) -> bool:
        node: str | None = link
        while node is not None and node in self._template.by_id:
            if self._template.by_id[node].enable_when:
                return True
            node = self._template.parents[node]
        return False

    def _of_source(self, link: str, column: str | None) -> Attainable | None:
        """The numbers one item, or another scale, can add; None for one without numbers or without ends."""
        nested = self._scales.get(link)
        if nested is not None:
            return self.of_scale(nested)
        item: Asked | None = self._template.asked.get(link)
        if isinstance(item, RowsItem):
            item = next((part for part in item.columns if part.link_id == column), None)
        match item:
            case BooleanItem():
                return points((ZERO, Fraction(1)))
            case ChoiceItem():
                return points(exact(option.weight) for option in item.options if option.weight is not None)
            case SelectItem():
                return self._of_selection(item)
            case IntegerItem() | ScaleItem() | DecimalItem():
                return self._between(item)
        return None

    def _between(self, item: IntegerItem | ScaleItem | DecimalItem) -> Attainable | None:
        if item.min_value is None or item.max_value is None:
            return None
        low, high = exact(item.min_value), exact(item.max_value)
        few = high - low <= MAX_STEPS and self._affords(int(high - low))
        if isinstance(item, DecimalItem) or not few:
            return Attainable(low, high)
        return points(low + number for number in range(int(high - low) + 1))

    def _of_selection(self, item: SelectItem) -> Attainable | None:
        free = [option for option in item.options if not option.exclusive]
        if item.type != "multi-choice":
            return points(Fraction(n) for n in range(min(len(free), item.max_occurs or len(free)) + 1))
        sums = {ZERO}
        for weight in [exact(option.weight or 0) for option in free]:
            if len(sums) > MAX_STATES or not self._affords(len(sums)):
                return None
            sums |= {total + weight for total in sums}
        return points(sums)

    def _reachable(self, scale: Arithmetic, parts: list[Part]) -> Attainable | None:
        """Every value; None when there are too many, or a blank's fill depends on which source it is."""
        zeros = isinstance(scale.missing, CountTicked)
        can_miss = allowed_missing(scale.missing, len(parts)) > 0
        if can_miss and not zeros and len({part.weight for part in parts}) > 1:
            return None
        states: set[tuple[int, int, Fraction]] = {(0, 0, ZERO)}  # shown, answered, total
        for part in parts:
            if part.range.values is None or not self._affords(len(states) * len(part.range.values)):
                return None
            weighed = [part.weight * value for value in part.range.values]
            after = {
                (shown + 1, answered + 1, _add(scale, total, value, first=not answered))
                for shown, answered, total in states
                for value in weighed
            }
            after |= {(shown + 1, answered, total) for shown, answered, total in states} if can_miss else set()
            states = after | states if part.hideable else after
            if len(states) > MAX_STATES:
                return None
        return points(
            _whole(scale, shown, answered, total, zeros=zeros)
            for shown, answered, total in states
            if shown - answered <= allowed_missing(scale.missing, shown) and (answered or (zeros and shown))
        )

    def _affords(self, sums: int) -> bool:
        """Whether so much more may be worked out; if so it is spent."""
        affordable = sums <= self._work
        self._work -= sums if affordable else 0
        return affordable


def _add(scale: Arithmetic, total: Fraction, value: Fraction, *, first: bool) -> Fraction:
    if scale.method != "max":
        return total + value
    return value if first else max(total, value)


def _whole(scale: Arithmetic, shown: int, answered: int, total: Fraction, *, zeros: bool) -> Fraction:
    if scale.method == "max":
        return total
    filled = total if zeros else total * shown / answered
    return filled / shown if scale.method == "mean" else filled


def _ends(scale: Arithmetic, parts: list[Part]) -> Attainable:
    """Wide enough for every case: each source at its end, or away when it can be."""
    pairs = [sorted((part.weight * part.range.low, part.weight * part.range.high)) for part in parts]
    lows, highs = [low for low, _ in pairs], [high for _, high in pairs]
    if scale.method in ("max", "mean"):
        return Attainable(min(lows), max(highs))
    away = [part.hideable or isinstance(scale.missing, CountTicked) for part in parts]
    low = sum((min(end, ZERO) if gone else end for end, gone in zip(lows, away, strict=True)), ZERO)
    high = sum((max(end, ZERO) if gone else end for end, gone in zip(highs, away, strict=True)), ZERO)
    return Attainable(low, high)


def _transform(scale: Arithmetic, found: Attainable) -> Attainable:
    def moved(value: Fraction) -> Fraction:
        return exact(scale.factor) * value + exact(scale.offset)

    low, high = sorted((moved(found.low), moved(found.high)))
    return Attainable(low, high, None if found.values is None else frozenset(map(moved, found.values)))
