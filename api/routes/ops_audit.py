"""The audit log of every tenant, for those who keep the service running."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.auth import OperatorUser
from api.bodies import StrictRoute
from api.errors import responses
from api.paging import ListBody, Paging
from api.routes.audit import AuditBody, AuditQuery
from domain.audit import AuditEntry
from domain.services import audit
from infra.database import operations

router = APIRouter(prefix="/v1/ops", tags=["operations"], route_class=StrictRoute)


class OpsAuditQuery(AuditQuery):
    tenant_id: UUID | None = Field(None, description="Of this tenant alone.")


class OpsAuditBody(AuditBody):
    """`tenant_id` is null for what staff did to nothing of a tenant's. `actor_name` is null: names stay inside."""

    tenant_id: UUID | None

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        return cls(tenant_id=entry.row.tenant_id, **AuditBody.of(entry).model_dump())


class OpsAuditList(ListBody):
    items: list[OpsAuditBody]


@router.get(
    "/audit",
    summary="The audit log of every tenant, newest first",
    response_model=OpsAuditList,
    responses=responses(400, 401, 403, 422, 503),
)
def list_ops_audit(who: OperatorUser, wanted: Annotated[OpsAuditQuery, Query()]) -> Response:
    """Each read of it is a row of it: in the log of the tenant that was asked for."""
    paging = Paging("/v1/ops/audit", who, wanted.limit, wanted.cursor, wanted.given())
    with operations(who) as work:
        page = audit.of_every_tenant(work, paging.window, wanted.filter())
    return paging.respond(OpsAuditList, page, [OpsAuditBody.of(entry) for entry in page.items])
