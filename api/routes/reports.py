"""Programs as PDF, to be printed: a worker makes the file, which is then downloaded from object storage."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.exports import Download, requested
from api.headers import IdempotencyKey
from api.models import JobBody
from domain.reports import Report, report_key
from domain.services import reports
from domain.tenancy import Context
from infra import objects, tracing
from infra.database import unit_of_work
from infra.ids import new_id

router = APIRouter(prefix="/v1", tags=["reports"], route_class=StrictRoute)
_LINK = timedelta(minutes=5)


class ReportBody(BaseModel):
    """`size` in bytes, `sha256` of the file in hexadecimal: both null until it is `ready`."""

    id: UUID
    program_id: UUID
    status: Literal["preparing", "ready", "failed", "expired"]
    size: int | None
    sha256: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime
    links: dict[str, str]


def _body(report: Report) -> ReportBody:
    this = f"/v1/reports/{report.id}"
    links = {"self": this, "job": f"/v1/jobs/{report.id}", "program": f"/v1/programs/{report.program_id}"}
    if report.status == "ready":
        links["download"] = f"{this}/download"
    fields = {name: getattr(report, name) for name in ReportBody.model_fields if name != "links"}
    return ReportBody(**fields, links=links)


def _download(user: Context, report: Report) -> Download:
    now = datetime.now(UTC)
    expires_at = min(now + _LINK, report.expires_at)
    key = report_key(user.tenant_id, report.user_id, report.id)
    name = f"program-{report.created_at.date().isoformat()}.pdf"
    return Download(
        url=objects.link_to(key, name, max(1, int((expires_at - now).total_seconds()))), expires_at=expires_at
    )


@router.post(
    "/programs/{program_id}/report",
    summary="Have a program set in type",
    status_code=202,
    response_model=JobBody,
    responses=responses(400, 401, 403, 404, 409, 422, 503),
)
def request_report(program_id: UUID, user: TenantUser, key: IdempotencyKey) -> Response:
    """A PDF of every session and how each exercise is done, as the program is now. While one is being made it is that
    one. The report has the job's id. 409 unless the program is active.
    """
    with unit_of_work(user) as uow:
        job, replayed = reports.request(uow, new_id(), program_id, key, tracing.current())
    return requested(user, job, replayed=replayed)


@router.get("/reports/{report_id}", summary="One report", responses=responses(401, 403, 404, 503))
def get_report(report_id: UUID, user: TenantUser) -> ReportBody:
    with unit_of_work(user) as uow:
        return _body(uow.reports.read(report_id))


@router.get(
    "/reports/{report_id}/download",
    summary="Where to download a report",
    responses=responses(401, 403, 404, 409, 410, 503),
)
def download_report(report_id: UUID, user: TenantUser, response: Response) -> Download:
    """An address that works for five minutes, for whoever has it."""
    with unit_of_work(user) as uow:
        report = reports.downloadable(uow, report_id)
    response.headers["Cache-Control"] = "no-store"
    return _download(user, report)
