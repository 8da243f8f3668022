"""The items of a Questionnaire by linkId, and the link ids that a template has for them."""

import re

from domain.fhir.element import Element
from domain.fhir.extras import Extras, ItemExtras, digest
from domain.fhir.names import CONTROL, PRESENTED, Json

MAX_ITEMS = 1000
_LINK = re.compile(r"[a-z][a-z0-9_]{0,63}")
_WRAPPER = re.compile(r"([a-z][a-z0-9_]{0,63})\.when[0-9]{1,3}")


class Tree:
    """Known before anything is read, because a condition may name an item further down."""

    def __init__(self, root: Element, extras: Extras) -> None:
        self.extras = extras
        self.elements: dict[str, Element] = {}
        self._links: dict[str, str] = {}
        self._taken: set[tuple[str, str]] = set()
        self._name(root, "")

    def link_of(self, link: str) -> str:
        """Our link id; also for an item that does not exist, which lint then finds."""
        return self._links.get(link) or as_link(link)

    def _name(self, parent: Element, rows: str) -> None:
        """Items in a repeating group are the columns of its rows, with names of their own."""
        for element in parent.children("item"):
            link = element.text("linkId")
            if not link or len(self.elements) >= MAX_ITEMS:
                element.refuse("too_big" if link else "malformed")
                continue
            column = link.removeprefix(f"{rows}.")
            own = (rows, column if rows and _LINK.fullmatch(column) else as_link(link))
            named = not is_presented(element) and self.remembered(link) is None
            if link in self.elements or (named and own in self._taken):
                element.refuse("duplicate_link_id", "linkId")
            if named:
                self._taken.add(own)
            self.elements[link] = element
            self._links[link] = own[1]
            repeats = element.value.get("type") == "group" and element.value.get("repeats") is True
            self._name(element, link if repeats else rows)

    def remembered(self, link: str) -> ItemExtras | None:
        """What is known of the item that a group with this linkId was put around."""
        match = _WRAPPER.fullmatch(link)
        return self.extras.items.get(match[1]) if match else None

    def unwrapped(self, element: Element, link: str) -> Element | None:
        """The item inside groups that an export of ours put around it, when nobody has touched their conditions."""
        known = self.remembered(link)
        if known is None:
            return None
        levels, inner = [level_of(element)], element
        while _WRAPPER.fullmatch(inner.text("linkId") or ""):
            inside = inner.children("item")
            if len(inside) != 1:
                return None
            inner = inside[0]
            levels.append(level_of(inner))
        return inner if known.written == digest(levels) else None


def level_of(element: Element) -> Json:
    return {name: element.value[name] for name in ("enableWhen", "enableBehavior") if name in element.value}


def control_of(element: Element) -> str | None:
    """The code of its itemControl."""
    for found in element.extensions(CONTROL):
        concept = found.child("valueCodeableConcept")
        for coding in concept.children("coding") if concept is not None else ():
            return coding.text("code")
    return None


def is_presented(element: Element) -> bool:
    """A text of the item it stands under, rather than an item of its own."""
    plain = element.value.get("type") == "display" and not element.value.get("enableWhen")
    return plain and control_of(element) in PRESENTED


def as_link(link: str) -> str:
    """As it is when it can be one of ours; otherwise small letters and _ for whatever cannot, after q_ if need be."""
    if _LINK.fullmatch(link):
        return link
    plain = re.sub(r"[^a-z0-9_]+", "_", link.lower()).strip("_")
    return (plain if plain[:1].isalpha() else f"q_{plain}")[:64]
