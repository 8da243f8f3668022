"""The people of a business: who they are, what they may do, and whether they still may."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IfMatch, IfNoneMatch, etag, unchanged
from api.models import Body
from api.paging import Cursor, Limit, ListBody, Paging
from domain.members import Assignable, Member, MemberStatus
from domain.services import members
from domain.services.members import Changed
from domain.tenancy import Context
from infra import standing
from infra.database import unit_of_work
from infra.publishing import publish_all

router = APIRouter(prefix="/v1/business", tags=["business"], route_class=StrictRoute)

_CHANGE = responses(400, 401, 403, 404, 409, 412, 428, 429, 503)
_CHANGE_WITH_BODY = responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 503)


class MemberBody(BaseModel):
    """`name` is empty where nobody has given one. `parent_business_id`: who invited them, null for the first owner."""

    id: UUID
    email: str
    name: str
    role: str
    status: MemberStatus
    parent_business_id: UUID | None
    created_at: datetime
    revision: int
    links: dict[str, str]


class MemberList(ListBody):
    items: list[MemberBody]


class ChangeMember(Body):
    role: Assignable = Field(description="Owner only by a transfer.", examples=["clinician"])


class Transfer(Body):
    user_id: UUID = Field(
        description="Who becomes the owner: somebody who is active here.",
        examples=["019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a10"],
    )


def member_body(member: Member) -> MemberBody:
    return MemberBody(
        id=member.id,
        email=member.email,
        name=member.name,
        role=member.role,
        status=member.status,
        parent_business_id=member.parent_business_id,
        created_at=member.created_at,
        revision=member.revision,
        links={"self": f"/v1/business/members/{member.id}"},
    )


def _respond(member: Member) -> Response:
    headers = {"ETag": etag(member.revision), "Cache-Control": "no-store"}
    return Response(member_body(member).model_dump_json(), headers=headers, media_type="application/json")


def _after(user: Context, changed: Changed) -> Response:
    """Once it is committed: tell who is concerned, and the user pool, each as well as it can be done."""
    publish_all(user, changed.jobs)
    standing.reflect(changed.member)
    return _respond(changed.member)


@router.get(
    "/members",
    summary="The people of the business, in the order in which they came",
    response_model=MemberList,
    responses=responses(400, 401, 403, 422, 429, 503),
)
def list_members(
    user: TenantUser,
    role: Annotated[str | None, Query(pattern=r"^[a-z_]{1,32}$")] = None,
    status: MemberStatus | None = None,
    search: Annotated[str | None, Query(min_length=1, max_length=100, description="Part of a name or address.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """For clinicians and those who run the business."""
    filters = {"role": role, "status": status, "search": search}
    given = {name: value for name, value in filters.items() if value is not None}
    paging = Paging("/v1/business/members", user, limit, cursor, given)
    with unit_of_work(user) as uow:
        page = uow.members.page(paging.window, role=role, status=status, search=search)
    return paging.respond(MemberList, page, [member_body(each) for each in page.items])


@router.get(
    "/members/{user_id}",
    summary="One person of the business",
    response_model=MemberBody,
    responses=responses(401, 403, 404, 429, 503) | {304: {"description": "Not changed since the given ETag"}},
)
def get_member(user_id: UUID, user: TenantUser, known: IfNoneMatch) -> Response:
    with unit_of_work(user) as uow:
        member = uow.members.read(user_id)
    if unchanged(known, member.revision):
        return Response(status_code=304, headers={"ETag": etag(member.revision), "Cache-Control": "no-store"})
    return _respond(member)


@router.patch("/members/{user_id}", summary="Change a role", response_model=MemberBody, responses=_CHANGE_WITH_BODY)
def change_member(user_id: UUID, body: ChangeMember, user: TenantUser, revision: IfMatch) -> Response:
    """For those who run the business; an owner's role is an owner's to change, and nobody promotes themselves. It
    holds from the person's next request.
    """
    with unit_of_work(user) as uow:
        changed = members.change_role(uow, user_id, revision, body.role)
    return _after(user, changed)


@router.post("/members/{user_id}/suspend", summary="Suspend a member", response_model=MemberBody, responses=_CHANGE)
def suspend_member(user_id: UUID, user: TenantUser, revision: IfMatch) -> Response:
    """They cannot do anything here from their next request on, until somebody reactivates them. Their open invitations
    are revoked.
    """
    with unit_of_work(user) as uow:
        changed = members.suspend(uow, user_id, revision)
    return _after(user, changed)


@router.post("/members/{user_id}/reactivate", summary="End a suspension", response_model=MemberBody, responses=_CHANGE)
def reactivate_member(user_id: UUID, user: TenantUser, revision: IfMatch) -> Response:
    with unit_of_work(user) as uow:
        changed = members.reactivate(uow, user_id, revision)
    return _after(user, changed)


@router.post("/members/{user_id}/remove", summary="Remove a member", response_model=MemberBody, responses=_CHANGE)
def remove_member(user_id: UUID, user: TenantUser, revision: IfMatch) -> Response:
    """They see nothing from their next request on. Their records stay with the business for as long as it has to keep
    them; invited again, they find them again.
    """
    with unit_of_work(user) as uow:
        changed = members.remove(uow, user_id, revision)
    return _after(user, changed)


@router.post("/transfer", summary="Transfer the ownership", response_model=MemberBody, responses=_CHANGE_WITH_BODY)
def transfer_ownership(body: Transfer, user: TenantUser, revision: IfMatch) -> Response:
    """If-Match is the ETag of who becomes the owner. Whoever was it becomes an administrator, in the same moment."""
    with unit_of_work(user) as uow:
        changed = members.transfer(uow, body.user_id, revision)
    return _after(user, changed)
