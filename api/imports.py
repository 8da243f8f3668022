"""An import on the wire."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field, StringConstraints

from api.headers import etag
from api.models import Body
from domain.imports import states
from domain.imports.faults import message
from domain.imports.model import Format, Import, Intake, Kind, Mode, OnDuplicate, Options, Row, RowStatus, Status
from domain.imports.progress import progress_of

_Title = Annotated[str, StringConstraints(min_length=1, max_length=500)]
_Ours = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,199}$")]
_ACTIONS = {"retry_failed": "retry-failed", "upload": "content"}


class NewImport(Body):
    """`mapping`: title of a column in the file -> column of ours, where it is not known by its title. `template_id`: of
    assessments, and of programs, where no column says it. `intake`: members are invited, or added at once and invited.
    """

    kind: Kind = Field(examples=["members"])
    mode: Mode = "best_effort"
    on_duplicate: OnDuplicate = "skip"
    template_id: Annotated[str | None, Field(max_length=64, pattern=r"^[a-z][a-z0-9-]*$")] = None
    mapping: dict[_Title, _Ours] = Field(default={}, max_length=500, examples=[{"Kundennummer": "external_id"}])
    intake: Intake = "invite"

    def options(self) -> Options:
        return Options(self.mapping, self.template_id, self.intake)


class Upload(BaseModel):
    """Send the file as a form (multipart/form-data) with these fields first and `file` last; then call `validate`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


class Report(BaseModel):
    """What confirming would do, in rows."""

    create: int
    update: int
    skip: int
    fail: int


class ImportProgress(BaseModel):
    """`rate` in rows a second; `rate` and `estimate_s` are null where nothing honest can be said."""

    done: int
    total: int
    percent: int
    rate: float | None
    estimate_s: float | None


class Counts(BaseModel):
    done: int
    skipped: int
    failed: int
    undone: int


class RowProblem(BaseModel):
    """`column` as the file names it; null where it is the row as a whole."""

    column: str | None
    code: str
    message: str


class RowResult(BaseModel):
    type: str
    id: UUID
    href: str


class RowBody(BaseModel):
    """`row` is the number a spreadsheet shows. `cells` by the file's own columns."""

    row: int
    status: RowStatus
    action: str | None
    issues: list[RowProblem]
    cells: dict[str, Any]
    result: RowResult | None


class FileProblem(BaseModel):
    """Why the file as a whole was not taken, and at which row, if at any."""

    code: str
    message: str
    row: int | None


class ImportBody(BaseModel):
    """`report` is there once the file has been read; `links` say what can be done now."""

    id: UUID
    kind: Kind
    mode: Mode
    on_duplicate: OnDuplicate
    template_id: str | None
    mapping: dict[str, str]
    intake: Intake
    status: Status
    revision: int
    format: Format | None
    size: int | None
    sha256: str | None
    columns: list[str]
    report: Report | None
    progress: ImportProgress
    counts: Counts
    error: FileProblem | None
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    validated_at: datetime | None
    confirmed_at: datetime | None
    finished_at: datetime | None
    links: dict[str, str]


class ImportDetail(ImportBody):
    """With the first rows of every outcome, once there is a report and while nothing is being worked on."""

    sample: list[RowBody]


class CreatedImport(ImportBody):
    upload: Upload


_SAME = frozenset(
    {
        "id", "kind", "mode", "on_duplicate", "status", "revision", "format", "size", "sha256", "columns", "created_by",
        "created_at", "updated_at", "validated_at", "confirmed_at", "finished_at",
    }
)  # fmt: skip
_HREFS = {
    "assessment": "/v1/assessments/{}", "program": "/v1/programs/{}", "user": "/v1/business/members/{}",
    "invitation": "/v1/business/invitations/{}",
}  # fmt: skip


def fields_of(found: Import) -> dict[str, Any]:
    progress = progress_of(found, datetime.now(UTC))
    error = None
    if found.error_code is not None:
        error = {"code": found.error_code, "message": message(found.error_code), "row": found.error_row}
    return {name: getattr(found, name) for name in _SAME} | {
        "template_id": found.options.template,
        "mapping": found.options.mapping,
        "intake": found.options.intake,
        "report": found.counts or None,
        "progress": {name: getattr(progress, name) for name in ("done", "total", "percent", "rate", "estimate_s")},
        "counts": {name: getattr(found, name) for name in ("done", "skipped", "failed", "undone")},
        "error": error,
        "links": _links(found),
    }


def _links(found: Import) -> dict[str, str]:
    at = f"/v1/imports/{found.id}"
    can = {
        action: f"{at}/{_ACTIONS.get(action, action)}"
        for action in states.ALLOWED
        if states.may(action, found.status) and not (action == "retry_failed" and not found.failed)
    }
    links = {"self": at, "events": f"{at}/events", **can}
    if found.validated_at is not None:
        links |= {"rows": f"{at}/rows", "errors": f"{at}/errors.csv", "results": f"{at}/results"}
    return links


def row_body(columns: list[str], row: Row) -> RowBody:
    """Two columns of one title, which only what means nothing may have, are shown once."""
    result = None
    if row.result_type is not None and row.result_id is not None:
        result = RowResult(type=row.result_type, id=row.result_id, href=_HREFS[row.result_type].format(row.result_id))
    return RowBody(
        row=row.number,
        status=row.status,
        action=row.action,
        issues=[RowProblem(column=i.column, code=i.code, message=message(i.code)) for i in row.issues],
        cells=dict(zip(columns, row.cells, strict=False)),
        result=result,
    )


def import_response(found: Import, status: int = 200) -> Response:
    body = ImportBody.model_validate(fields_of(found))
    return Response(body.model_dump_json(), status, headers_of(found), "application/json")


def headers_of(found: Import) -> dict[str, str]:
    return {"ETag": etag(found.revision), "Cache-Control": "private, no-cache"}
