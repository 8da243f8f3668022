"""Programs on paper: asked for, made by a worker, downloaded."""

import hashlib
from uuid import UUID

from domain.errors import NotFound, ProgramInOtherState, ReportExpired, ReportNotReady
from domain.jobs import Job, Permanent
from domain.ports import UnitOfWork
from domain.records import Program
from domain.reports import PRINTED, Report

ROUTE = "reports.request"


def request(
    uow: UnitOfWork, job_id: UUID, program_id: UUID, key: str, traceparent: str | None = None
) -> tuple[Job, bool]:
    """Have a program set in type, and whether the key had been used for it before. While one of it is being made, it is
    that one. Raises NotFound, ProgramInOtherState, IdempotencyKeyReused, RequestInFlight.
    """
    kept = uow.keys.claim(ROUTE, key, hashlib.sha256(program_id.bytes).hexdigest())
    if kept is not None:
        return uow.jobs.read(UUID(kept["job_id"])), True
    program = uow.programs.head(program_id)
    if program.status not in PRINTED:
        raise ProgramInOtherState
    job = uow.jobs.enqueue(job_id, "report", program.user_id, program_id, traceparent)
    uow.reports.add(job.id, program_id, program.user_id)
    uow.keys.keep(ROUTE, key, {"job_id": str(job.id)})
    return job, False


def printable(uow: UnitOfWork, job: Job) -> Program:
    """For a worker. Permanent where it has been stopped since it was asked for."""
    try:
        program = uow.programs.work_on(job.subject_id or job.id)
    except NotFound:
        raise Permanent("program_gone") from None
    if program.status not in PRINTED:
        raise Permanent("program_in_other_state")
    return program


def downloadable(uow: UnitOfWork, report_id: UUID) -> Report:
    """Raises NotFound, ReportNotReady, ReportExpired. What comes of it is on record."""
    found = uow.reports.read(report_id)
    if found.status == "expired":
        raise ReportExpired
    if found.status != "ready":
        raise ReportNotReady
    uow.reports.downloaded(found)
    return found
