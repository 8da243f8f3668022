"""What who runs a business does for its people: a copy of their data, and the way back from an erasure."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.exports import Download, ExportBody, download_of, export_body, requested
from api.headers import IdempotencyKey
from api.models import JobBody
from domain.services import erasure, exports
from infra import tracing
from infra.database import unit_of_work
from infra.ids import new_id

router = APIRouter(prefix="/v1/business/members/{user_id}", tags=["business"], route_class=StrictRoute)


@router.post(
    "/exports",
    summary="Have a copy of a member's data made",
    status_code=202,
    response_model=JobBody,
    responses=responses(400, 401, 403, 404, 409, 422, 503),
)
def request_member_export(user_id: UUID, user: TenantUser, key: IdempotencyKey) -> Response:
    """At the member's request, whether they still are one or not. It is on record, for the member to see."""
    with unit_of_work(user) as uow:
        job, replayed = exports.request(uow, new_id(), key, user_id, tracing.current())
    return requested(user, job, replayed=replayed)


@router.get("/exports/{export_id}", summary="An export that one asked for", responses=responses(401, 403, 404, 503))
def get_member_export(user_id: UUID, export_id: UUID, user: TenantUser) -> ExportBody:
    with unit_of_work(user) as uow:
        return export_body(uow.exports.read(user_id, export_id), f"/v1/business/members/{user_id}")


@router.get(
    "/exports/{export_id}/download",
    summary="Where to download it",
    responses=responses(401, 403, 404, 409, 410, 503),
)
def download_member_export(user_id: UUID, export_id: UUID, user: TenantUser, response: Response) -> Download:
    """An address that works for five minutes, for whoever has it."""
    with unit_of_work(user) as uow:
        export = exports.downloadable(uow, user_id, export_id)
    response.headers["Cache-Control"] = "no-store"
    return download_of(user.tenant_id, export)


@router.post(
    "/restore",
    summary="Take back a member's erasure",
    status_code=204,
    responses=responses(401, 403, 404, 503),
)
def restore_member(user_id: UUID, user: TenantUser) -> None:
    """Until it is carried out. 404 where none is under way."""
    with unit_of_work(user) as uow:
        erasure.restore(uow, user_id)
