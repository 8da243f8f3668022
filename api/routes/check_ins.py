"""Check-ins: the red-flag questions again, while a program is being done."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StringConstraints

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IdempotencyKey
from api.models import Body
from domain.sessions.records import CheckIn
from infra.database import unit_of_work
from infra.ids import new_id

router = APIRouter(prefix="/v1/programs", tags=["check-ins"], route_class=StrictRoute)

Answer = Literal["yes", "no", "not_sure"]


class QuestionBody(BaseModel):
    """`text` by language."""

    id: str
    text: dict[str, str]


class CheckInBody(BaseModel):
    """`referral`: the program is paused; `advice` says what to do, by language. `flags` are the ids of what was raised,
    gravest first.
    """

    id: UUID
    outcome: Literal["clear", "referral"]
    level: str | None
    flags: list[str]
    advice_key: str | None
    advice: dict[str, str] | None
    program_status: str


class PastCheckIn(BaseModel):
    """`resumed_at`: when a clinician let the program go on."""

    id: UUID
    outcome: Literal["clear", "referral"]
    level: str | None
    flags: list[str]
    advice_key: str | None
    created_at: datetime
    resumed_at: datetime | None


class CheckInList(BaseModel):
    """`questions` are all to be answered; `items` what was found before, newest first, at most fifty."""

    user_id: UUID
    questions: list[QuestionBody]
    items: list[PastCheckIn]


class MakeCheckIn(Body):
    answers: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")], Answer] = Field(
        max_length=100,
        description="An answer to each question. Not sure counts as yes for what is urgent or an emergency.",
        examples=[{"chest_pain": "no", "breathless": "no"}],
    )


def _past(found: CheckIn) -> PastCheckIn:
    return PastCheckIn(**{name: getattr(found, name) for name in PastCheckIn.model_fields})


@router.get(
    "/{program_id}/check-ins",
    summary="The questions of a check-in, and the check-ins so far",
    responses=responses(401, 403, 404, 503),
)
def list_check_ins(program_id: UUID, user: TenantUser) -> CheckInList:
    from domain.services import check_ins  # noqa: PLC0415 - brings the rules of safety, which most requests do without

    with unit_of_work(user) as uow:
        owner, asked, found = check_ins.questions(uow, program_id)
    questions = [QuestionBody(id=flag.id, text=dict(flag.text)) for flag in asked]
    return CheckInList(user_id=owner, questions=questions, items=[_past(each) for each in found])


@router.post(
    "/{program_id}/check-ins",
    summary="Check in",
    status_code=201,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
def make_check_in(
    program_id: UUID, body: MakeCheckIn, user: TenantUser, key: IdempotencyKey, response: Response
) -> CheckInBody:
    """Of one's own program. A red flag pauses it at once, tells the clinicians, and says where to go first: nothing of
    it is to be done until a clinician lets it go on or, for somebody without a clinic, a new assessment is answered.
    """
    from domain.services import check_ins  # noqa: PLC0415 - as above

    with unit_of_work(user) as uow:
        made = check_ins.make(uow, program_id, new_id(), key, body.answers)
    if made.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return CheckInBody(
        id=made.id,
        outcome="clear" if made.found.level is None else "referral",
        level=made.found.level,
        flags=list(made.found.flags),
        advice_key=made.found.advice_key,
        advice=None if made.found.advice is None else dict(made.found.advice),
        program_status=made.program_status,
    )
