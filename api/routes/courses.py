"""The ways of a program: put aside, taken up again, ended, resumed; and the changes it makes of what was done."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StringConstraints

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IfMatch, etag
from api.models import Body
from api.routes.programs import ProgramSummary, head_response
from domain.services import training
from domain.sessions.adaptation import RULES
from domain.sessions.records import Adaptation
from infra.database import unit_of_work

router = APIRouter(prefix="/v1", tags=["programs"], route_class=StrictRoute)

_MOVES = responses(401, 403, 404, 409, 412, 428, 503)


class Resume(Body):
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=1000)] = Field(
        description="What was found, for the clinicians of this business.", examples=["Seen today, cleared."]
    )


class Decide(Body):
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] | None = Field(
        None, description="For the clinicians of this business.", examples=["Fine."]
    )


class AdaptationBody(BaseModel):
    """What was decided of an exercise after a session. `rule` and `reason` say why; `changes` are the lines that
    changed or, while `status` is `proposed`, would: `before` and `after`, which is null where a line was left out.
    `kept`: the program can take no such change, and goes on as it was.
    """

    id: UUID
    program_id: UUID
    session_id: UUID
    exercise: str
    rule: str
    reason: str
    action: Literal["progress", "hold", "reduce", "regress", "leave_out", "reassess"]
    status: Literal["applied", "kept", "proposed", "accepted", "declined", "superseded"]
    changes: list[dict[str, Any]]
    revision: int
    created_at: datetime
    decided_at: datetime | None


class AdaptationList(BaseModel):
    """`links.program` where they are of one."""

    items: list[AdaptationBody]
    links: dict[str, str] = {}


def _adaptation(found: Adaptation) -> AdaptationBody:
    names = [name for name in AdaptationBody.model_fields if name != "reason"]
    return AdaptationBody(**{name: getattr(found, name) for name in names}, reason=RULES[found.rule])


def _moved(user: TenantUser, program_id: UUID, revision: int, way: training.Move, note: str | None = None) -> Response:
    with unit_of_work(user) as uow:
        return head_response(training.move(uow, program_id, revision, way, note))


@router.post(
    "/programs/{program_id}/archive",
    summary="Put an active program aside",
    response_model=ProgramSummary,
    responses=_MOVES,
)
def archive_program(program_id: UUID, user: TenantUser, revision: IfMatch) -> Response:
    """It can be taken up again. 409 unless it is active."""
    return _moved(user, program_id, revision, "archive")


@router.post(
    "/programs/{program_id}/restart",
    summary="Take an archived program up again",
    response_model=ProgramSummary,
    responses=_MOVES,
)
def restart_program(program_id: UUID, user: TenantUser, revision: IfMatch) -> Response:
    """What is left of it goes on from today, and the active program is put aside: there is one at a time. 409 where
    nothing is left, or a check-in has stopped this program or another one.
    """
    return _moved(user, program_id, revision, "restart")


@router.post(
    "/programs/{program_id}/end",
    summary="End a program for good",
    response_model=ProgramSummary,
    responses=_MOVES,
)
def end_program(program_id: UUID, user: TenantUser, revision: IfMatch) -> Response:
    """What was done stays on record."""
    return _moved(user, program_id, revision, "end")


@router.post(
    "/programs/{program_id}/resume",
    summary="Let a program go on that a check-in has stopped",
    response_model=ProgramSummary,
    responses=responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503),
)
def resume_program(program_id: UUID, body: Resume, user: TenantUser, revision: IfMatch) -> Response:
    """For clinicians and those who run the business, who have looked at it. Somebody without a clinic answers a new
    assessment instead.
    """
    return _moved(user, program_id, revision, "resume", body.note)


@router.get(
    "/programs/{program_id}/adaptations",
    summary="What a program has learned from its sessions, newest first",
    responses=responses(401, 403, 404, 503),
)
def list_adaptations(program_id: UUID, user: TenantUser) -> AdaptationList:
    with unit_of_work(user) as uow:
        found = [_adaptation(each) for each in uow.adaptations.page(program_id)]
    return AdaptationList(items=found, links={"program": f"/v1/programs/{program_id}"})


@router.get(
    "/reviews/adaptations",
    summary="Changes of programs that wait for review, oldest first",
    responses=responses(401, 403, 503),
)
def list_proposed_adaptations(user: TenantUser) -> AdaptationList:
    """For clinicians and those who run the business."""
    with unit_of_work(user) as uow:
        return AdaptationList(items=[_adaptation(each) for each in uow.adaptations.waiting()])


def _decided(user: TenantUser, adaptation_id: UUID, revision: int, body: Decide | None, *, accept: bool) -> Response:
    from domain.services import adapting  # noqa: PLC0415 - brings the checker, which no cold start should wait for

    with unit_of_work(user) as uow:
        found = adapting.settle(uow, adaptation_id, revision, accept=accept, note=body.note if body else None)
    made = _adaptation(found)
    return Response(made.model_dump_json(), headers={"ETag": etag(made.revision)}, media_type="application/json")


_DECISIONS = responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503)


@router.post(
    "/adaptations/{adaptation_id}/accept",
    summary="Make a proposed change",
    response_model=AdaptationBody,
    responses=_DECISIONS,
)
def accept_adaptation(adaptation_id: UUID, user: TenantUser, revision: IfMatch, body: Decide | None = None) -> Response:
    """Made from where the program is now, and held against its rules once more. 409 once it is decided."""
    return _decided(user, adaptation_id, revision, body, accept=True)


@router.post(
    "/adaptations/{adaptation_id}/decline",
    summary="Decline a proposed change",
    response_model=AdaptationBody,
    responses=_DECISIONS,
)
def decline_adaptation(
    adaptation_id: UUID, user: TenantUser, revision: IfMatch, body: Decide | None = None
) -> Response:
    """The program stays as it is. 409 once it is decided."""
    return _decided(user, adaptation_id, revision, body, accept=False)
