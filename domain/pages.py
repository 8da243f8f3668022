"""Long lists in parts: an item's place is named by the values that order the list, so nothing is counted or skipped."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` items past `key` in the list's order, or the nearest before it. Without a key: the beginning."""

    limit: int
    key: Key = ()
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """`next` and `prev` are the keys to go on from, None where there is nothing more that way."""

    items: list[Item]
    next: Key | None
    prev: Key | None


def page_of(found: list[tuple[Key, Item]], window: Window) -> Page[Item]:
    """The page of what was found past the window's key: up to one more than its limit, the nearest first."""
    more = len(found) > window.limit
    shown = found[: window.limit]
    if window.backwards:
        shown.reverse()
    if not shown:
        return Page([], None, None)
    after = window.backwards or more
    before = more if window.backwards else bool(window.key)
    return Page([item for _, item in shown], shown[-1][0] if after else None, shown[0][0] if before else None)
