"""How much of the work a tenant may use, and what is paused: one document that operators change as a whole."""

from dataclasses import asdict
from datetime import datetime
from typing import Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from api.auth import OperatorUser
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IfMatch, IfNoneMatch, etag, unchanged
from api.models import Body
from api.paging import Cursor, Limit, ListBody, Paging
from api.routes.ops_jobs import Reason
from domain.limits import Limits, LimitsVersion
from domain.services import limits as service
from infra.database import operations
from infra.ids import new_id

router = APIRouter(prefix="/v1/ops/limits", tags=["operations"], route_class=StrictRoute)

_EXAMPLE = {
    "share": 0.5,
    "window": 8,
    "stages": {"generating": {"concurrency": 20, "paused": False}},
    "tenants": {"019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a10": {"share": 0.25, "window": 4}},
}


class ChangeLimits(Body):
    limits: Limits = Field(examples=[_EXAMPLE])
    reason: Reason = Field(examples=["The solver's release is rolled back."])


class LimitsBody(BaseModel):
    """`changed_by` is null for what was shipped."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    limits: Limits = Field(examples=[_EXAMPLE])
    reason: str
    changed_by: UUID | None
    changed_at: datetime

    @classmethod
    def of(cls, found: LimitsVersion) -> Self:
        return cls(**asdict(found))


class LimitsList(ListBody):
    items: list[LimitsBody]


def _respond(found: LimitsVersion) -> Response:
    headers = {"ETag": etag(found.version)}
    return Response(LimitsBody.of(found).model_dump_json(), 200, headers, "application/json")


@router.get(
    "",
    summary="The limits in force",
    response_model=LimitsBody,
    responses=responses(401, 403, 503) | {304: {"description": "Unchanged"}},
)
def get_limits(who: OperatorUser, known: IfNoneMatch) -> Response:
    with operations(who) as work:
        found = service.read(work)
    if unchanged(known, found.version):
        return Response(status_code=304, headers={"ETag": etag(found.version)})
    return _respond(found)


@router.put(
    "",
    summary="Put other limits in force",
    response_model=LimitsBody,
    responses=responses(400, 401, 403, 412, 413, 415, 422, 428, 503),
)
def change_limits(body: ChangeLimits, who: OperatorUser, revision: IfMatch) -> Response:
    """They act at once, on all that is published or begun from now on; no attempt of a job is counted for them."""
    with operations(who) as work:
        return _respond(service.change(work, revision, body.limits, body.reason, new_id()))


@router.get(
    "/history",
    summary="The limits as they were, newest first",
    response_model=LimitsList,
    responses=responses(400, 401, 403, 422, 503),
)
def list_limits(who: OperatorUser, limit: Limit = 50, cursor: Cursor = None) -> Response:
    paging = Paging("/v1/ops/limits/history", who, limit, cursor)
    with operations(who) as work:
        page = service.history(work, paging.window)
    return paging.respond(LimitsList, page, [LimitsBody.of(each) for each in page.items])
