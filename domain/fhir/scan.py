"""What is asked of a whole resource before any of it is read: its size, and nothing in it that changes the rest."""

import math
from collections.abc import Iterator
from typing import Any

from domain.fhir.element import FIELD_NAME, Findings
from domain.fhir.names import HIDDEN, REFUSED_EXTENSIONS, Json
from domain.fhir.reasons import Reason, reason

MAX_VALUES = 100_000
MAX_DEPTH = 64


def oversized(resource: object) -> Reason | None:
    """Anything but JSON of a size that can be read: asked before anything else is done with it."""
    waiting, count = [(resource, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH or count + len(waiting) > MAX_VALUES:
            return reason("too_big", "")
        match value:
            case dict():
                if not all(isinstance(name, str) and _storable(name) for name in value):
                    return reason("malformed", "")
                waiting += [(part, depth + 1) for part in value.values()]
            case list():
                waiting += [(part, depth + 1) for part in value]
            case _ if not _plain(value):
                return reason("malformed", "")
    return None


def _plain(value: object) -> bool:
    match value:
        case bool() | None:
            return True
        case str():
            return _storable(value)
        case int():
            return abs(value) < 2**63
        case float():
            return math.isfinite(value)
    return False


def _storable(text: str) -> bool:
    """NUL and lone surrogates are valid in JSON but neither in UTF-8 nor in PostgreSQL."""
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)


def forbidden(resource: Json, findings: Findings) -> None:
    """Note whatever changes the meaning in ways no template has, wherever it stands."""
    for pointer, value in _objects(resource):
        if value.get("modifierExtension"):
            findings.add("modifier_extension", f"{pointer}/modifierExtension")
        code = REFUSED_EXTENSIONS.get(value["url"]) if isinstance(value.get("url"), str) else None
        if code is not None:
            findings.add(code, pointer)
        if value.get("url") == HIDDEN and value.get("valueBoolean") is not False:
            findings.add("hidden", pointer)


def _objects(resource: Json) -> Iterator[tuple[str, Json]]:
    """Every JSON object in the order of the resource; a pointer stops above a name FHIR cannot have."""
    waiting: list[tuple[str, Any]] = [("", resource)]
    while waiting:
        pointer, value = waiting.pop()
        if isinstance(value, dict):
            yield pointer, value
            parts = [
                (f"{pointer}/{name}" if FIELD_NAME.fullmatch(name) else pointer, part) for name, part in value.items()
            ]
        else:
            parts = [(f"{pointer}/{number}", part) for number, part in enumerate(value)]
        waiting += [(place, part) for place, part in reversed(parts) if isinstance(part, dict | list)]
