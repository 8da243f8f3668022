"""Everything that concerns the signed-in person, as it happens."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import LastEventId
from api.models import job_body
from api.routes.notifications import notification_body
from api.streams import STREAM, Event, Streams
from domain.tenancy import Context
from infra.database import unit_of_work
from infra.listener import Change

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=StrictRoute)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A transaction's time is that of its beginning: what commits now may be this much older.
_OVERLAP = timedelta(seconds=10)


class _Follower:
    """What this client has been told: up to when, and of the last moments which versions."""

    def __init__(self, user: Context, known: str) -> None:
        self._user = user
        self._since = _EPOCH + int(known[:16]) * _MICROSECOND if known else None
        self._told: dict[str, datetime] = {}

    def look(self) -> list[Event]:
        """What is new. A new client is told what is under way, and what comes after that."""
        fresh, now = self._since is None, datetime.now(UTC)
        since = (self._since or now) - _OVERLAP
        with unit_of_work(self._user) as uow:
            jobs = [*(uow.jobs.under_way() if fresh else ()), *uow.jobs.changed(since)]
            notes = uow.notifications.since(since)
        found: list[tuple[datetime, str, str, BaseModel]]
        found = [(job.updated_at, f"{job.id} {job.revision}", "job", job_body(job)) for job in jobs]
        found += [(note.created_at, str(note.id), "notification", notification_body(note)) for note in notes]
        new = {version: each for each in found if (version := each[1]) not in self._told}
        if fresh:
            open_jobs = {f"{job.id} {job.revision}" for job in jobs if not job.is_final}
            self._told |= {version: at for version, (at, *_) in new.items()}
            new = {version: each for version, each in new.items() if version in open_jobs}
        self._since = max([self._since or now, *(at for at, *_ in new.values())])
        self._told |= {version: at for version, (at, *_) in new.items()}
        self._told = {version: at for version, at in self._told.items() if at > self._since - 2 * _OVERLAP}
        cursor = str((self._since - _EPOCH) // _MICROSECOND)
        ordered = sorted(new.values(), key=lambda each: each[0])
        return [Event(cursor, name, body.model_dump_json()) for _, _, name, body in ordered]


@router.get(
    "",
    summary="Follow everything of one's own",
    response_class=Response,
    responses=responses(401, 403, 429, 503) | STREAM,
)
async def follow_events(request: Request, user: TenantUser, known: LastEventId) -> Response:
    """Server-sent events: `job` for one's own jobs (first those under way), `notification` for new notifications. With
    Last-Event-ID it goes on where the client left; near that place something may come twice, never with an older state.
    """
    follower = _Follower(user, known)

    async def look(_: frozenset[Change] | None) -> list[Event]:
        return await run_in_threadpool(follower.look)

    streams: Streams = request.app.state.streams
    return streams.respond(user.user_id or user.tenant_id, user, look)
