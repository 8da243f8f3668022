"""A clinician's work on programs that wait for review: the queue, edits, the decision."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StringConstraints, model_validator

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IfMatch
from api.models import Body
from api.paging import Cursor, Limit, ListBody, Paging
from api.routes.programs import ProgramBody, ProgramSummary, head_response, program_response
from domain.programs.changes import Change
from domain.records import WaitingProgram
from domain.services import reviews
from infra.database import unit_of_work

router = APIRouter(prefix="/v1", tags=["reviews"], route_class=StrictRoute)

_REASON = "For the clinicians of this business; the member is told that the program was not released, not why."


def _whole(least: int, most: int) -> object:
    """A whole number, said as one: neither "3" nor true is."""
    return Field(strict=True, ge=least, le=most)


class WaitingBody(BaseModel):
    """`user` is whom the program is for; `waiting_since` when it was made."""

    program_id: UUID
    user_id: UUID
    user_name: str
    region: str
    revision: int
    waiting_since: datetime
    links: dict[str, str]


class ReviewQueue(ListBody):
    items: list[WaitingBody]


class Approve(Body):
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] | None = Field(
        None, description="For the clinicians of this business.", examples=["Fine as it is."]
    )


class Reject(Body):
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=1000)] = Field(
        description=_REASON, examples=["Wants to run again: needs calf work before."]
    )


class LineChange(Body):
    """New values for one line; what is not named stays. With another `exercise`, what is not named is its library's
    rest and the same share of its library's reps or seconds.
    """

    week: Annotated[int, _whole(1, 52)] | None = Field(None, description="Week number; without it, every week.")
    session: Annotated[int, _whole(1, 7)] = Field(description="Number of the session in its week.")
    position: Annotated[int, _whole(1, 100)] = Field(description="Place of the line in its session.")
    exercise: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")] | None = None
    sets: Annotated[int, _whole(1, 10)] | None = None
    reps: Annotated[int, _whole(1, 100)] | None = None
    seconds: Annotated[int, _whole(1, 3600)] | None = None
    rest_s: Annotated[int, _whole(0, 600)] | None = None
    effort: Annotated[int, _whole(0, 10)] | None = None

    @model_validator(mode="after")
    def _one_thing_at_least(self) -> Self:
        if self.reps is not None and self.seconds is not None:
            raise ValueError("reps or seconds, not both")
        if not self.model_dump(exclude_none=True).keys() - {"week", "session", "position"}:
            raise ValueError("nothing is changed")
        return self


class Edit(Body):
    changes: list[LineChange] = Field(
        min_length=1, max_length=200, examples=[[{"session": 1, "position": 3, "exercise": "glute_bridge"}]]
    )


def _waiting(program: WaitingProgram) -> WaitingBody:
    return WaitingBody(
        program_id=program.id,
        user_id=program.user_id,
        user_name=program.name,
        region=program.region,
        revision=program.revision,
        waiting_since=program.created_at,
        links={"program": f"/v1/programs/{program.id}"},
    )


@router.get(
    "/reviews",
    summary="Programs that wait for review, oldest first",
    response_model=ReviewQueue,
    responses=responses(400, 401, 403, 422, 503),
)
def list_reviews(user: TenantUser, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """For clinicians and those who run the business. The program itself is behind its link."""
    paging = Paging("/v1/reviews", user, limit, cursor)
    with unit_of_work(user) as uow:
        page = reviews.queue(uow, paging.window)
    return paging.respond(ReviewQueue, page, [_waiting(program) for program in page.items])


@router.patch(
    "/programs/{program_id}",
    summary="Change lines of a program that waits for review",
    response_model=ProgramBody,
    responses=responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503),
)
def edit_program(program_id: UUID, body: Edit, user: TenantUser, revision: IfMatch) -> Response:
    """All changes or none: the changed program must keep every rule it was made by, or the answer is 422 `unsafe_edit`
    with the rules as codes. Minutes follow from the doses. A changed line says `clinician_edit` in its `why`, and the
    proof, which stays that of the program as it was made, says `edited`.
    """
    from domain.services import edits  # noqa: PLC0415 - brings the checker, which no cold start should wait for

    with unit_of_work(user) as uow:
        program = edits.edit(uow, program_id, revision, [Change(**change.model_dump()) for change in body.changes])
    return program_response(program, user)


@router.post(
    "/programs/{program_id}/approve",
    summary="Release a program to its member",
    response_model=ProgramSummary,
    responses=responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503),
)
def approve_program(program_id: UUID, user: TenantUser, revision: IfMatch, body: Approve | None = None) -> Response:
    """It becomes the member's active program in place of the one before, which is archived. 409 once it is decided."""
    with unit_of_work(user) as uow:
        head = reviews.decide(uow, program_id, revision, "active", body.note if body else None)
    return head_response(head)


@router.post(
    "/programs/{program_id}/reject",
    summary="Reject a program",
    response_model=ProgramSummary,
    responses=responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503),
)
def reject_program(program_id: UUID, body: Reject, user: TenantUser, revision: IfMatch) -> Response:
    """The member never sees it, and keeps the active program there is. 409 once it is decided."""
    with unit_of_work(user) as uow:
        head = reviews.decide(uow, program_id, revision, "rejected", body.reason)
    return head_response(head)
