"""Jobs and queues of every tenant, for those who keep the service running: metadata, and nobody's health data."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from api.auth import OperatorUser
from api.bodies import StrictRoute
from api.errors import responses
from api.paging import MOST_ITEMS, ListBody, Paging
from domain.dead_letters import Attempt
from domain.jobs import Status
from domain.operations import JobFilter, JobHead
from domain.services import operations as service
from infra.database import operations

router = APIRouter(prefix="/v1/ops", tags=["operations"], route_class=StrictRoute)

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]{1,64}$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]
_PLACE = {"limit", "cursor"}


class ListQuery(BaseModel):
    """All filters that are given must hold."""

    limit: Annotated[int, Field(ge=1, le=MOST_ITEMS, description="Most items of one answer.")] = 50
    cursor: Annotated[str | None, Field(max_length=400, description="`next` or `prev` of an earlier answer.")] = None

    def given(self) -> dict[str, str]:
        """The filters as they stand in the address."""
        shown = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_PLACE)
        return {name: str(value) for name, value in shown.items()}


class JobsQuery(ListQuery):
    status: Status | None = None
    kind: Word | None = Field(None, examples=["assessment"])
    stage: Word | None = Field(None, examples=["generating"])
    tenant_id: UUID | None = None
    changed_since: AwareDatetime | None = Field(None, description="Changed after this time: what `ffp jobs tail` asks.")

    def filter(self) -> JobFilter:
        return JobFilter(**self.model_dump(exclude=_PLACE))


class OpsJobBody(BaseModel):
    """A job as it is: `dead` is said here, where its member reads `retrying`. `replays`: how often it was put back."""

    id: UUID
    tenant_id: UUID
    tenant: str | None
    kind: str
    stage: str
    status: Status
    attempt: int
    max_attempts: int
    replays: int
    error_code: str | None
    correlation_id: str
    lease_until: datetime | None
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: JobHead) -> Self:
        return cls(**asdict(job))


class AttemptBody(BaseModel):
    """`outcome` is null for an attempt that never told how it ended. `frames`: places in the code, innermost last."""

    stage: str
    number: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error_code: str | None
    error_class: str | None
    frames: list[str] | None
    release: str | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        return cls(**asdict(attempt))


class OpsJobDetail(OpsJobBody):
    attempts: list[AttemptBody]
    dead_letters: list[UUID]


class OpsJobList(ListBody):
    items: list[OpsJobBody]


class QueueBody(BaseModel):
    """One work queue by the jobs that are for it. `lost`: their worker's lease ended without a word. `unpublished`:
    their message has not gone out. `oldest_s`: seconds since the job changed that waits longest. Queue `none` has the
    dead letters that name no stage.
    """

    queue: str
    waiting: int
    running: int
    lost: int
    unpublished: int
    oldest_s: float | None
    dead_letters: int


class QueueList(BaseModel):
    items: list[QueueBody]


@router.get(
    "/jobs",
    summary="Jobs of every tenant, last changed first",
    response_model=OpsJobList,
    responses=responses(400, 401, 403, 422, 503),
)
def list_ops_jobs(who: OperatorUser, wanted: Annotated[JobsQuery, Query()]) -> Response:
    """Metadata only."""
    paging = Paging("/v1/ops/jobs", who, wanted.limit, wanted.cursor, wanted.given())
    with operations(who) as work:
        page = service.jobs(work, paging.window, wanted.filter())
    return paging.respond(OpsJobList, page, [OpsJobBody.of(job) for job in page.items])


@router.get("/jobs/{job_id}", summary="One job with its attempts", responses=responses(401, 403, 404, 503))
def get_ops_job(job_id: UUID, who: OperatorUser) -> OpsJobDetail:
    """Attempts carry the class of their error and where in the code it was, never its message."""
    with operations(who) as work:
        view = service.job(work, job_id)
    attempts = [AttemptBody.of(each) for each in view.attempts]
    return OpsJobDetail(**asdict(view.job), attempts=attempts, dead_letters=[each.id for each in view.letters])


@router.post(
    "/jobs/{job_id}/cancel",
    summary="End a job of any tenant",
    responses=responses(401, 403, 404, 409, 503),
)
def cancel_ops_job(job_id: UUID, who: OperatorUser) -> OpsJobBody:
    """On record in its tenant's log. What is being worked on is stopped before it is stored. 409 when it has ended."""
    with operations(who) as work:
        return OpsJobBody.of(service.cancel(work, job_id))


@router.get("/queues", summary="The work queues", responses=responses(401, 403, 503))
def list_queues(who: OperatorUser) -> QueueList:
    """What waits, what runs, what is stuck, as the jobs say it."""
    with operations(who) as work:
        return QueueList(items=[QueueBody(**asdict(each)) for each in service.queues(work)])
