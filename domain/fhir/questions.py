"""One question of a Questionnaire as that of a template: its type, range, unit, length and options."""

from collections.abc import Callable
from typing import TypeVar

from domain.fhir.element import Element
from domain.fhir.extras import ItemExtras
from domain.fhir.names import (
    MAX_OCCURS,
    MAX_VALUE,
    MIN_OCCURS,
    MIN_VALUE,
    REGEX,
    SLIDER_STEP,
    UNIT,
    UNIT_OPTION,
    Json,
)
from domain.fhir.options import Options, read_options
from domain.fhir.tree import control_of

T = TypeVar("T")
MAX_LENGTH = 4000
_CHOICES = ("choice", "open-choice")
_NUMBERS = ("integer", "decimal", "quantity")
_TEXTS = ("string", "text")
# Where an extension means something to us. Passed over anywhere else, it could allow what its author did not.
_PLACES = {
    MIN_VALUE: (*_NUMBERS, "date"), MAX_VALUE: (*_NUMBERS, "date"), UNIT: _NUMBERS, UNIT_OPTION: _NUMBERS,
    SLIDER_STEP: _NUMBERS, REGEX: _TEXTS, MIN_OCCURS: ("group", "choice"), MAX_OCCURS: ("group", "choice"),
}  # fmt: skip


class QuestionReader:
    def __init__(self, value_sets: dict[str, Element], base: str) -> None:
        self._value_sets = value_sets
        self._base = base
        self._options: dict[str, Options] = {}

    def read(self, element: Element, link: str, kind: str, known: ItemExtras, beside: Json) -> Json:
        """The part of our item that depends on its type. `beside` holds the texts of its display items."""
        if kind in _NUMBERS:
            return self._number(element, kind, beside)
        if kind in _CHOICES:
            return self._choice(element, link, kind, known)
        if kind in _TEXTS:
            regex = noted(element, REGEX, Element.text, "valueString")
            return {"type": "text", "maxLength": _max_length(element), "regex": regex}
        if kind == "date":
            low, high = (noted(element, url, Element.text, "valueDate") for url in (MIN_VALUE, MAX_VALUE))
            return {"type": "date", "minValue": low, "maxValue": high, "pastOnly": known.past_only}
        return {"type": kind}

    def _number(self, element: Element, kind: str, beside: Json) -> Json:
        low, high = (
            noted(element, url, Element.number, "valueInteger", "valueDecimal") for url in (MIN_VALUE, MAX_VALUE)
        )
        ends = {"minValue": low, "maxValue": high}
        if noted(element, SLIDER_STEP, Element.number, "valueInteger") not in (None, 1):
            element.refuse("slider_step")
        is_scale = kind == "integer" and control_of(element) == "slider" and {"lower", "upper"} <= beside.keys()
        if is_scale and None not in ends.values():
            return {"type": "scale", **ends, "low": beside["lower"], "high": beside["upper"]}
        return {"type": "integer" if kind == "integer" else "decimal", **ends, "unit": self.unit(element)}

    def _choice(self, element: Element, link: str, kind: str, known: ItemExtras) -> Json:
        options = self.options(link, element).listed
        given = element.value.get("answerOption") or element.value.get("answerValueSet")
        if not given or not (options or element.findings.reasons):
            element.refuse("options_missing")
        if kind == "open-choice":
            return {"type": kind, "options": options, "maxLength": _max_length(element)}
        if not element.flag("repeats"):
            return {"type": "choice", "options": options}
        return {"type": known.type or "multi-choice", "options": options, **occurs(element)}

    def options(self, link: str, element: Element) -> Options:
        """Of a choice; read once, for its own sake and for the conditions that name it."""
        if link not in self._options:
            self._options[link] = read_options(element, self._value_sets, self._base)
        return self._options[link]

    def unit(self, element: Element) -> str | None:
        """The UCUM code. A quantity has exactly one, since its answers are kept as bare numbers."""
        units = element.extensions(UNIT, UNIT_OPTION)
        coding = units[0].child("valueCoding") if units else None
        code = coding.text("code") if coding is not None else None
        if len(units) > 1 or (code is None and (units or element.value.get("type") == "quantity")):
            element.refuse("unit_choice")
        return code


def occurs(element: Element) -> Json:
    fewest, most = (noted(element, url, Element.whole, "valueInteger") for url in (MIN_OCCURS, MAX_OCCURS))
    return {"minOccurs": fewest or 0, "maxOccurs": most}


def check_places(element: Element, kind: str) -> None:
    """Refuse limits on a type that does not have them."""
    if kind not in _CHOICES and {"answerOption", "answerValueSet"} & element.value.keys():
        element.refuse("options_not_here")
    if kind not in (*_TEXTS, "open-choice") and "maxLength" in element.value:
        element.refuse("max_length", "maxLength")
    for url, kinds in _PLACES.items():
        for found in element.extensions(url) if kind not in kinds else ():
            found.refuse("misplaced")


def noted(element: Element, url: str, read: Callable[..., T | None], *names: str) -> T | None:
    """The value of an extension that stands there at most once."""
    found = element.extension(url)
    value = read(found, *names) if found is not None else None
    if found is not None and value is None:
        found.refuse("malformed")
    return value


def _max_length(element: Element) -> int:
    length = element.whole("maxLength")
    if length is not None and not 1 <= length <= MAX_LENGTH:
        element.refuse("max_length", "maxLength")
    return MAX_LENGTH if length is None else length
