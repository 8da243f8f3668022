"""The status resource: poll, wait, cancel."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.context import request_id
from api.errors import HttpProblem, responses
from api.headers import IfNoneMatch, LastEventId, PreferWait, etag, unchanged
from api.models import JobBody, job_body
from api.streams import STREAM, Event, Streams
from domain.errors import Unavailable
from domain.jobs import Job
from domain.tenancy import Context
from infra import logs
from infra.database import unit_of_work
from infra.listener import Change

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=StrictRoute)
RETRY_AFTER_S = "1"
KEPT = timedelta(days=30)


def read_job(user: Context, job_id: UUID) -> Job:
    logs.bind(job_id=str(job_id))
    with unit_of_work(user) as uow:
        return uow.jobs.read(job_id)


def _kept(user: Context, job_id: UUID) -> Job:
    job = read_job(user, job_id)
    if job.finished_at is not None and datetime.now(UTC) - job.finished_at > KEPT:
        raise HttpProblem("job_gone")
    return job


async def wait_for(request: Request, user: Context, job: Job, seconds: int) -> Job:
    """The job once it has ended, or as it is after `seconds`. Never worse than not to wait: where the database fails
    meanwhile, the job as it was. (After a submit a 503 would even be wrong: the answers are stored.)
    """
    if not seconds or job.is_final:
        return job
    streams: Streams = request.app.state.streams
    try:
        return await streams.watch.until_final(job, lambda: run_in_threadpool(read_job, user, job.id), seconds)
    except Unavailable:
        return job


def _headers(job: Job) -> dict[str, str]:
    always = {"ETag": etag(job.revision), "Cache-Control": "private, no-cache"}
    return always if job.is_final else always | {"Retry-After": RETRY_AFTER_S}


def job_response(job: Job, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(job_body(job).model_dump_json(), status, _headers(job) | dict(headers or {}), "application/json")


def applied(seconds: int) -> dict[str, str]:
    return {"Preference-Applied": f"wait={seconds}"} if seconds else {}


@router.get(
    "/{job_id}",
    summary="How a job is doing",
    response_model=JobBody,
    responses=responses(401, 403, 404, 410, 503) | {304: {"description": "Not changed since the given ETag"}},
)
async def get_job(
    job_id: UUID,
    request: Request,
    user: TenantUser,
    wait: PreferWait,
    known: IfNoneMatch,
) -> Response:
    """Always 200 while the job is kept, however it ended; 410 when that is 30 days ago. With `Prefer: wait=N` (at most
    20 s) it answers as soon as the job has ended.
    """
    job = await run_in_threadpool(_kept, user, job_id)
    job = await wait_for(request, user, job, wait)
    if unchanged(known, job.revision):
        return Response(status_code=304, headers=_headers(job) | applied(wait))
    return job_response(job, headers=applied(wait))


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=Response,
    responses=responses(401, 403, 404, 410, 429, 503) | STREAM | {204: {"description": "It has ended, as you know"}},
)
async def follow_job(job_id: UUID, request: Request, user: TenantUser, known: LastEventId) -> Response:
    """Server-sent events named `job`: the job as it is, and again whenever it changes, until it has ended. An event's
    id is the job's revision, so that a client which comes again with Last-Event-ID gets what is new and nothing twice.
    """
    job = await run_in_threadpool(_kept, user, job_id)
    if job.is_final and known == str(job.revision):
        return Response(status_code=204)

    async def look(_: frozenset[Change] | None) -> list[Event]:
        nonlocal known
        job = await run_in_threadpool(read_job, user, job_id)
        if known == str(job.revision):
            return []
        known = str(job.revision)
        return [Event(known, "job", job_body(job).model_dump_json(), last=job.is_final)]

    streams: Streams = request.app.state.streams
    return streams.respond(job_id, user, look)


@router.post(
    "/{job_id}/cancel",
    summary="End a job early",
    status_code=202,
    response_model=JobBody,
    responses=responses(401, 403, 404, 409, 503),
)
def cancel_job(job_id: UUID, user: TenantUser) -> Response:
    """What is being worked on is stopped before it is stored. 409 when the job has ended."""
    with unit_of_work(user) as uow:
        job = uow.jobs.cancel(job_id, request_id())
    return job_response(job, 202)
