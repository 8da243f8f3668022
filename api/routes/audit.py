"""Who did, or read, what of whom: for those who run a business, and for everybody about themselves."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.paging import MOST_ITEMS, Cursor, Limit, ListBody, Paging
from domain.audit import AuditEntry, AuditFilter
from domain.services import audit
from infra.database import unit_of_work

router = APIRouter(prefix="/v1", tags=["audit"], route_class=StrictRoute)

_Word = Annotated[str, Field(pattern=r"^[a-z_.]{1,60}$")]
_RequestId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


_PLACE = {"limit", "cursor"}


class AuditQuery(BaseModel):
    """All that is given must hold."""

    limit: Annotated[int, Field(ge=1, le=MOST_ITEMS, description="Most items of one answer.")] = 50
    cursor: Annotated[str | None, Field(max_length=400, description="`next` or `prev` of an earlier answer.")] = None

    actor_id: UUID | None = Field(None, description="Who did it.")
    subject_user_id: UUID | None = Field(None, description="Whose record it was.")
    action: _Word | None = Field(None, description="Such as `assessment.read`.")
    subject_type: _Word | None = Field(None, description="Such as `assessment`.")
    subject_id: UUID | None = Field(None, description="Which record it was.")
    request_id: _RequestId | None = Field(None, description="X-Request-ID of the request that did it.")
    since: AwareDatetime | None = Field(None, alias="from", description="At this time or later.")
    until: AwareDatetime | None = Field(None, alias="to", description="Before this time.")

    def filter(self) -> AuditFilter:
        return AuditFilter(**self.model_dump(exclude=_PLACE))

    def given(self) -> dict[str, str]:
        """As they stand in the address."""
        shown = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_PLACE)
        return {name: str(value) for name, value in shown.items()}


class AuditBody(BaseModel):
    """`actor_id` is null for FFP's own workers, `subject_user_id` where it was nobody's record. `actor_name` is null
    where the actor is not, or no longer, of this business, and for members, who do not see its directory. No health
    data: ids, and what was done.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 4711,
                    "at": "2026-11-22T12:00:00Z",
                    "actor_id": "019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a10",
                    "actor_role": "clinician",
                    "actor_name": "Dana Reyes",
                    "action": "assessment.read",
                    "subject_type": "assessment",
                    "subject_id": "019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a11",
                    "subject_user_id": "019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a12",
                    "request_id": "019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a13",
                }
            ]
        }
    )

    id: int
    at: datetime
    actor_id: UUID | None
    actor_role: str
    actor_name: str | None
    action: str
    subject_type: str
    subject_id: UUID
    subject_user_id: UUID | None
    request_id: str | None

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        row = entry.row
        return cls(
            id=row.id,
            at=row.at,
            actor_id=row.actor_id,
            actor_role=row.actor_role,
            actor_name=entry.actor_name,
            action=row.action,
            subject_type=row.subject_type,
            subject_id=row.subject_id,
            subject_user_id=row.subject_user_id,
            request_id=row.request_id,
        )


class AuditList(ListBody):
    items: list[AuditBody]


@router.get(
    "/business/audit",
    summary="The audit log of the business, newest first",
    response_model=AuditList,
    responses=responses(400, 401, 403, 422, 503),
)
def list_audit(user: TenantUser, wanted: Annotated[AuditQuery, Query()]) -> Response:
    """For those who run the business: every change, and every read of another person's record."""
    paging = Paging("/v1/business/audit", user, wanted.limit, wanted.cursor, wanted.given())
    with unit_of_work(user) as uow:
        page = audit.of_tenant(uow, paging.window, wanted.filter())
    return paging.respond(AuditList, page, [AuditBody.of(entry) for entry in page.items])


@router.get(
    "/me/audit",
    summary="Who has read or changed one's own records, newest first",
    response_model=AuditList,
    responses=responses(400, 401, 403, 422, 503),
)
def list_my_audit(user: TenantUser, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """What other people did; what one did oneself is not in it, nor what FFP's own workers computed."""
    paging = Paging("/v1/me/audit", user, limit, cursor)
    with unit_of_work(user) as uow:
        page = audit.about_me(uow, paging.window)
    return paging.respond(AuditList, page, [AuditBody.of(entry) for entry in page.items])
