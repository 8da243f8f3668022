"""A program set in type and stored. It may be killed anywhere and done again: the file is stored once."""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

from domain.errors import NotFound, Unavailable
from domain.jobs import LeaseLost, Transient
from domain.records import Claim
from domain.reports import DAYS, content, report_key
from domain.services import reports
from infra import objects, typeset
from infra.units import UnitOfWork

Open = Callable[[], AbstractContextManager[UnitOfWork]]


def render(begin: Open, claim: Claim) -> bool:
    job = claim.job
    with begin() as uow:
        program = reports.printable(uow, job)
    key = report_key(job.tenant_id, job.user_id, job.id)
    try:
        with tempfile.TemporaryDirectory(prefix="ffp-report-") as directory:
            file = Path(directory, "program.pdf")
            file.write_bytes(typeset.program_pdf(content(program)))
            stored = objects.put_once(key, file, "application/pdf")
    except Unavailable:
        raise Transient("storage_unavailable") from None
    try:
        with begin() as uow:
            uow.reports.finish(job.id, stored.size, stored.sha256, stored.stored_at + timedelta(days=DAYS))
            uow.jobs.finish(job, "report", job.id)
    except NotFound:  # its person was erased while this was being made
        objects.delete_under(key)
        raise LeaseLost from None
    return False
