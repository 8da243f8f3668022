"""Lists on the wire: `{items, next, prev}`, and where to go on in a Link header as well."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Response
from pydantic import BaseModel, Field

from domain.pages import Key, Page, Window
from domain.tenancy import Actor
from infra import cursor

MOST_ITEMS = 200

Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Most items of one answer.")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` or `prev` of an earlier answer.")]


class ListBody(BaseModel):
    """`next` and `prev` are cursors: opaque, valid for this list, its filters and this user only."""

    next: str | None = Field(description="Cursor of the items after these; null at the end.")
    prev: str | None = Field(description="Cursor of the items before these; null at the beginning.")


class Paging:
    """The part of a list that one request asks for. Raises InvalidCursor for a cursor of anything else."""

    def __init__(
        self,
        path: str,
        user: Actor,
        limit: int,
        given: str | None,
        filters: Mapping[str, str] | None = None,
        of: str = "",
    ) -> None:
        """`of`: what else makes it another list, and is in no address."""
        self._path = path
        self._query = {"limit": str(limit), **(filters or {})}
        self._scope = (path, str(user.tenant_id), str(user.user_id), *sorted(map(str, (filters or {}).items())))
        self._scope += (of,) if of else ()
        key, backwards = ((), False) if given is None else cursor.unseal(self._scope, given)
        self.window = Window(limit, key, backwards)

    def respond(self, body: type[ListBody], page: Page[Any], items: list[Any]) -> Response:
        """`items` are the page's as `body` has them."""
        ways = {"next": self._cursor(page.next, backwards=False), "prev": self._cursor(page.prev, backwards=True)}
        links = [f'<{self._path}?{urlencode(self._query | {"cursor": c})}>; rel="{r}"' for r, c in ways.items() if c]
        made = body.model_validate({"items": items, **ways})
        return Response(
            made.model_dump_json(),
            headers={"Link": ", ".join(links)} if links else None,
            media_type="application/json",
        )

    def _cursor(self, key: Key | None, *, backwards: bool) -> str | None:
        return None if key is None else cursor.seal(self._scope, key, backwards=backwards)
