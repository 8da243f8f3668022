"""What the signed-in person wants to be written."""

from fastapi import APIRouter
from pydantic import BaseModel, Field, StrictBool

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.models import Body
from domain.emails import OPTIONAL
from infra.database import unit_of_work

router = APIRouter(prefix="/v1/me/preferences", tags=["me"], route_class=StrictRoute)


class EmailPreferences(BaseModel):
    """Whether each kind of e-mail is sent. What concerns the account itself always is."""

    program_ready: bool
    referral: bool
    program_to_review: bool
    import_finished: bool


class Preferences(BaseModel):
    email: EmailPreferences


class EmailChoices(Body):
    """What is not named stays."""

    program_ready: StrictBool | None = Field(None, description="One's own new program.")
    referral: StrictBool | None = Field(None, description="An assessment ended with advice to read first.")
    program_to_review: StrictBool | None = Field(None, description="For clinicians: a program waits for a review.")
    import_finished: StrictBool | None = Field(None, description="An import of one's own has finished.")


class ChangePreferences(Body):
    email: EmailChoices = Field(examples=[{"program_ready": False}])


def _body(stored: dict[str, bool]) -> Preferences:
    return Preferences(email=EmailPreferences(**{kind: stored.get(kind, True) for kind in OPTIONAL}))


@router.get("", summary="What one is written", responses=responses(401, 403, 503))
def get_preferences(user: TenantUser) -> Preferences:
    with unit_of_work(user) as uow:
        return _body(uow.members.email_preferences())


@router.patch("", summary="Choose what one is written", responses=responses(400, 401, 403, 413, 415, 422, 503))
def change_preferences(body: ChangePreferences, user: TenantUser) -> Preferences:
    """Holds for what has not been sent yet, too. Notifications in the application are made all the same."""
    changes = body.email.model_dump(exclude_none=True)
    with unit_of_work(user) as uow:
        return _body(uow.members.choose_emails(changes))
