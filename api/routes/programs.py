"""Programs as people read them."""

from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from domain.records import Program, Session
from infra.database import unit_of_work

router = APIRouter(prefix="/v1/programs", tags=["programs"], route_class=StrictRoute)


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


class ProgramBody(BaseModel):
    """`proof`: solver, objective, bound and gap of the plan; the hashes name exactly what it was made from."""

    id: UUID
    assessment_id: UUID
    status: str
    start_on: date
    weeks: list[WeekBody]
    spec: dict[str, Any]
    proof: dict[str, Any]
    input_hash: str
    library_hash: str
    engine_version: str
    created_at: datetime


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


def _body(program: Program) -> ProgramBody:
    return ProgramBody(
        id=program.id,
        assessment_id=program.assessment_id,
        status=program.status,
        start_on=program.start_on,
        weeks=[_week(number, list(of_week)) for number, of_week in groupby(program.sessions, lambda s: s.week)],
        spec=program.spec,
        proof=program.proof,
        input_hash=program.input_hash,
        library_hash=program.library_hash,
        engine_version=program.engine_version,
        created_at=program.created_at,
    )


@router.get(
    "/{program_id}",
    summary="A program: weeks, sessions, exercises, dose, explanation, proof",
    response_model=ProgramBody,
    responses=responses(401, 403, 404, 503),
)
def get_program(program_id: UUID, user: TenantUser) -> Response:
    with unit_of_work(user) as uow:
        program = uow.programs.read(program_id)
    return Response(
        _body(program).model_dump_json(),
        headers={"Cache-Control": "private, no-cache"},
        media_type="application/json",
    )
