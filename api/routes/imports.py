"""Imports: start one, see what it would do, run it, hold it, take it back."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.context import request_id
from api.errors import responses
from api.headers import IdempotencyKey, IfMatch, IfNoneMatch, LastEventId, unchanged
from api.imports import (
    CreatedImport,
    ImportBody,
    ImportDetail,
    NewImport,
    fields_of,
    headers_of,
    import_response,
    row_body,
)
from api.paging import Cursor, Limit, ListBody, Paging
from api.streams import STREAM, Event, Streams
from domain.imports import states
from domain.imports.model import Import
from domain.jobs import Job
from domain.services import imports
from domain.tenancy import Context
from infra import files
from infra.database import unit_of_work
from infra.ids import new_id
from infra.listener import Change
from infra.publishing import publish_all
from infra.units import UnitOfWork

router = APIRouter(prefix="/v1/imports", tags=["imports"], route_class=StrictRoute)

_CHANGES = responses(401, 403, 404, 409, 429, 503)
Step = Callable[[UnitOfWork], tuple[Import, Job | None]]


class ImportList(ListBody):
    items: list[ImportBody]


def taken(user: Context, step: Step, status: int = 200) -> Response:
    """Do a step, publish what follows from it, and show the import."""
    with unit_of_work(user) as uow:
        found, job = step(uow)
    publish_all(user, [job] if job is not None else [])
    return import_response(found, status)


@router.post(
    "",
    summary="Start an import",
    status_code=201,
    response_model=CreatedImport,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
)
def create_import(body: NewImport, user: TenantUser, key: IdempotencyKey) -> Response:
    """It waits for its file: upload it with `upload` and call `validate`, or send it to `content`."""
    order = imports.Order(body.kind, body.mode, body.on_duplicate, body.options())
    hashed = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    with unit_of_work(user) as uow:
        found, replayed = imports.create(uow, order, new_id(), key, hashed, request_id())
    form = files.upload_form(files.source_key(user.tenant_id, found.id))
    upload = form | {"expires_at": datetime.now(UTC) + timedelta(seconds=files.UPLOAD_S)}
    made = CreatedImport.model_validate(fields_of(found) | {"upload": upload})
    headers = headers_of(found) | {"Location": f"/v1/imports/{found.id}", "Cache-Control": "no-store"}
    again = {"Idempotent-Replayed": "true"} if replayed else {}
    return Response(made.model_dump_json(), 201, headers | again, "application/json")


@router.get(
    "", summary="Imports, newest first", response_model=ImportList, responses=responses(400, 401, 403, 422, 429, 503)
)
def list_imports(user: TenantUser, limit: Limit = 50, cursor: Cursor = None) -> Response:
    paging = Paging("/v1/imports", user, limit, cursor)
    with unit_of_work(user) as uow:
        page = uow.imports.page(paging.window)
    return paging.respond(ImportList, page, [ImportBody.model_validate(fields_of(each)) for each in page.items])


@router.get(
    "/{import_id}",
    summary="How an import is doing",
    response_model=ImportDetail,
    responses=responses(401, 403, 404, 429, 503) | {304: {"description": "Not changed since the given ETag"}},
)
def get_import(import_id: UUID, user: TenantUser, known: IfNoneMatch) -> Response:
    """Its report, its progress, and a sample of its rows; none while they are being worked on, for who follows that."""
    with unit_of_work(user) as uow:
        found = uow.imports.read(import_id)
        if unchanged(known, found.revision):
            return Response(status_code=304, headers=headers_of(found))
        sample = uow.imports.sample(import_id) if found.validated_at is not None and _settled(found) else []
    rows = [row_body(found.columns, each) for each in sample]
    body = ImportDetail.model_validate(fields_of(found) | {"sample": rows})
    return Response(body.model_dump_json(), 200, headers_of(found), "application/json")


@router.post(
    "/{import_id}/confirm",
    summary="Run what the report shows",
    response_model=ImportBody,
    responses=responses(401, 403, 404, 409, 412, 428, 429, 503),
)
def confirm_import(import_id: UUID, user: TenantUser, revision: IfMatch) -> Response:
    """One runs at a time; `waiting` while another does. With the ETag of the report that you have seen."""
    return taken(user, lambda uow: imports.confirm(uow, import_id, revision, new_id))


@router.post("/{import_id}/pause", summary="Hold an import", response_model=ImportBody, responses=_CHANGES)
def pause_import(import_id: UUID, user: TenantUser) -> Response:
    """What is being worked on is stopped before it is stored. Another import may run meanwhile."""
    return taken(user, lambda uow: imports.pause(uow, import_id, new_id))


@router.post("/{import_id}/resume", summary="Go on with an import", response_model=ImportBody, responses=_CHANGES)
def resume_import(import_id: UUID, user: TenantUser) -> Response:
    """Where it was held."""
    return taken(user, lambda uow: imports.resume(uow, import_id, new_id))


@router.post("/{import_id}/cancel", summary="End an import early", response_model=ImportBody, responses=_CHANGES)
def cancel_import(import_id: UUID, user: TenantUser) -> Response:
    """What has been done stays done; `undo` takes it back."""
    return taken(user, lambda uow: imports.cancel(uow, import_id, new_id))


@router.post(
    "/{import_id}/retry-failed", summary="Try failed rows again", response_model=ImportBody, responses=_CHANGES
)
def retry_failed_import(import_id: UUID, user: TenantUser) -> Response:
    """For rows whose reason is gone: somebody has become a member, or has given their consent."""
    return taken(user, lambda uow: imports.retry_failed(uow, import_id, new_id))


@router.post(
    "/{import_id}/undo",
    summary="Take an import back",
    response_model=ImportBody,
    responses=responses(401, 403, 404, 409, 412, 428, 429, 503),
)
def undo_import(import_id: UUID, user: TenantUser, revision: IfMatch) -> Response:
    """What nobody has used yet: open invitations are revoked, programs that nobody has begun are put aside and what was
    active before is active again. Rows that have been used stay, and say so. Answers and scores are records and stay.
    """
    return taken(user, lambda uow: imports.undo(uow, import_id, revision, new_id))


def _read(user: Context, import_id: UUID) -> Import:
    with unit_of_work(user) as uow:
        return uow.imports.read(import_id)


def _settled(found: Import) -> bool:
    """Nothing changes it any more but somebody's decision."""
    return found.status in states.FINAL | states.ENDED | {"ready", "paused", "uploading"}


@router.get(
    "/{import_id}/events",
    summary="Follow an import",
    response_class=Response,
    responses=responses(401, 403, 404, 429, 503) | STREAM | {204: {"description": "It has ended, as you know"}},
)
async def follow_import(import_id: UUID, request: Request, user: TenantUser, known: LastEventId) -> Response:
    """Server-sent events named `import`: the import as it is, and again whenever it changes, until it waits for a
    decision or has ended. An event's id is its revision, for Last-Event-ID.
    """
    found = await run_in_threadpool(_read, user, import_id)
    if _settled(found) and known == str(found.revision):
        return Response(status_code=204)

    async def look(_: frozenset[Change] | None) -> list[Event]:
        nonlocal known
        found = await run_in_threadpool(_read, user, import_id)
        if known == str(found.revision):
            return []
        known = str(found.revision)
        body = ImportBody.model_validate(fields_of(found))
        return [Event(known, "import", body.model_dump_json(), last=_settled(found))]

    streams: Streams = request.app.state.streams
    return streams.respond(import_id, user, look)
