"""Programs as people read them."""

from datetime import date, datetime
from itertools import groupby
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IfNoneMatch, etag, unchanged
from api.paging import Cursor, Limit, ListBody, Paging
from domain.records import Program, ProgramHead, Session
from domain.services import training
from domain.tenancy import CARE_ROLES, Context
from infra.database import unit_of_work

router = APIRouter(prefix="/v1/programs", tags=["programs"], route_class=StrictRoute)


Status = Literal["pending_review", "active", "paused_safety", "rejected", "archived", "ended"]


class ItemBody(BaseModel):
    """Exactly one of `reps` and `seconds` is set. `rest_s` in seconds, `effort` 0-10, `why` the rules that chose it."""

    position: int
    exercise: str
    name: str
    cue: str
    role: str
    sets: int
    reps: int | None
    seconds: int | None
    rest_s: int
    minutes: float
    effort: int | None
    why: list[str]


class SessionBody(BaseModel):
    id: UUID
    number: int
    scheduled_on: date
    minutes: float
    items: list[ItemBody]


class WeekBody(BaseModel):
    number: int
    deload: bool
    sessions: list[SessionBody]


class ReviewBody(BaseModel):
    """A clinician's decision. `note`, or the reason of a rejection, is null for the member: it is for clinicians."""

    decision: Literal["approved", "rejected"]
    reviewed_by: UUID | None
    reviewed_at: datetime
    note: str | None


class ProgramBody(BaseModel):
    """`proof`: solver, objective, bound and gap of the plan as it was made, and `edited` if a clinician has changed it
    since; the hashes name exactly what it was made from. `review` is null while nobody has decided, and where nobody
    has to.
    """

    id: UUID
    user_id: UUID
    assessment_id: UUID
    status: Status
    revision: int
    review: ReviewBody | None
    start_on: date
    weeks: list[WeekBody]
    spec: dict[str, Any]
    proof: dict[str, Any]
    input_hash: str
    library_hash: str
    engine_version: str
    created_at: datetime


class ProgramSummary(BaseModel):
    """A program without its content."""

    id: UUID
    user_id: UUID
    assessment_id: UUID
    status: Status
    revision: int
    weeks: int
    start_on: date
    created_at: datetime
    reviewed_at: datetime | None
    links: dict[str, str]


class ProgramList(ListBody):
    items: list[ProgramSummary]


def _week(number: int, sessions: list[Session]) -> WeekBody:
    return WeekBody(
        number=number,
        deload=sessions[0].deload,
        sessions=[
            SessionBody(
                id=session.id,
                number=session.number,
                scheduled_on=session.scheduled_on,
                minutes=session.minutes,
                items=[ItemBody.model_validate(item, from_attributes=True) for item in session.items],
            )
            for session in sessions
        ],
    )


def _review(program: Program, reader: Context) -> ReviewBody | None:
    if program.reviewed_at is None:
        return None
    return ReviewBody(
        decision="rejected" if program.status == "rejected" else "approved",
        reviewed_by=program.reviewed_by,
        reviewed_at=program.reviewed_at,
        note=program.review_note if reader.role in CARE_ROLES else None,
    )


def _body(program: Program, reader: Context) -> ProgramBody:
    return ProgramBody(
        id=program.id,
        user_id=program.user_id,
        assessment_id=program.assessment_id,
        status=program.status,
        revision=program.revision,
        review=_review(program, reader),
        start_on=program.start_on,
        weeks=[_week(number, list(of_week)) for number, of_week in groupby(program.sessions, lambda s: s.week)],
        spec=program.spec,
        proof=program.proof,
        input_hash=program.input_hash,
        library_hash=program.library_hash,
        engine_version=program.engine_version,
        created_at=program.created_at,
    )


def _headers(revision: int) -> dict[str, str]:
    return {"ETag": etag(revision), "Cache-Control": "private, no-cache"}


def program_response(program: Program, reader: Context) -> Response:
    return Response(
        _body(program, reader).model_dump_json(),
        headers=_headers(program.revision),
        media_type="application/json",
    )


def _summary(head: ProgramHead) -> ProgramSummary:
    links = {"self": f"/v1/programs/{head.id}", "assessment": f"/v1/assessments/{head.assessment_id}"}
    return ProgramSummary(
        id=head.id,
        user_id=head.user_id,
        assessment_id=head.assessment_id,
        status=head.status,
        revision=head.revision,
        weeks=head.weeks,
        start_on=head.start_on,
        created_at=head.created_at,
        reviewed_at=head.reviewed_at,
        links=links,
    )


def head_response(head: ProgramHead) -> Response:
    return Response(_summary(head).model_dump_json(), headers=_headers(head.revision), media_type="application/json")


@router.get(
    "",
    summary="Programs, newest first",
    response_model=ProgramList,
    responses=responses(400, 401, 403, 422, 503),
)
def list_programs(user: TenantUser, status: Status | None = None, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """One's own; for clinicians and those who run the business, everybody's of it. A member's list has neither what
    waits for review nor what was rejected.
    """
    paging = Paging("/v1/programs", user, limit, cursor, {"status": status} if status else None)
    with unit_of_work(user) as uow:
        page = uow.programs.page(paging.window, status)
    return paging.respond(ProgramList, page, [_summary(head) for head in page.items])


@router.get(
    "/{program_id}",
    summary="A program: weeks, sessions, exercises, dose, explanation, proof",
    response_model=ProgramBody,
    responses=responses(401, 403, 404, 503) | {304: {"description": "Not changed since the given ETag"}},
)
def get_program(program_id: UUID, user: TenantUser, known: IfNoneMatch) -> Response:
    with unit_of_work(user) as uow:
        program = training.program(uow, program_id, user.user_id)
    if unchanged(known, program.revision):
        return Response(status_code=304, headers=_headers(program.revision))
    return program_response(program, user)
