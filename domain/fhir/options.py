"""The options of a choice, from answerOption or from a value set inside the resource, and their weights."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from domain.fhir.element import Element
from domain.fhir.names import EXCLUSIVE, ITEM_WEIGHT, ORDINAL_VALUE, Json
from domain.fhir.texts import read_text

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_CODING = frozenset({"system", "version", "code", "display", "userSelected"})


@dataclass(frozen=True, slots=True)
class Options:
    """`listed` as our JSON; `codes` from what FHIR compares with (a code, string or number) to our code."""

    listed: list[Json]
    codes: dict[str | int, str]


def read_options(item: Element, value_sets: dict[str, Element], base: str) -> Options:
    """Refusals are noted; what could be read is returned."""
    entries = [*_listed(item, base)]
    reference = item.text("answerValueSet")
    if reference is not None:
        value_set = value_sets.get(reference.removeprefix("#")) if reference.startswith("#") else None
        if value_set is None or item.value.get("answerOption"):
            item.refuse("value_set", "answerValueSet")
        else:
            entries += _concepts(value_set, base)
    codes: dict[str | int, str] = {}
    taken: set[str] = set()
    for element, key, option in entries:
        if option["code"] in taken:
            element.refuse("duplicate_option")
        taken.add(option["code"])
        codes[key] = option["code"]
    return Options([option for _, _, option in entries], codes)


Entry = tuple[Element, str | int, Json]


def _listed(item: Element, base: str) -> Iterator[Entry]:
    for element in item.children("answerOption"):
        element.only(frozenset({"initialSelected", *(name for name in element.value if name.startswith("value"))}))
        if element.flag("initialSelected"):
            element.refuse("initial_value", "initialSelected")
        field = element.choice("value")
        coding = element.child("valueCoding") if field == "valueCoding" else None
        key: str | int | None = None
        text: dict[str, str] | None = None
        if coding is not None:
            coding.only(_CODING)
            key, text = coding.text("code"), read_text(coding, "display", base)
        elif field == "valueString":
            key, text = element.text("valueString"), read_text(element, "valueString", base)
        elif field == "valueInteger":
            key = element.whole("valueInteger")
        if not key and key != 0:
            if field is not None:
                element.refuse("option_type", field)
            continue
        exclusive = element.extension(EXCLUSIVE)
        alone = exclusive is not None and exclusive.flag("valueBoolean")
        yield element, key, _option(key, text, base, [element, *([coding] if coding else [])], alone=alone)


def _concepts(value_set: Element, base: str) -> Iterator[Entry]:
    """What the expansion holds, or else the concepts that the value set lists one by one."""
    expansion, compose = value_set.child("expansion"), value_set.child("compose")
    found: list[Element] = []
    if expansion is not None:
        found = expansion.children("contains")
    elif compose is not None and not compose.value.get("exclude"):
        for include in compose.children("include"):
            if include.value.get("filter") or include.value.get("valueSet") or not include.value.get("concept"):
                include.refuse("value_set")
            found += include.children("concept")
    if not found:
        value_set.refuse("value_set")
    for concept in found:
        code = concept.text("code")
        if code is None or concept.value.get("contains") or concept.value.get("abstract"):
            concept.refuse("value_set")
        else:
            yield concept, code, _option(code, read_text(concept, "display", base), base, [concept])


def _option(
    key: str | int, text: dict[str, str] | None, base: str, weighed: list[Element], *, alone: bool = False
) -> Json:
    weights: list[Any] = [
        (entry, entry.number("valueDecimal", "valueInteger"))
        for element in weighed
        for entry in element.extensions(ITEM_WEIGHT, ORDINAL_VALUE)
    ]
    for entry, weight in weights:
        if weight is None:
            entry.refuse("malformed")
        elif weight != weights[0][1]:
            entry.refuse("weights_differ")
    weight = weights[0][1] if weights else None
    return {"code": as_code(str(key)), "text": text or {base: str(key)}, "weight": weight, "exclusive": alone}


def as_code(code: str) -> str:
    """As it is when it can be one of ours; otherwise with _ for whatever cannot."""
    if _CODE.fullmatch(code):
        return code
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", code).strip("_.-")[:64] or "option"
