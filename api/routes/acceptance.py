"""What the link in an invitation opens. Whoever has the token has had the e-mail: that proves the address."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api import quotas
from api.bodies import StrictRoute
from api.context import request_id
from api.errors import responses
from api.models import Body
from api.people import Name, Password
from domain.members import FoundInvitation, InvitationStatus
from domain.services import invitations
from infra import identities
from infra.acceptance import Acceptance
from infra.ids import new_id

router = APIRouter(prefix="/v1/invitations", tags=["invitations"], route_class=StrictRoute)

_Token = Annotated[
    str,
    Field(
        min_length=20,
        max_length=200,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="As in the link.",
        examples=["q5rZl0sD3uWn7Vx2Yb8KcE1hTgM4oJpA6iFvRsNdQwU"],
    ),
]


class Look(Body):
    token: _Token


class Accept(Body):
    """`password` is for who has no FFP login yet, and required there; so is `name`, but optional."""

    token: _Token
    password: Annotated[Password | None, Field(description="At least 12 characters.")] = None
    name: Annotated[Name | None, Field(examples=["Ana Lima"])] = None


class OpenedInvitation(BaseModel):
    """`business` is who invites; `status` is `open`, or `accepted` once it was."""

    business: str
    email: str
    name: str
    role: str
    status: InvitationStatus
    expires_at: datetime


def _body(found: FoundInvitation, status: InvitationStatus) -> OpenedInvitation:
    return OpenedInvitation(
        business=found.business,
        email=found.email,
        name=found.name,
        role=found.role,
        status=status,
        expires_at=found.expires_at,
    )


@router.post("/look", summary="What a token invites to", responses=responses(400, 410, 413, 415, 422, 429, 503))
def look_at_invitation(body: Look, request: Request) -> OpenedInvitation:
    quotas.count(request, "invitation", body.token)
    found = invitations.look(Acceptance(), body.token)
    return _body(found, found.status)


@router.post("/accept", summary="Accept an invitation", responses=responses(400, 409, 410, 413, 415, 422, 429, 503))
def accept_invitation(body: Accept, request: Request) -> OpenedInvitation:
    """Afterwards one signs in as usual. Sent again, with the answer lost or after a fault, it carries on, and changes
    nothing where it was done.
    """
    quotas.count(request, "invitation", body.token)
    asked = invitations.Acceptance(body.token, body.password, body.name)
    found = invitations.accept(Acceptance(), identities, asked, new_id(), request_id())
    return _body(found, "accepted")
