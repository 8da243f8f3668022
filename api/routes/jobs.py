"""The status resource: poll, wait, cancel."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.context import request_id
from api.errors import responses
from api.headers import PreferWait, etag
from api.models import JobBody, job_body
from api.waiting import JobWatch
from domain.jobs import Job
from domain.tenancy import Context
from infra.database import unit_of_work

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=StrictRoute)
RETRY_AFTER_S = "1"


def read_job(user: Context, job_id: UUID) -> Job:
    with unit_of_work(user) as uow:
        return uow.jobs.read(job_id)


async def wait_for(request: Request, user: Context, job: Job, seconds: int) -> Job:
    """The job once it has ended, or as it is after `seconds`."""
    if not seconds or job.is_final:
        return job
    watch: JobWatch = request.app.state.watch
    return await watch.until_final(job, lambda: run_in_threadpool(read_job, user, job.id), seconds)


def job_response(job: Job, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    own = {"ETag": etag(job.revision), "Cache-Control": "private, no-cache"}
    if not job.is_final:
        own["Retry-After"] = RETRY_AFTER_S
    return Response(job_body(job).model_dump_json(), status, own | dict(headers or {}), "application/json")


def applied(seconds: int) -> dict[str, str]:
    return {"Preference-Applied": f"wait={seconds}"} if seconds else {}


@router.get(
    "/{job_id}",
    summary="How a job is doing",
    response_model=JobBody,
    responses=responses(401, 403, 404, 503) | {304: {"description": "Not changed since the given ETag"}},
)
async def get_job(
    job_id: UUID,
    request: Request,
    user: TenantUser,
    wait: PreferWait,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Always 200 while the job is kept, however it ended. With `Prefer: wait=N` (at most 20 s) it answers as soon as
    the job has ended.
    """
    job = await run_in_threadpool(read_job, user, job_id)
    job = await wait_for(request, user, job, wait)
    if if_none_match is not None and etag(job.revision) in if_none_match:
        headers = {"ETag": etag(job.revision), "Cache-Control": "private, no-cache"}
        return Response(status_code=304, headers=headers if job.is_final else headers | {"Retry-After": RETRY_AFTER_S})
    return job_response(job, headers=applied(wait))


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
