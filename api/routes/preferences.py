"""What the signed-in person wants to be written."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, StrictBool, StringConstraints

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.models import Body
from domain.emails import OPTIONAL
from domain.reminders import Quiet
from infra.database import unit_of_work
from infra.units import UnitOfWork

router = APIRouter(prefix="/v1/me/preferences", tags=["me"], route_class=StrictRoute)

_Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
_DEFAULT = {"start": f"{Quiet().start:%H:%M}", "end": f"{Quiet().end:%H:%M}"}


class EmailPreferences(BaseModel):
    """Whether each kind of e-mail is sent. What concerns the account itself always is."""

    program_ready: bool
    referral: bool
    program_to_review: bool
    import_finished: bool
    bulk_action_finished: bool
    assessment_due: bool
    session_due: bool
    reassessment_due: bool
    fewer_days_offered: bool
    adaptation_to_review: bool


class QuietHours(BaseModel):
    """From `start` until before `end`, over midnight where `end` is the earlier one; both the same: never quiet."""

    start: str
    end: str


class Preferences(BaseModel):
    """`quiet_hours` are by the clock where one lives (`time_zone` of the profile): no reminder is sent in them."""

    email: EmailPreferences
    quiet_hours: QuietHours


class EmailChoices(Body):
    """What is not named stays."""

    program_ready: StrictBool | None = Field(None, description="One's own new program.")
    referral: StrictBool | None = Field(None, description="An assessment ended with advice to read first.")
    program_to_review: StrictBool | None = Field(None, description="For clinicians: a program waits for a review.")
    import_finished: StrictBool | None = Field(None, description="An import of one's own has finished.")
    bulk_action_finished: StrictBool | None = Field(None, description="A bulk action of one's own has finished.")
    assessment_due: StrictBool | None = Field(None, description="One has been asked to fill in an assessment.")
    session_due: StrictBool | None = Field(None, description="A session is planned for today.")
    reassessment_due: StrictBool | None = Field(None, description="It is time for a new assessment.")
    fewer_days_offered: StrictBool | None = Field(
        None, description="Few sessions were done: fewer days could be planned."
    )
    adaptation_to_review: StrictBool | None = Field(None, description="For clinicians: a change waits for a review.")


class ChosenHours(Body):
    start: _Clock = Field(examples=["22:00"])
    end: _Clock = Field(examples=["07:30"])


class ChangePreferences(Body):
    """What is not named stays."""

    email: EmailChoices = Field(default_factory=EmailChoices, examples=[{"program_ready": False}])
    quiet_hours: ChosenHours | None = Field(None, description="Default: 21:00 to 08:00.")


def _body(uow: UnitOfWork) -> Preferences:
    stored, quiet = uow.members.email_preferences(), uow.members.quiet_hours() or _DEFAULT
    return Preferences(
        email=EmailPreferences(**{kind: stored.get(kind, True) for kind in OPTIONAL}), quiet_hours=QuietHours(**quiet)
    )


@router.get("", summary="What one is written", responses=responses(401, 403, 503))
def get_preferences(user: TenantUser) -> Preferences:
    with unit_of_work(user) as uow:
        return _body(uow)


@router.patch("", summary="Choose what one is written", responses=responses(400, 401, 403, 413, 415, 422, 503))
def change_preferences(body: ChangePreferences, user: TenantUser) -> Preferences:
    """Holds for what has not been sent yet, too. Notifications in the application are made all the same."""
    with unit_of_work(user) as uow:
        uow.members.choose_emails(body.email.model_dump(exclude_none=True))
        if body.quiet_hours is not None:
            uow.members.choose_quiet_hours(body.quiet_hours.start, body.quiet_hours.end)
        return _body(uow)
