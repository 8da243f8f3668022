"""Calendar feeds: a secret address from which a calendar reads one's sessions."""

import hashlib
import secrets
from datetime import UTC, datetime, time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from api import quotas
from api.auth import TenantUser
from api.bodies import StrictRoute
from api.context import request_id
from api.errors import responses
from api.headers import IfNoneMatch
from api.models import Body
from domain.errors import NotFound
from domain.feeds import TOKEN_BYTES, Feed, hashed
from domain.services import feeds
from domain.tenancy import Context
from infra.database import unit_of_work
from infra.feeds import find
from infra.ids import new_id

router = APIRouter(prefix="/v1", tags=["feeds"], route_class=StrictRoute)

_Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
_Token = Annotated[str, Path(description="As in the address.", max_length=200)]


class NewFeed(Body):
    starts_at: _Clock | None = Field(
        None,
        description="At what time sessions are shown, by the clock where one lives. Not given: as whole days.",
        examples=["18:30"],
    )


class FeedBody(BaseModel):
    id: UUID
    starts_at: str | None
    created_at: datetime


class CreatedFeed(FeedBody):
    """`path` is shown this once: whoever has it reads the sessions, without signing in."""

    path: str


class FeedList(BaseModel):
    items: list[FeedBody]


class CalendarResponse(Response):
    media_type = "text/calendar"


def _body(feed: Feed) -> FeedBody:
    starts_at = None if feed.starts_at is None else f"{feed.starts_at:%H:%M}"
    return FeedBody(id=feed.id, starts_at=starts_at, created_at=feed.created_at)


@router.post(
    "/me/feeds",
    summary="Make an address for one's calendar",
    status_code=201,
    responses=responses(400, 401, 403, 409, 413, 415, 422, 503),
)
def create_feed(body: NewFeed, user: TenantUser, response: Response) -> CreatedFeed:
    """One for each calendar, so that one can be revoked alone; ten at the most. 409 where there are ten."""
    token, starts_at = secrets.token_urlsafe(TOKEN_BYTES), body.starts_at
    with unit_of_work(user) as uow:
        made = feeds.create(uow, new_id(), token, None if starts_at is None else time.fromisoformat(starts_at))
    response.headers["Cache-Control"] = "no-store"
    return CreatedFeed(**_body(made).model_dump(), path=f"/v1/feeds/{token}.ics")


@router.get("/me/feeds", summary="The addresses of one's calendars", responses=responses(401, 403, 503))
def list_feeds(user: TenantUser) -> FeedList:
    """Those that work. The address itself is shown only when it is made."""
    with unit_of_work(user) as uow:
        return FeedList(items=[_body(each) for each in uow.feeds.page()])


@router.delete(
    "/me/feeds/{feed_id}",
    summary="Revoke the address of a calendar",
    status_code=204,
    responses=responses(401, 403, 404, 503),
)
def revoke_feed(feed_id: UUID, user: TenantUser) -> None:
    """From now on nobody reads anything there."""
    with unit_of_work(user) as uow:
        uow.feeds.revoke(feed_id)


@router.get(
    "/feeds/{token}.ics",
    summary="One's sessions, for a calendar",
    response_class=CalendarResponse,
    responses=responses(404, 429, 503) | {304: {"description": "Nothing has changed."}},
)
def read_feed(token: _Token, request: Request, known: IfNoneMatch) -> Response:
    """Of the active program, from a month ago to about a year ahead. Titles say nothing but that it is a session. The
    same 404 for an address that never was and one that is revoked.
    """
    from infra import calendars  # noqa: PLC0415 - time zones and the library are for who reads one

    quotas.count(request, "feed", token)
    found = find(hashed(token))
    if found is None:
        raise NotFound
    with unit_of_work(Context(found.tenant_id, found.user_id, "member", request_id())) as uow:
        entries = feeds.sessions(uow, datetime.now(UTC).date())
    content = calendars.written(found, entries)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Referrer-Policy": "no-referrer"}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return CalendarResponse(content, headers=headers)
