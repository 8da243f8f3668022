"""The scores of a completed assessment, and whether a change since the last one matters."""

import hashlib

from domain.assessments.arithmetic import exact, rounded
from domain.assessments.completion import Completed
from domain.assessments.items import RowsItem
from domain.assessments.model import Frozen, Localised
from domain.assessments.scales import Arithmetic, Direction, MinimalChange, RuleBased, Scale, TickCount
from domain.assessments.sheet import Result
from domain.assessments.tables import CODES
from domain.assessments.template import Template
from domain.assessments.values import row_key


class ScaleScore(Frozen):
    """`value` is None when the missing-data rule forbids one; `reason` then says why.

    `band` is the code of the band, rule or table row; `missing` counts unanswered items. `keys` stand for
    the rows (own activities) a mean was taken over, as digests: two means compare only over the same rows.
    """

    id: str
    label: Localised
    value: int | float | None
    min: int | float | None = None
    max: int | float | None = None
    band: str | None = None
    band_label: Localised | None = None
    direction: Direction | None = None
    missing: int = 0
    imputed: int = 0
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    minimal_change: MinimalChange | None = None
    keys: tuple[str, ...] = ()


class Change(Frozen):
    """`change` is now minus before; `percent` its size as a part of the baseline, None for a baseline of 0.

    `improved` is True or False by the scale's direction, None when nothing changed.
    """

    change: int | float
    percent: float | None
    improved: bool | None
    beyond_absolute: bool | None
    beyond_relative: bool | None
    warnings: tuple[str, ...] = ()


def score(template: Template, completed: Completed) -> list[ScaleScore]:
    """Every scale of the template, in its order, over the enabled items only."""
    sheet = completed.sheet(template)
    return [_score(template, scale, sheet.results[scale.id], completed) for scale in template.scales]


def _score(template: Template, scale: Scale, result: Result, completed: Completed) -> ScaleScore:
    numeric = scale if isinstance(scale, Arithmetic | TickCount) else None
    warnings: tuple[str, ...] = ("imputed",) if result.outcome.imputed else ()
    if numeric and numeric.minimal_change:
        warnings += ends(numeric.minimal_change, result.shown)
    return ScaleScore(
        id=scale.id,
        label=scale.label,
        value=result.shown,
        min=numeric.min if numeric else None,
        max=numeric.max if numeric else None,
        band=result.code,
        band_label=_label(scale, result.code),
        direction=numeric.direction if numeric else None,
        missing=result.outcome.missing,
        imputed=result.outcome.imputed,
        reason=result.outcome.reason,
        warnings=warnings,
        minimal_change=numeric.minimal_change if numeric else None,
        keys=_row_keys(template, scale, completed),
    )


def _label(scale: Scale, code: str | None) -> Localised | None:
    named = scale.bands if isinstance(scale, Arithmetic | TickCount) else ()
    rules = scale.rules if isinstance(scale, RuleBased) else ()
    labels = {band.code: band.label for band in named} | {rule.code: rule.label for rule in rules}
    return labels.get(code or "")


def _row_keys(template: Template, scale: Scale, completed: Completed) -> tuple[str, ...]:
    keys: set[str] = set()
    for source in scale.of if isinstance(scale, Arithmetic) else ():
        item = template.asked.get(source)
        if isinstance(item, RowsItem):
            names = (row_key(item, row) for row in completed.answers.get(source, ()))
            keys.update(hashlib.sha256(name.encode()).hexdigest()[:16] for name in names if name)
    return tuple(sorted(keys))


def ends(minimal: MinimalChange, value: float | None) -> tuple[str, ...]:
    """`floor` or `ceiling` where a scale can hardly show a change in one direction."""
    if value is not None and minimal.floor is not None and value < minimal.floor:
        return ("floor",)
    if value is not None and minimal.ceiling is not None and value > minimal.ceiling:
        return ("ceiling",)
    return ()


def change(before: ScaleScore, now: ScaleScore) -> Change | None:
    """None unless both have a value and were taken over the same rows."""
    if before.value is None or now.value is None or before.keys != now.keys:
        return None
    return compare(before.value, now.value, now.direction or "higher_worse", now.minimal_change)


def compare(
    before: float, now: float, direction: Direction, minimal: MinimalChange | None, *, decimals: int = 1
) -> Change:
    """Worked exactly: 30 % of 10 is 3, and a change of 3 reaches it."""
    moved = exact(now) - exact(before)
    share = abs(moved) / exact(before) if before > 0 else None
    absolute = minimal.absolute if minimal else None
    relative = minimal.relative if minimal else None
    return Change(
        change=int(moved) if moved.denominator == 1 else float(moved),
        percent=None if share is None else rounded(share * 100, decimals),
        improved=None if moved == 0 else (moved > 0) == (direction == "higher_better"),
        beyond_absolute=None if absolute is None else abs(moved) >= exact(absolute),
        beyond_relative=None if relative is None or share is None else share >= exact(relative),
        warnings=ends(minimal, before) if minimal else (),
    )


def band_codes(scale: Scale) -> tuple[str, ...]:
    """Every code the scale can give, for the checks of a template."""
    match scale:
        case Arithmetic() | TickCount():
            return tuple(band.code for band in scale.bands)
        case RuleBased():
            return tuple(rule.code for rule in scale.rules)
        case _:
            return CODES.get(getattr(scale, "table", ""), ())
