"""The files of an import: the one that comes in, and what goes out again."""

import csv
import io
from collections.abc import Callable
from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from api.auth import TenantUser
from api.bodies import Limits, StrictRoute
from api.errors import responses
from api.imports import ImportBody, RowBody, import_response, row_body
from api.models import JobBody
from api.paging import Cursor, Limit, ListBody, Paging
from api.routes.jobs import job_response
from domain.imports.columns import template_columns
from domain.imports.escaping import as_text, escaped
from domain.imports.faults import problems
from domain.imports.limits import ERRORS_AT_ONCE, MOST_INLINE_BYTES
from domain.imports.model import Import, Kind, Row, RowStatus
from domain.services import imports
from domain.tenancy import Context
from infra import files
from infra.database import unit_of_work
from infra.ids import new_id
from infra.publishing import publish_all

_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_KINDS = ("text/csv", "application/x-ndjson", "application/json", _WORKBOOK)
_BYTES = 4 * 1024 * 1024  # of one errors.csv; a Lambda's answer may be little more


class _ContentRoute(StrictRoute):
    """Takes a whole file."""

    limits: ClassVar[Limits] = Limits(MOST_INLINE_BYTES, kinds=frozenset(_KINDS))


router = APIRouter(prefix="/v1/imports", tags=["imports"], route_class=StrictRoute)
_content = APIRouter(route_class=_ContentRoute)


class RowList(ListBody):
    items: list[RowBody]


class ResultLinks(BaseModel):
    """Addresses that work for five minutes, for whoever has them."""

    csv: str
    xlsx: str


def _csv(rows: list[list[str]], name: str, headers: dict[str, str] | None = None) -> Response:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    usual = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    # The mark at its beginning tells Excel that it is UTF-8.
    return Response(text.getvalue().encode("utf-8-sig"), headers=usual | (headers or {}), media_type="text/csv")


@router.get(
    "/template.csv",
    summary="An empty table to fill in",
    response_class=Response,
    responses=responses(401, 403, 404, 422, 429, 503)
    | {200: {"description": "Its header", "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def get_import_template(
    user: TenantUser,
    kind: Kind = "members",
    template: Annotated[str | None, Query(max_length=64, pattern=r"^[a-z][a-z0-9-]*$")] = None,
) -> Response:
    """With the columns of this kind, and of assessments those of the questions of `template`."""
    found = None
    if template is not None:
        with unit_of_work(user) as uow:
            ref = uow.templates.find(template)
            found = uow.templates.get(ref.id, ref.content_hash)
    return _csv([template_columns(kind, found)], f"{kind}.csv")


@_content.put(
    "/{import_id}/content",
    summary="Send the file of an import",
    status_code=202,
    response_model=ImportBody,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 429, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string"}, "example": example}
                for kind, example in zip(
                    _KINDS,
                    (
                        "external_id,email,name\r\nM-1,ana@harbour.example,Ana Lima\r\n",
                        '{"external_id": "M-1", "email": "ana@harbour.example"}\n',
                        '[{"external_id": "M-1", "email": "ana@harbour.example"}]',
                    ),
                    strict=False,
                )
            }
            | {_WORKBOOK: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def put_import_content(import_id: UUID, request: Request, user: TenantUser) -> Response:
    """Up to 4 MB, and its validation begins. What it is, is seen from its content. Larger files are uploaded: see
    `upload`.
    """
    content = await request.body()
    return await run_in_threadpool(_take, user, import_id, content)


def _take(user: Context, import_id: UUID, content: bytes) -> Response:
    with unit_of_work(user) as uow:
        imports.awaiting(uow, import_id)
    files.put(files.source_key(user.tenant_id, import_id), content)
    return _validated(user, import_id)


def _validated(user: Context, import_id: UUID) -> Response:
    with unit_of_work(user) as uow:
        found, job = imports.validate(uow, import_id, new_id)
    publish_all(user, [job] if job is not None else [])
    return import_response(found, 202)


@router.post(
    "/{import_id}/validate",
    summary="Look at the uploaded file",
    status_code=202,
    response_model=ImportBody,
    responses=responses(401, 403, 404, 409, 429, 503),
)
def validate_import(import_id: UUID, user: TenantUser) -> Response:
    """Again: nothing happens."""
    return _validated(user, import_id)


@router.get(
    "/{import_id}/rows",
    summary="Rows of an import",
    response_model=RowList,
    responses=responses(400, 401, 403, 404, 422, 429, 503),
)
def list_import_rows(
    import_id: UUID, user: TenantUser, status: RowStatus | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """In the order of the file. They are kept for 30 days."""
    paging = Paging(f"/v1/imports/{import_id}/rows", user, limit, cursor, {"status": status} if status else None)
    with unit_of_work(user) as uow:
        found = uow.imports.read(import_id)
        page = uow.imports.rows(import_id, paging.window, status)
    return paging.respond(RowList, page, [row_body(found.columns, each) for each in page.items])


@router.get(
    "/{import_id}/errors.csv",
    summary="The failed rows, to be corrected and uploaded again",
    response_class=Response,
    responses=responses(401, 403, 404, 422, 429, 503)
    | {200: {"description": "A table", "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def get_import_errors(
    import_id: UUID, user: TenantUser, after: Annotated[int, Query(ge=0, le=2_000_000_000)] = 0
) -> Response:
    """The columns of your file, and `_row`, `_column`, `_code`, `_message`. Cells that a spreadsheet would run begin
    with an apostrophe, which goes when they are uploaded again. Where there are more rows, `Link` says where.
    """
    with unit_of_work(user) as uow:
        found = uow.imports.read(import_id)
        uow.imports.note("errors_downloaded", import_id)
        lines, last, more = _failed(uow.imports.failed_after, found, after)
    header = [escaped(title) for title in (*found.columns, "_row", "_column", "_code", "_message")]
    link = {"Link": f'</v1/imports/{import_id}/errors.csv?after={last}>; rel="next"'} if more else {}
    return _csv([header, *lines], "errors.csv", link)


def _failed(read: Callable[[UUID, int], list[Row]], found: Import, after: int) -> tuple[list[list[str]], int, bool]:
    """As many as one answer may hold; the number of the last one; whether there are more."""
    lines: list[list[str]] = []
    size = 0
    while rows := read(found.id, after):
        for row in rows:
            line = [escaped(as_text(cell)) for cell in row.cells[: len(found.columns)]]
            line += [""] * (len(found.columns) - len(line))
            line += [str(row.number), *map(escaped, problems(row))]
            size += sum(map(len, line))
            if lines and (size > _BYTES or len(lines) == ERRORS_AT_ONCE):
                return lines, after, True
            lines.append(line)
            after = row.number
    return lines, after, False


@router.post(
    "/{import_id}/results",
    summary="Have a file made of every row's outcome",
    status_code=202,
    response_model=JobBody,
    responses=responses(401, 403, 404, 409, 429, 503),
)
def request_import_results(import_id: UUID, user: TenantUser) -> Response:
    """While one is being made, it is that one."""
    with unit_of_work(user) as uow:
        job = imports.results(uow, import_id, new_id)
    publish_all(user, [job])
    return job_response(job, 202, {"Location": f"/v1/jobs/{job.id}", "Cache-Control": "no-store"})


@router.get(
    "/{import_id}/results",
    summary="Where to download the results",
    responses=responses(401, 403, 404, 409, 429, 503),
)
def get_import_results(import_id: UUID, user: TenantUser, response: Response) -> ResultLinks:
    """409 before they have been asked for and collected. They are kept for a week."""
    with unit_of_work(user) as uow:
        imports.collected(uow, import_id)
    keys = {name: files.results_key(user.tenant_id, import_id, f"results.{name}") for name in ("csv", "xlsx")}
    response.headers["Cache-Control"] = "no-store"
    return ResultLinks(**{name: files.link(key, f"results.{name}") for name, key in keys.items()})


router.include_router(_content)
