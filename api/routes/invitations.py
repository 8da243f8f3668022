"""Invite people to a business."""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IdempotencyKey
from api.models import Body
from api.paging import Cursor, Limit, ListBody, Paging
from api.people import Name, NewEmail
from domain.accounts import normalised
from domain.members import Assignable, Invitation, InvitationStatus, Wanted
from domain.services import invitations
from infra import throttle
from infra.database import unit_of_work
from infra.ids import new_id
from infra.publishing import publish_all

router = APIRouter(prefix="/v1/business/invitations", tags=["business"], route_class=StrictRoute)

_MOST = 100
# Another e-mail to one address: three at once, one more each 20 minutes.
_RESEND = throttle.Quota(3, 3600)


class NewInvitation(Body):
    email: NewEmail
    role: Assignable = Field(examples=["member"])
    name: Annotated[Name | None, Field(examples=["Ana Lima"])] = None


class Invite(Body):
    invitations: list[NewInvitation] = Field(
        min_length=1,
        max_length=_MOST,
        examples=[[{"email": "ana@harbour.example", "role": "member", "name": "Ana Lima"}]],
    )

    def wanted(self) -> list[Wanted]:
        return [Wanted(normalised(each.email), each.role, each.name or "") for each in self.invitations]


class InvitationResult(BaseModel):
    """`outcome`: `invited`; `already_invited`, with the invitation that is open; `already_member`, with none."""

    email: str
    outcome: invitations.Outcome
    invitation_id: UUID | None
    expires_at: datetime | None


class InvitationResults(BaseModel):
    """In the order of the request."""

    results: list[InvitationResult]


class InvitationBody(BaseModel):
    """`user_id`: who has accepted. `expired` ones can be sent again; what was accepted or revoked is final."""

    id: UUID
    email: str
    name: str
    role: str
    status: InvitationStatus
    invited_by: UUID
    user_id: UUID | None
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    links: dict[str, str]


class InvitationList(ListBody):
    items: list[InvitationBody]


def _body(invitation: Invitation) -> InvitationBody:
    return InvitationBody(
        id=invitation.id,
        email=invitation.email,
        name=invitation.name,
        role=invitation.role,
        status=invitation.status,
        invited_by=invitation.invited_by,
        user_id=invitation.user_id,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
        decided_at=invitation.decided_at,
        links={"self": f"/v1/business/invitations/{invitation.id}"},
    )


@router.post(
    "",
    summary="Invite one or many by e-mail",
    status_code=201,
    responses=responses(400, 401, 403, 409, 413, 415, 422, 429, 503),
)
def invite_members(body: Invite, user: TenantUser, key: IdempotencyKey, response: Response) -> InvitationResults:
    """Each by itself: `results` says what became of each. Those who run the business invite to every role but owner,
    clinicians invite members. The link is in the e-mail only, and works for as many days as the business has chosen.
    """
    hashed = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    with unit_of_work(user) as uow:
        asked = invitations.invite(uow, body.wanted(), key, hashed, datetime.now(UTC), new_id)
    publish_all(user, asked.jobs)
    if asked.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return InvitationResults.model_validate(asked, from_attributes=True)


@router.get(
    "",
    summary="Invitations, newest first",
    response_model=InvitationList,
    responses=responses(400, 401, 403, 422, 429, 503),
)
def list_invitations(
    user: TenantUser,
    role: Literal["business_admin", "clinician", "member"] | None = None,
    status: InvitationStatus | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    filters = {"role": role, "status": status}
    given: dict[str, str] = {name: value for name, value in filters.items() if value is not None}
    paging = Paging("/v1/business/invitations", user, limit, cursor, given)
    with unit_of_work(user) as uow:
        page = uow.invitations.page(paging.window, role=role, status=status)
    return paging.respond(InvitationList, page, [_body(each) for each in page.items])


@router.get("/{invitation_id}", summary="One invitation", responses=responses(401, 403, 404, 429, 503))
def get_invitation(invitation_id: UUID, user: TenantUser) -> InvitationBody:
    with unit_of_work(user) as uow:
        return _body(uow.invitations.read(invitation_id))


@router.post(
    "/{invitation_id}/resend",
    summary="Send an invitation again",
    responses=responses(401, 403, 404, 409, 429, 503),
)
def resend_invitation(invitation_id: UUID, user: TenantUser) -> InvitationBody:
    """With the full time again, also where it had expired. At most three at once."""
    throttle.take("invitation-resend", f"{user.tenant_id} {invitation_id}", _RESEND)
    with unit_of_work(user) as uow:
        invitation, job = invitations.resend(uow, invitation_id)
    publish_all(user, [job])
    return _body(invitation)


@router.post(
    "/{invitation_id}/revoke",
    summary="Revoke an invitation",
    responses=responses(401, 403, 404, 409, 429, 503),
)
def revoke_invitation(invitation_id: UUID, user: TenantUser) -> InvitationBody:
    """No link of it works from now on. Again: nothing happens."""
    with unit_of_work(user) as uow:
        return _body(invitations.revoke(uow, invitation_id))
