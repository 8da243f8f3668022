"""Where in a template's document something stands, as a JSON pointer (RFC 6901)."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from domain.assessments.errors import Place
from domain.assessments.items import Group, Item
from domain.assessments.lint.findings import Finding
from domain.assessments.template import Template

ROOT = "/document"
MAX_PLACES = 100
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")  # any other key could hold anything: a pointer stops above it
_WORDS = {"missing": "This field is required.", "extra_forbidden": "There is a field a template does not have."}


def places_of(error: ValidationError, document: Any) -> list[Place]:
    """What the model found, without the values: pydantic's own messages can repeat them, those of ours never do."""
    found = error.errors(include_url=False, include_input=False)[: 2 * MAX_PLACES]
    places = [
        Place(
            pointer=_pointer(document, entry["loc"] if entry["type"] != "extra_forbidden" else entry["loc"][:-1]),
            code="invalid" if entry["type"] == "value_error" else entry["type"],
            message=_message(entry["type"], entry["msg"]),
        )
        for entry in found
    ]
    # A list whose entries are wrong is reported as too short as well: what is wrong is enough.
    inside = {place.pointer.rpartition("/")[0] for place in places}
    return [place for place in places if place.code != "too_short" or place.pointer not in inside][:MAX_PLACES]


def _message(kind: str, words: str) -> str:
    if kind == "value_error":
        return f"{words.removeprefix('Value error, ').capitalize()}."
    return _WORDS.get(kind, "This field has the wrong type or form, or is too long.")


def _pointer(document: Any, path: Sequence[str | int]) -> str:
    """Pydantic's path names the kinds of items in between, which the document has no level for."""
    pointer, here = ROOT, document
    for number, part in enumerate(path):
        if isinstance(here, dict) and part in here and _NAME.fullmatch(str(part)):
            here = here[str(part)]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        elif not isinstance(here, dict) or number + 1 < len(path) or not _NAME.fullmatch(str(part)):
            continue  # a kind, or a key that is no name
        pointer += f"/{part}"
    return pointer


def place_of(finding: Finding, pointers: dict[str, str]) -> Place:
    """`pointers` are those of `pointers_in` the template. What has no place of its own is a matter of the whole."""
    whole = finding.where if finding.where in pointers else finding.where.partition(".")[0]
    pointer = pointers.get(whole, ROOT)
    return Place(pointer=pointer, code=finding.code, message=f"{finding.where}: {finding.mend}")


def pointers_in(template: Template) -> dict[str, str]:
    """What a finding can name (items, computed values, scales, feeds, texts) -> its pointer."""
    found = dict(_items(template.items, f"{ROOT}/items"))
    for name, parts in (("computed", template.computed), ("scales", template.scales)):
        found |= {part.id: f"{ROOT}/{name}/{number}" for number, part in enumerate(parts)}
    return found | {name: f"{ROOT}/{name}" for name in ("title", "description", "feeds")}


def _items(items: Sequence[Item], above: str) -> Iterator[tuple[str, str]]:
    for number, item in enumerate(items):
        yield item.link_id, f"{above}/{number}"
        if isinstance(item, Group):
            yield from _items(item.items, f"{above}/{number}/items")
