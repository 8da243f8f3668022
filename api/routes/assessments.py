"""Start, save, submit and read assessments."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.context import request_id
from api.errors import responses
from api.headers import IdempotencyKey, IfMatch, IfNoneMatch, PreferWait, etag, unchanged
from api.models import Body, JobBody
from api.paging import Cursor, Limit, ListBody, Paging
from api.routes.jobs import applied, job_response, wait_for
from domain.jobs import Job, message_for
from domain.records import Assessment, AssessmentHead
from domain.services import assessments
from domain.tenancy import Context
from infra import logs, metrics, tracing
from infra.database import unit_of_work
from infra.ids import new_id
from infra.publishing import publish_committed

router = APIRouter(prefix="/v1/assessments", tags=["assessments"], route_class=StrictRoute)

_ANSWERS = Field(
    description="Question's link id -> answer. null takes an answer away.",
    max_length=1000,
    examples=[{"nprs_now": 4, "days": 3}],
)


class Start(Body):
    template_id: str = Field(max_length=64, examples=["low-back-pain"])


class Save(Body):
    answers: dict[str, Any] = _ANSWERS


class Submit(Body):
    answers: dict[str, Any] = Field(
        default={}, description="Last changes to the draft.", max_length=1000, examples=[{"nprs_now": 4}]
    )


class AssessmentBody(BaseModel):
    id: UUID
    template_id: str
    template_version: str
    status: str
    revision: int
    answers: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    links: dict[str, str]


class ResultBody(BaseModel):
    """`since_previous` and `since_first`: change per scale, null on a first attempt."""

    assessment_id: UUID
    attempt_number: int
    is_initial: bool
    submitted_at: datetime
    outcome: str
    scores: list[dict[str, Any]]
    screening: dict[str, Any]
    since_previous: dict[str, Any] | None
    since_first: dict[str, Any] | None
    engine_version: str
    template_id: str
    template_version: str


class AssessmentSummary(BaseModel):
    """`user_id`: whose it is. The answers are behind `links.self`."""

    id: UUID
    user_id: UUID
    template_id: str
    template_version: str
    status: str
    revision: int
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    links: dict[str, str]


class AssessmentList(ListBody):
    items: list[AssessmentSummary]


def _headers(assessment: Assessment) -> dict[str, str]:
    return {"ETag": etag(assessment.revision), "Cache-Control": "no-store"}


def _respond(assessment: Assessment, status: int = 200) -> Response:
    links = {"self": f"/v1/assessments/{assessment.id}"}
    if assessment.job_id is not None:
        links |= {"job": f"/v1/jobs/{assessment.job_id}", "result": f"/v1/assessments/{assessment.id}/result"}
    body = AssessmentBody(
        id=assessment.id,
        template_id=assessment.template.slug,
        template_version=assessment.template.version,
        status=assessment.status,
        revision=assessment.revision,
        answers=assessment.answers,
        created_at=assessment.created_at,
        updated_at=assessment.updated_at,
        submitted_at=assessment.submitted_at,
        links=links,
    )
    headers = _headers(assessment)
    if status == 201:  # noqa: PLR2004
        headers["Location"] = links["self"]
    return Response(body.model_dump_json(), status, headers, "application/json")


@router.post(
    "",
    summary="Start an assessment, or resume the open one",
    status_code=201,
    response_model=AssessmentBody,
    responses=responses(400, 401, 403, 404, 413, 415, 422, 503) | {200: {"model": AssessmentBody}},
)
def start_assessment(body: Start, user: TenantUser) -> Response:
    """201 with a new assessment, 200 with the one of this template that is still open."""
    with unit_of_work(user) as uow:
        assessment, made = assessments.start(uow, body.template_id, new_id())
    return _respond(assessment, 201 if made else 200)


@router.get(
    "",
    summary="Assessments, newest first",
    response_model=AssessmentList,
    responses=responses(400, 401, 403, 422, 503),
)
def list_assessments(
    user: TenantUser,
    template_id: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,64}$")] = None,
    status: Literal["draft", "submitted"] | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """One's own; for clinicians and those who run the business, everybody's of it."""
    filters = {"template_id": template_id, "status": status}
    given = {name: value for name, value in filters.items() if value is not None}
    paging = Paging("/v1/assessments", user, limit, cursor, given)
    with unit_of_work(user) as uow:
        page = uow.assessments.page(paging.window, template_id, status)
    return paging.respond(AssessmentList, page, [_summary(head) for head in page.items])


def _summary(head: AssessmentHead) -> AssessmentSummary:
    return AssessmentSummary(
        id=head.id,
        user_id=head.user_id,
        template_id=head.slug,
        template_version=head.version,
        status=head.status,
        revision=head.revision,
        created_at=head.created_at,
        updated_at=head.updated_at,
        submitted_at=head.submitted_at,
        links={"self": f"/v1/assessments/{head.id}"},
    )


@router.get(
    "/{assessment_id}",
    summary="An assessment with its answers",
    response_model=AssessmentBody,
    responses=responses(401, 403, 404, 503) | {304: {"description": "Not changed since the given ETag"}},
)
def get_assessment(assessment_id: UUID, user: TenantUser, known: IfNoneMatch) -> Response:
    with unit_of_work(user) as uow:
        assessment = uow.assessments.read(assessment_id)
    if unchanged(known, assessment.revision):
        return Response(status_code=304, headers=_headers(assessment))
    return _respond(assessment)


@router.patch(
    "/{assessment_id}",
    summary="Save some answers",
    response_model=AssessmentBody,
    responses=responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503),
)
def save_assessment(assessment_id: UUID, body: Save, user: TenantUser, revision: IfMatch) -> Response:
    """Merges the answers into the draft. A partial set is fine; wrong types, ranges and options are not."""
    with unit_of_work(user) as uow:
        assessment = assessments.save(uow, assessment_id, revision, body.answers)
    return _respond(assessment)


@router.post(
    "/{assessment_id}/submit",
    summary="Submit an assessment",
    status_code=202,
    response_model=JobBody,
    responses=responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503) | {200: {"model": JobBody}},
)
async def submit_assessment(
    assessment_id: UUID,
    request: Request,
    user: TenantUser,
    key: IdempotencyKey,
    revision: IfMatch,
    wait: PreferWait,
    body: Submit | None = None,
) -> Response:
    """202 once the answers and their job are committed: from then on they cannot be lost. With `Prefer: wait=N`,
    200 if the job ends in time. The same key again gives the same job.
    """
    wanted = assessments.SubmitRequest(
        assessment_id=assessment_id,
        revision=revision,
        key=key,
        answers=body.answers if body else {},
        correlation_id=request_id(),
        traceparent=tracing.current(),
    )
    job, replayed = await run_in_threadpool(_submit, user, wanted)
    ended = await wait_for(request, user, job, wait)
    headers = {"Location": f"/v1/jobs/{job.id}", "Cache-Control": "no-store"} | applied(wait)
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return job_response(ended, 200 if ended.is_final else 202, headers)


def _submit(user: Context, wanted: assessments.SubmitRequest) -> tuple[Job, bool]:
    today = datetime.now(UTC).date()
    with unit_of_work(user) as uow:
        job, replayed = assessments.submit(uow, wanted, job_id=new_id(), submission_id=new_id(), today=today)
    logs.bind(job_id=str(job.id))
    if not replayed:
        metrics.record(metrics.SUBMISSIONS)
        publish_committed(user, message_for(job))
    return job, replayed


@router.post(
    "/{assessment_id}/amend",
    summary="Correct a submitted assessment: a new attempt",
    status_code=201,
    response_model=AssessmentBody,
    responses=responses(401, 403, 404, 409, 503) | {200: {"model": AssessmentBody}},
)
def amend_assessment(assessment_id: UUID, user: TenantUser) -> Response:
    """Starts a draft with the answers that were submitted, 201; or 200 with the attempt that is open already. What was
    submitted stays as it was: the change counts once the new attempt is submitted.
    """
    with unit_of_work(user) as uow:
        assessment, made = assessments.amend(uow, new_id(), assessment_id)
    return _respond(assessment, 201 if made else 200)


@router.get(
    "/{assessment_id}/result",
    summary="Scores, bands, screening and change",
    responses=responses(401, 403, 404, 503),
)
def get_result(assessment_id: UUID, user: TenantUser, response: Response) -> ResultBody:
    """There as soon as scoring has committed; 404 before."""
    with unit_of_work(user) as uow:
        view = assessments.result(uow, assessment_id)
    response.headers["Cache-Control"] = "no-store"
    stored = view.record.result
    return ResultBody(
        assessment_id=assessment_id,
        attempt_number=view.record.number,
        is_initial=view.record.number == 1,
        submitted_at=view.record.submitted_at,
        outcome=stored["screening"]["outcome"],
        scores=stored["scores"],
        screening=stored["screening"],
        since_previous=view.since_previous,
        since_first=view.since_first,
        engine_version=stored["engine_version"],
        template_id=stored["template_id"],
        template_version=stored["template_version"],
    )
