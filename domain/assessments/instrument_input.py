"""Reading what an instrument is scored from, with errors that never repeat a value."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from domain.errors import DomainError

Payload = Mapping[str, Any]


class UnknownInstrument(DomainError):
    code = "unknown_instrument"
    detail = "There is no instrument of this name."


class MalformedInput(DomainError):
    code = "malformed_instrument_input"
    detail = "The input does not have the shape that this instrument is scored from."


class Refused(Exception):
    """A value that no score may be made of; told as `{"error": code}`."""

    def __init__(self, code: str) -> None:
        self.code = code


def number(value: Any, low: float, high: float, *, whole: bool = True) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise Refused("required" if value is None else "wrong_type")
    if not low <= value <= high:  # also refuses NaN
        raise Refused("out_of_range")
    return Fraction(str(value)) if isinstance(value, float) else Fraction(value)


def yes_or_no(value: Any) -> bool:
    """Only a boolean: "yes" in words is neither, and must not pass for a no."""
    if not isinstance(value, bool):
        raise Refused("wrong_type")
    return value


def answers_of(payload: Payload, items: int, low: int, high: int, key: str = "answers") -> list[Fraction | None]:
    """`items` whole numbers or nulls, lowered so that the lowest answer is 0."""
    given = payload.get(key)
    if not isinstance(given, list) or len(given) != items:
        raise MalformedInput
    return [None if value is None else number(value, low, high) - low for value in given]


def activities(given: Any) -> dict[Any, Fraction | None]:
    """Activity -> 0-10; a list is numbered."""
    named = dict(enumerate(given)) if isinstance(given, list) else given
    if not isinstance(named, Mapping):
        raise MalformedInput
    if not named:
        raise Refused("no_items")
    if len(named) > 5:  # noqa: PLR2004
        raise Refused("too_many")
    return {name: None if value is None else number(value, 0, 10) for name, value in named.items()}
