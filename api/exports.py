"""Exports on the wire, for the person and for who asked on their behalf."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel

from api.routes.jobs import job_response
from domain.jobs import Job, message_for
from domain.rights import Export, export_key
from domain.tenancy import Context
from infra import objects
from infra.publishing import publish_committed

_LINK = timedelta(minutes=5)


class ExportBody(BaseModel):
    """`size` in bytes, `sha256` of the file in hexadecimal: both null until it is `ready`."""

    id: UUID
    status: Literal["preparing", "ready", "failed", "expired"]
    size: int | None
    sha256: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime
    links: dict[str, str]


class Download(BaseModel):
    url: str
    expires_at: datetime


def export_body(export: Export, above: str) -> ExportBody:
    """`above`: the path of whom it is of, such as `/v1/me`."""
    this = f"{above}/exports/{export.id}"
    links = {"self": this, "job": f"/v1/jobs/{export.id}"}
    if export.status == "ready":
        links["download"] = f"{this}/download"
    return ExportBody(
        id=export.id,
        status=export.status,
        size=export.size,
        sha256=export.sha256,
        created_at=export.created_at,
        finished_at=export.finished_at,
        expires_at=export.expires_at,
        links=links,
    )


def requested(user: Context, job: Job, *, replayed: bool) -> Response:
    """202 with the job, whose message goes out now. (Again for a job that is under way already does no harm.)"""
    if not replayed:
        publish_committed(user, message_for(job))
    headers = {"Location": f"/v1/jobs/{job.id}", "Cache-Control": "no-store"}
    return job_response(job, 202, headers | ({"Idempotent-Replayed": "true"} if replayed else {}))


def download_of(tenant_id: UUID, export: Export) -> Download:
    expires_at = min(datetime.now(UTC) + _LINK, export.expires_at)
    seconds = max(1, int((expires_at - datetime.now(UTC)).total_seconds()))
    name = f"ffp-export-{export.created_at.date().isoformat()}.zip"
    key = export_key(tenant_id, export.user_id, export.id)
    return Download(url=objects.link_to(key, name, seconds), expires_at=expires_at)
