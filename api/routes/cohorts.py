"""Who of the business a filter means, and filters under a name."""

import hashlib
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IdempotencyKey, IfMatch, etag
from api.models import Body
from api.paging import Cursor, Limit, ListBody, Paging
from api.routes.members import MemberBody, member_body
from domain.cohort_groups import CohortQuery, Group, Tally
from domain.cohorts import Filter, Found, SavedFilter, View
from domain.services import cohorts
from infra.database import unit_of_work
from infra.ids import new_id

router = APIRouter(prefix="/v1/business", tags=["cohorts"], route_class=StrictRoute)

_QUERY, _VIEWS = "/v1/business/members/query", "/v1/business/views"
_CHANGE = responses(400, 401, 403, 404, 412, 413, 415, 422, 428, 429, 503)


class Query(Body):
    filter: Filter = Field(examples=[{"role": ["member"], "adherence_below": 50}])


class FoundBody(MemberBody):
    """`completion` and `adherence` in percent of the program under way; null without one, or before anything is due."""

    external_id: str | None
    program_status: str | None
    completion: int | None
    adherence: int | None
    last_activity_at: datetime | None


class FoundList(ListBody):
    items: list[FoundBody]


class CohortQuestion(CohortQuery, Body):
    """See CohortQuery."""


class Mean(BaseModel):
    """The mean over `people`, those who have a value."""

    suppressed: bool = False
    people: int | None
    percent: int | None


class ChangeBody(BaseModel):
    """`people`: with two values to compare. `better` and `worse` by at least the smallest change that matters."""

    template: str
    scale: str
    suppressed: bool
    people: int | None
    better: int | None
    same: int | None
    worse: int | None


class GroupBody(BaseModel):
    """`key` is null for members who have none, and for the total."""

    key: str | None
    suppressed: bool
    people: int | None
    completion: Mean
    adherence: Mean
    changes: list[ChangeBody]


class CohortBody(BaseModel):
    """In the order of their keys."""

    groups: list[GroupBody]
    total: GroupBody


class WantedView(Body):
    name: Annotated[str, Field(min_length=1, max_length=100)] = Field(examples=["Falling behind"])
    filter: SavedFilter = Field(examples=[{"program_status": ["active"], "adherence_below": 50}])


class ViewBody(BaseModel):
    id: UUID
    name: str
    filter: dict[str, Any]
    created_by: UUID
    revision: int
    created_at: datetime
    updated_at: datetime
    links: dict[str, str]


class ViewList(BaseModel):
    """At most fifty, oldest first."""

    items: list[ViewBody]


def _found(found: Found) -> FoundBody:
    names = FoundBody.model_fields.keys() - MemberBody.model_fields.keys()
    values = member_body(found.member).model_dump() | {name: getattr(found, name) for name in names}
    return FoundBody.model_validate(values)


def _view(view: View) -> ViewBody:
    values = {name: getattr(view, name) for name in ViewBody.model_fields.keys() - {"filter", "links"}}
    shown = view.filter.model_dump(mode="json", exclude_none=True)
    return ViewBody.model_validate(values | {"filter": shown, "links": {"self": f"{_VIEWS}/{view.id}"}})


def _respond(view: View, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    usual = {"ETag": etag(view.revision), "Cache-Control": "no-store"}
    return Response(_view(view).model_dump_json(), status, usual | (headers or {}), "application/json")


@router.post(
    "/members/query",
    summary="Members whom a filter means",
    response_model=FoundList,
    responses=responses(400, 401, 403, 413, 415, 422, 429, 503),
)
def query_members(body: Query, user: TenantUser, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """In the order in which they came. Go on with the same filter and `next` as `cursor`."""
    hashed = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    paging = Paging(_QUERY, user, limit, cursor, of=hashed)
    with unit_of_work(user) as uow:
        page = uow.cohorts.page(paging.window, body.filter)
    return paging.respond(FoundList, page, [_found(each) for each in page.items])


def _mean(tally: Tally | None) -> Mean:
    if tally is None:
        return Mean(suppressed=True, people=None, percent=None)
    return Mean(people=tally.known, percent=round(tally.parts[0] / tally.known) if tally.known else None)


def _group(group: Group, query: CohortQuery) -> GroupBody:
    completion, adherence, *judged = group.tallies or (Tally(0, (0,)),) * 2
    changes = []
    for scale, tally in zip(query.changes, judged or [Tally(0, (0, 0, 0))] * len(query.changes), strict=True):
        better, same, worse = (None, None, None) if tally is None else tally.parts
        changes.append(
            ChangeBody(
                template=scale.template, scale=scale.scale, suppressed=tally is None,
                people=None if tally is None else tally.known, better=better, same=same, worse=worse,
            )
        )  # fmt: skip
    return GroupBody(
        key=group.key, suppressed=group.people is None, people=group.people, completion=_mean(completion),
        adherence=_mean(adherence), changes=changes,
    )  # fmt: skip


@router.post(
    "/cohorts/query",
    summary="How groups of members do",
    responses=responses(400, 401, 403, 413, 415, 422, 429, 503),
)
def query_cohorts(body: CohortQuestion, user: TenantUser) -> CohortBody:
    """Nothing that tells of fewer than five people, by itself or by subtraction."""
    with unit_of_work(user) as uow:
        groups, total = cohorts.compare(uow, body)
    return CohortBody(groups=[_group(each, body) for each in groups], total=_group(total, body))


@router.post(
    "/views",
    summary="Keep a filter under a name",
    status_code=201,
    response_model=ViewBody,
    responses=responses(400, 401, 403, 409, 413, 415, 422, 429, 503),
)
def create_view(body: WantedView, user: TenantUser, key: IdempotencyKey) -> Response:
    """For all who care for the members. Prefixes of names and addresses are not kept."""
    hashed = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    with unit_of_work(user) as uow:
        view, replayed = cohorts.save(uow, new_id(), body.name, body.filter, key, hashed)
    again = {"Idempotent-Replayed": "true"} if replayed else {}
    return _respond(view, 201, {"Location": f"{_VIEWS}/{view.id}"} | again)


@router.get("/views", summary="Filters under a name", responses=responses(401, 403, 429, 503))
def list_views(user: TenantUser) -> ViewList:
    with unit_of_work(user) as uow:
        return ViewList(items=[_view(each) for each in uow.cohorts.views()])


@router.get(
    "/views/{view_id}",
    summary="One filter under a name",
    response_model=ViewBody,
    responses=responses(401, 403, 404, 429, 503),
)
def get_view(view_id: UUID, user: TenantUser) -> Response:
    with unit_of_work(user) as uow:
        return _respond(uow.cohorts.read_view(view_id))


@router.put("/views/{view_id}", summary="Change a filter under a name", response_model=ViewBody, responses=_CHANGE)
def change_view(view_id: UUID, body: WantedView, user: TenantUser, revision: IfMatch) -> Response:
    with unit_of_work(user) as uow:
        return _respond(uow.cohorts.change_view(view_id, revision, body.name, body.filter))


@router.delete(
    "/views/{view_id}",
    summary="Delete a filter under a name",
    status_code=204,
    responses=responses(401, 403, 404, 412, 428, 429, 503),
)
def delete_view(view_id: UUID, user: TenantUser, revision: IfMatch) -> Response:
    with unit_of_work(user) as uow:
        uow.cohorts.delete_view(view_id, revision)
    return Response(status_code=204)
