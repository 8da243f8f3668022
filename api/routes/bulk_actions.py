"""Bulk actions: see what one would do, order it, follow it, hold it, and what became of each member."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.bulk_actions import (
    BulkActionBody,
    MemberOutcome,
    NewBulkAction,
    PreviewBody,
    action_response,
    body_of,
    headers_of,
    outcome_body,
    preview_body,
)
from api.context import request_id
from api.errors import HttpProblem, responses
from api.headers import IfNoneMatch, LastEventId, OptionalIdempotencyKey, unchanged
from api.models import JobBody
from api.paging import Cursor, Limit, ListBody, Paging
from api.routes.jobs import job_response
from api.streams import STREAM, Event, Streams
from domain.bulk_actions.model import FINAL, BulkAction, MemberStatus, Order
from domain.cohorts import Filter
from domain.jobs import Job
from domain.services import bulk_actions
from domain.tenancy import Context
from infra import files
from infra.database import unit_of_work
from infra.ids import new_id
from infra.listener import Change
from infra.publishing import publish_all
from infra.units import UnitOfWork

router = APIRouter(prefix="/v1/business/bulk-actions", tags=["bulk actions"], route_class=StrictRoute)

_PATH = "/v1/business/bulk-actions"
_CHANGES = responses(401, 403, 404, 409, 429, 503)
_SETTLED = FINAL | {"paused"}
_ORDERED: dict[int | str, dict[str, Any]] = {
    200: {"model": PreviewBody, "description": "A dry run: nothing was done"},
    202: {"model": BulkActionBody, "description": "Ordered, or what this key has ordered before"},
}
Step = Callable[[UnitOfWork], tuple[BulkAction, Job | None]]


class BulkActionList(ListBody):
    items: list[BulkActionBody]


class OutcomeList(ListBody):
    items: list[MemberOutcome]


class FileLink(BaseModel):
    """An address that works for five minutes, for whoever has it."""

    url: str


class ActionResultLinks(BaseModel):
    """Addresses that work for five minutes, for whoever has them."""

    csv: str
    xlsx: str


@router.post(
    "",
    summary="Do something for many members, or see what that would do",
    responses=responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503) | _ORDERED,
    response_class=Response,
)
def create_bulk_action(body: NewBulkAction, user: TenantUser, key: OptionalIdempotencyKey) -> Response:
    """A dry run answers at once and changes nothing. Else for whom it is, is fixed now, and 202: follow Location. 412
    where the filter does not mean `expected_count` members any more. One runs at a time, with imports; others wait.
    """
    if not body.dry_run and key is None:
        raise HttpProblem("idempotency_key_missing")
    with unit_of_work(user) as uow:
        if body.dry_run or key is None:
            order = _order(uow, body)
            shown = preview_body(order, bulk_actions.preview(uow, order, datetime.now(UTC)))
            return Response(shown.model_dump_json(), 200, {"Cache-Control": "no-store"}, "application/json")
        found, job, replayed = bulk_actions.create(
            uow, lambda: _order(uow, body), key, body.hash(), request_id(), new_id
        )
    publish_all(user, [job] if job is not None else [])
    again = {"Idempotent-Replayed": "true"} if replayed else {}
    return action_response(found, 202, {"Location": f"{_PATH}/{found.id}"} | again)


def _order(uow: UnitOfWork, body: NewBulkAction) -> Order:
    return body.order(bulk_actions.filter_of(uow, body.view_id) if body.view_id else body.filter or Filter())


@router.get(
    "",
    summary="Bulk actions, newest first",
    response_model=BulkActionList,
    responses=responses(400, 401, 403, 422, 429, 503),
)
def list_bulk_actions(user: TenantUser, limit: Limit = 50, cursor: Cursor = None) -> Response:
    paging = Paging(_PATH, user, limit, cursor)
    with unit_of_work(user) as uow:
        page = uow.bulk_actions.page(paging.window)
    return paging.respond(BulkActionList, page, [body_of(each) for each in page.items])


@router.get(
    "/{action_id}",
    summary="How a bulk action is doing",
    response_model=BulkActionBody,
    responses=responses(401, 403, 404, 429, 503) | {304: {"description": "Not changed since the given ETag"}},
)
def get_bulk_action(action_id: UUID, user: TenantUser, known: IfNoneMatch) -> Response:
    found = _read(user, action_id)
    if unchanged(known, found.revision):
        return Response(status_code=304, headers=headers_of(found))
    return action_response(found)


def _read(user: Context, action_id: UUID) -> BulkAction:
    with unit_of_work(user) as uow:
        return uow.bulk_actions.read(action_id)


def _taken(user: Context, step: Step) -> Response:
    with unit_of_work(user) as uow:
        found, job = step(uow)
    publish_all(user, [job] if job is not None else [])
    return action_response(found)


@router.post("/{action_id}/pause", summary="Hold a bulk action", response_model=BulkActionBody, responses=_CHANGES)
def pause_bulk_action(action_id: UUID, user: TenantUser) -> Response:
    """What is being worked on is stopped before it is stored. Whatever waits runs meanwhile."""
    return _taken(user, lambda uow: bulk_actions.pause(uow, action_id, new_id))


@router.post(
    "/{action_id}/resume", summary="Go on with a bulk action", response_model=BulkActionBody, responses=_CHANGES
)
def resume_bulk_action(action_id: UUID, user: TenantUser) -> Response:
    """Where it was held, for the members who are left."""
    return _taken(user, lambda uow: bulk_actions.resume(uow, action_id, new_id))


@router.post(
    "/{action_id}/cancel", summary="End a bulk action early", response_model=BulkActionBody, responses=_CHANGES
)
def cancel_bulk_action(action_id: UUID, user: TenantUser) -> Response:
    """What has been done stays done."""
    return _taken(user, lambda uow: bulk_actions.cancel(uow, action_id, new_id))


@router.get(
    "/{action_id}/events",
    summary="Follow a bulk action",
    response_class=Response,
    responses=responses(401, 403, 404, 429, 503) | STREAM | {204: {"description": "It has ended, as you know"}},
)
async def follow_bulk_action(action_id: UUID, request: Request, user: TenantUser, known: LastEventId) -> Response:
    """Server-sent events named `bulk_action`: as it is, and again whenever it changes, until it is held or has ended.
    An event's id is its revision, for Last-Event-ID.
    """
    found = await run_in_threadpool(_read, user, action_id)
    if found.status in _SETTLED and known == str(found.revision):
        return Response(status_code=204)

    async def look(_: frozenset[Change] | None) -> list[Event]:
        nonlocal known
        found = await run_in_threadpool(_read, user, action_id)
        if known == str(found.revision):
            return []
        known = str(found.revision)
        return [Event(known, "bulk_action", body_of(found).model_dump_json(), last=found.status in _SETTLED)]

    streams: Streams = request.app.state.streams
    return streams.respond(action_id, user, look)


@router.get(
    "/{action_id}/members",
    summary="What became of each member",
    response_model=OutcomeList,
    responses=responses(400, 401, 403, 404, 422, 429, 503),
)
def list_bulk_action_members(
    action_id: UUID, user: TenantUser, status: MemberStatus | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """In the order in which they are worked on. Kept for 30 days."""
    paging = Paging(f"{_PATH}/{action_id}/members", user, limit, cursor, {"status": status} if status else None)
    with unit_of_work(user) as uow:
        uow.bulk_actions.read(action_id)
        page = uow.bulk_actions.members(action_id, paging.window, status)
    return paging.respond(OutcomeList, page, [outcome_body(each) for each in page.items])


@router.post(
    "/{action_id}/results",
    summary="Have a file made of what became of each member",
    status_code=202,
    response_model=JobBody,
    responses=_CHANGES,
)
def request_bulk_action_results(action_id: UUID, user: TenantUser) -> Response:
    """While one is being made, it is that one."""
    with unit_of_work(user) as uow:
        job = bulk_actions.results(uow, action_id, new_id)
    publish_all(user, [job])
    return job_response(job, 202, {"Location": f"/v1/jobs/{job.id}", "Cache-Control": "no-store"})


@router.get("/{action_id}/results", summary="Where to download that file", responses=_CHANGES)
def get_bulk_action_results(action_id: UUID, user: TenantUser, response: Response) -> ActionResultLinks:
    """409 before it has been asked for and made. Kept for a week."""
    with unit_of_work(user) as uow:
        bulk_actions.collected(uow, action_id)
    response.headers["Cache-Control"] = "no-store"
    return ActionResultLinks(csv=_link(user, action_id, "results.csv"), xlsx=_link(user, action_id, "results.xlsx"))


@router.get("/{action_id}/file", summary="Where to download an export", responses=_CHANGES)
def get_bulk_action_file(action_id: UUID, user: TenantUser, response: Response) -> FileLink:
    """Of the members of an `export`, as they were when it was made. Kept for a week."""
    with unit_of_work(user) as uow:
        found = bulk_actions.exported(uow, action_id)
    response.headers["Cache-Control"] = "no-store"
    return FileLink(url=_link(user, action_id, f"members.{found.options.format}"))


def _link(user: Context, action_id: UUID, name: str) -> str:
    return files.link(files.results_key(user.tenant_id, action_id, name), name)
