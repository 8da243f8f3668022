"""How a business wants FFP to work for it."""

from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field, StrictBool, model_validator

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.models import Body
from domain.members import FEWEST_DAYS, MOST_DAYS
from domain.safety.rules import PainThresholds
from domain.services import business
from domain.sessions.missed import Strategy
from infra.database import unit_of_work

router = APIRouter(prefix="/v1/business", tags=["business"], route_class=StrictRoute)

_Pain = Annotated[int, Field(strict=True, ge=0, le=10)]


class Thresholds(BaseModel):
    """Pain, 0-10, from which it counts as moderate and as severe."""

    moderate_from: int
    severe_from: int


class OwnThresholds(Body):
    """They rise from at least 1, and what is severe starts no later than where strong pain at rest asks for a
    clinician (8).
    """

    moderate_from: _Pain
    severe_from: _Pain

    @model_validator(mode="after")
    def _rising(self) -> Self:
        self.stored()
        return self

    def stored(self) -> dict[str, int]:
        made = PainThresholds(moderate=self.moderate_from, severe=self.severe_from)
        return made.model_dump(include={"moderate", "severe"})


class SettingsBody(BaseModel):
    """What holds now, chosen or by default."""

    require_assessment_review: bool
    pain_thresholds: Thresholds
    invitation_days: int
    require_consent: bool
    missed_sessions: Strategy


class ChangeSettings(Body):
    """What is not named stays; null goes back to the default."""

    require_assessment_review: StrictBool | None = Field(
        None, description="Whether a clinician approves each program before its member sees it. Default: true."
    )
    require_consent: StrictBool | None = Field(
        None,
        description="Whether an assessment is submitted only with its person's consent to the use of health data, in"
        " the version in force. Default: false.",
    )
    pain_thresholds: OwnThresholds | None = Field(
        None, description="Default: 4 and 6.", examples=[{"moderate_from": 4, "severe_from": 7}]
    )
    invitation_days: Annotated[int, Field(strict=True, ge=FEWEST_DAYS, le=MOST_DAYS)] | None = Field(
        None, description="How long an invitation works. Default: 14."
    )
    missed_sessions: Strategy | None = Field(
        None,
        description="What becomes of a session that was not done on its day. reschedule: everything that is left moves."
        " accumulate: it waits as an extra, one a day, for 14 days. flexible: it comes next, and a whole week too late"
        " leaves the last loading week out. Default: reschedule.",
    )


def _body(settings: business.Settings) -> SettingsBody:
    pain = settings.pain_thresholds
    return SettingsBody(
        require_assessment_review=settings.require_assessment_review,
        pain_thresholds=Thresholds(moderate_from=pain.moderate, severe_from=pain.severe),
        invitation_days=settings.invitation_days,
        require_consent=settings.require_consent,
        missed_sessions=settings.missed_sessions,
    )


@router.get("/settings", summary="The settings of the business", responses=responses(401, 403, 503))
def get_settings(user: TenantUser) -> SettingsBody:
    """For clinicians and those who run the business."""
    with unit_of_work(user) as uow:
        return _body(business.read(uow))


@router.patch(
    "/settings",
    summary="Change the settings of the business",
    responses=responses(400, 401, 403, 413, 415, 422, 503),
)
def change_settings(body: ChangeSettings, user: TenantUser) -> SettingsBody:
    """For those who run the business. Programs and scores that are there already stay as they are."""
    changes: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if body.pain_thresholds is not None:
        changes[business.THRESHOLDS] = body.pain_thresholds.stored()
    with unit_of_work(user) as uow:
        return _body(business.change(uow, changes))
