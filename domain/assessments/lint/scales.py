"""Scales: every source counts, and bands cover what can be reached and nothing else."""

from collections.abc import Iterator
from inspect import Parameter, signature
from itertools import pairwise

from domain.assessments.arithmetic import Number
from domain.assessments.attainable import Ranges
from domain.assessments.items import (
    Asked,
    BooleanItem,
    ChoiceItem,
    Numeric,
    OpenChoiceItem,
    Option,
    RowsItem,
    SelectItem,
)
from domain.assessments.lint.conditions import source_of
from domain.assessments.lint.findings import Finding
from domain.assessments.scales import Arithmetic, Band, Category, Prorate, Scale, Table, TickCount
from domain.assessments.tables import PARAMETERS, TABLES
from domain.assessments.template import Template


def scale_findings(template: Template) -> Iterator[Finding]:
    ranges = Ranges(template)
    for scale in template.scales:
        if scale.licence is None and template.licence is None:
            mend = "Say who owns the instrument and what allows its use."
            yield Finding(where=scale.id, code="licence_missing", mend=mend)
        sources = list(_source_findings(template, scale))
        yield from sources
        if isinstance(scale, Arithmetic | TickCount) and not sources:
            found = ranges.of_scale(scale)
            decimals = scale.decimals if isinstance(scale, Arithmetic) else 0
            if found is None:
                mend = "Give every source a lowest and a highest value."
                yield Finding(where=scale.id, code="range_unknown", mend=mend)
            else:
                values = ranges.shown(found, decimals)
                yield from _range_findings(scale, values)
                yield from band_findings(scale.id, scale.bands, values)


def _source_findings(template: Template, scale: Scale) -> Iterator[Finding]:
    match scale:
        case Arithmetic():
            for link in scale.of:
                yield from _counted(template, scale, link)
            if isinstance(scale.missing, Prorate) and scale.missing.min_answered > len(scale.of) and not scale.column:
                mend = f"There are {len(scale.of)} sources: ask for no more than that to be answered."
                yield Finding(where=scale.id, code="policy_impossible", mend=mend)
        case TickCount():
            item = template.asked.get(scale.of)
            if not isinstance(item, SelectItem) or item.type == "multi-choice":
                yield _mismatch(scale.id, scale.of, "a tick list")
            elif not any(option.exclusive for option in item.options):
                mend = "Add an exclusive option such as none of these: an untouched list is not a score of 0."
                yield Finding(where=scale.of, code="no_exclusive_option", mend=mend)
        case Category():
            if not isinstance(template.asked.get(scale.of), ChoiceItem):
                yield _mismatch(scale.id, scale.of, "a choice")
        case Table():
            yield from _table(template, scale)


def _counted(template: Template, scale: Arithmetic, link: str) -> Iterator[Finding]:
    item: Asked | None = template.asked.get(link)
    if item is None:
        if source_of(template, link).kind != "number":
            yield _mismatch(scale.id, link, "a number")
        return
    if isinstance(item, RowsItem):
        column = next((part for part in item.columns if part.link_id == scale.column), None)
        if column is None or not isinstance(column, Numeric | BooleanItem | ChoiceItem):
            yield _mismatch(scale.id, link, "a column with numbers")
            return
        item = column
    if isinstance(item, OpenChoiceItem):
        mend = "Own words have no score: make it a choice, or leave it out of the scale."
        yield Finding(where=link, code="option_without_score", mend=mend)
    elif isinstance(item, ChoiceItem) or (isinstance(item, SelectItem) and item.type == "multi-choice"):
        yield from _unweighted(link, item.options)
    elif not isinstance(item, Numeric | BooleanItem | SelectItem):
        yield _mismatch(scale.id, link, "a number")


def _unweighted(link: str, options: tuple[Option, ...]) -> Iterator[Finding]:
    for option in options:
        if option.weight is None:
            mend = f"Give the option `{option.code}` a weight."
            yield Finding(where=link, code="option_without_score", mend=mend)


def _table(template: Template, scale: Table) -> Iterator[Finding]:
    kinds = PARAMETERS[scale.table]
    needed = {
        name for name, part in signature(TABLES[scale.table]).parameters.items() if part.default is Parameter.empty
    }
    if not needed <= scale.inputs.keys() <= kinds.keys():
        mend = f"Name the inputs of the table: {', '.join(kinds)}."
        yield Finding(where=scale.id, code="type_mismatch", mend=mend)
        return
    for name, link in scale.inputs.items():
        kind = source_of(template, link).kind
        if kind != kinds[name] and (kinds[name], kind) != ("string", "choice"):
            yield _mismatch(scale.id, link, f"a {kinds[name]} for `{name}`")


def _mismatch(where: str, link: str, wanted: str) -> Finding:
    return Finding(where=where, code="type_mismatch", mend=f"`{link}` is not {wanted}: name a source that is.")


def _range_findings(scale: Arithmetic | TickCount, reached: list[Number]) -> Iterator[Finding]:
    if (scale.min, scale.max) != (reached[0], reached[-1]):
        mend = f"Declare the range that can be reached: {reached[0]:g} to {reached[-1]:g}."
        yield Finding(where=scale.id, code="range_mismatch", mend=mend)


def band_findings(where: str, bands: tuple[Band, ...], values: list[Number]) -> Iterator[Finding]:
    """Bands have to hold each reachable value once, and each band at least one. `values` are rising."""
    if not bands:
        return
    ordered = sorted(bands, key=lambda band: band.min)
    for lower, upper in pairwise(ordered):
        if upper.min < _end(lower) or upper.min == lower.max:
            yield _band(where, "band_overlap", f"overlap {upper.min:g}..{_end(lower):g}")
    ends = [values[0], *(_end(band) for band in ordered)]
    starts = [*(band.min for band in ordered), values[-1]]
    loose = [value for value in values if not any(band.holds(value) for band in bands)]
    for end, start in zip(ends, starts, strict=True):
        if any(end <= value <= start for value in loose):
            yield _band(where, "band_gap", f"gap {end:g}..{start:g}")
    for band in ordered:
        if not any(band.holds(value) for value in values):
            yield _band(where, "band_unreachable", f"unreachable {band.min:g}..{_end(band):g}")


def _end(band: Band) -> float:
    return band.max if band.max is not None else band.below or 0


def _band(where: str, code: str, what: str) -> Finding:
    return Finding.model_validate({"where": where, "code": code, "mend": f"{what}: move the ends of the bands."})
