"""Parts of a list by key: an index finds the place, however far down it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from domain.pages import Key, Page, Window, page_of
from domain.tenancy import Actor
from infra.rows import Connection, Row

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Listing:
    """`query` ends inside its WHERE clause. `keys` order the list, all in one direction, and the last is unique; each
    is among the selected columns under its own name.
    """

    query: str
    keys: tuple[str, ...]
    descending: bool

    def page(
        self, connection: Connection[Actor], params: Sequence[Any], window: Window, make: Callable[[Row], Item]
    ) -> Page[Item]:
        ascending = self.descending == window.backwards
        past = f" and ({', '.join(self.keys)}) {'>' if ascending else '<'} ({', '.join(['%s'] * len(self.keys))})"
        order = ", ".join(f"{key} {'asc' if ascending else 'desc'}" for key in self.keys)
        rows = connection.execute(
            f"{self.query}{past if window.key else ''} order by {order} limit %s",
            (*params, *window.key, window.limit + 1),
        )
        return page_of([(self._key(row), make(row)) for row in rows], window)

    def _key(self, row: Row) -> Key:
        values = (row[key.rpartition(".")[2]] for key in self.keys)
        return tuple(value.isoformat() if isinstance(value, datetime) else str(value) for value in values)
