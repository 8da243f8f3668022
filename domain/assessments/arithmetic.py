"""The arithmetic of scales, exact until the last step; templates and instruments share it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from domain.assessments.scales import (
    Arithmetic,
    CountTicked,
    MeanImpute,
    Missing,
    NoneAllowed,
    Prorate,
    SubscaleHalf,
)

Number = int | float


@dataclass(frozen=True, slots=True)
class Outcome:
    """`value` is exact and None when the missing-data rule forbids one; then `reason` says which."""

    value: Fraction | None
    missing: int = 0
    imputed: int = 0
    reason: str | None = None


def exact(number: Number) -> Fraction:
    """The decimal that was written: 0.1 is 1/10, not its nearest binary fraction."""
    return Fraction(str(number)) if isinstance(number, float) else Fraction(number)


def rounded(value: Fraction, decimals: int) -> Number:
    """Half away from zero, as printed scoring sheets do; an int when `decimals` is 0."""
    step = Decimal(1).scaleb(-decimals)
    # 30 digits are far beyond any scale, so the division cannot move a value across a half.
    quotient = (Decimal(value.numerator) / Decimal(value.denominator)).quantize(step, ROUND_HALF_UP)
    return float(quotient) if decimals else int(quotient)


def allowed_missing(policy: Missing, items: int) -> int:
    """How many of `items` may be blank."""
    match policy:
        case NoneAllowed():
            return 0
        case Prorate(min_answered=least):
            return max(items - least, 0)
        case MeanImpute(max_missing=most):
            return most
        case SubscaleHalf():
            return items // 2
        case CountTicked():
            return items


def combine(scale: Arithmetic, readings: Sequence[tuple[str, Fraction | None]]) -> Outcome:
    """Score (source id, value) pairs of the enabled sources; a value of None was left blank.

    Prorating and imputing the mean are the same number: blanks take the mean of the answered items.
    """
    answered = [(source, value) for source, value in readings if value is not None]
    missing = len(readings) - len(answered)
    if not readings:
        return Outcome(None, reason="no_items")
    if missing > allowed_missing(scale.missing, len(readings)):
        return Outcome(None, missing, reason="too_many_missing")
    counts_blank_as_zero = isinstance(scale.missing, CountTicked)
    if not answered and not counts_blank_as_zero:
        return Outcome(None, missing, reason="too_many_missing")
    fill = Fraction(0) if counts_blank_as_zero else sum(v for _, v in answered) / Fraction(len(answered))
    values = [(source, fill if value is None else value) for source, value in readings]
    total = sum((v * exact(scale.weights.get(source, 1)) for source, v in values), Fraction(0))
    match scale.method:
        case "mean":
            total /= len(values)
        case "max":
            total = max(value for _, value in values)
        case "sum" | "weighted":
            pass
    imputed = 0 if counts_blank_as_zero else missing
    return Outcome(exact(scale.factor) * total + exact(scale.offset), missing, imputed)
