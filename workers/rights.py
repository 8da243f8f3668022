"""What data rights ask of a worker: make an export, erase a person. Each may be killed anywhere and done again."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

from domain.errors import NotFound, Unavailable
from domain.jobs import Job, LeaseLost, Transient
from domain.records import Claim
from domain.rights import EXPORT_DAYS, export_key, export_prefix
from domain.services import exports, me
from domain.tenancy import Context
from infra import archives, identities, objects
from infra.database import unit_of_work
from infra.units import UnitOfWork

Open = Callable[[], AbstractContextManager[UnitOfWork]]
_ROWS = 5_000  # of one transaction


def export(begin: Open, claim: Claim) -> bool:
    """Collect, store, and tell. The file is stored once: a second attempt finds and keeps the first one's."""
    job = claim.job
    key = export_key(job.tenant_id, job.user_id, job.id)
    with archives.scratch() as directory:
        file = directory / "export.zip"
        with archives.begun(file, job.created_at) as archive:
            # As a member of their tenant, whatever they are there: exactly what is theirs to see.
            with unit_of_work(Context(job.tenant_id, job.user_id, "member", job.correlation_id)) as uow:
                profile = me.read(uow)
                archive.add("export.json", exports.document(uow, profile, job.created_at))
                archive.add("fhir-bundle.json", exports.bundle(uow, profile))
            with begin() as uow:
                archive.add("emails.json", exports.emails(uow, job.user_id))
        try:
            stored = objects.put_once(key, file, "application/zip")
        except Unavailable:
            raise Transient("storage_unavailable") from None
    try:
        with begin() as uow:
            expires_at = stored.stored_at + timedelta(days=EXPORT_DAYS)
            uow.exports.finish(job.id, stored.size, stored.sha256, expires_at)
            uow.jobs.finish(job, "export", job.id)
    except LeaseLost:
        _forget_if_erased(begin, job)
        raise
    return False


def _forget_if_erased(begin: Open, job: Job) -> None:
    """Somebody else has the job, and with it the file. Unless its person has been erased meanwhile."""
    try:
        with begin() as uow:
            uow.exports.read(job.user_id, job.id)
    except NotFound:
        objects.delete_under(export_key(job.tenant_id, job.user_id, job.id))


def erase(begin: Open, claim: Claim) -> bool:
    """First what lies elsewhere, then the rows: as long as a row is left, the job knows whom it is about."""
    job = claim.job
    person = job.user_id
    with begin() as uow:
        subjects = uow.erasures.begin(person)
        if subjects is None:  # restored in time, or done by an earlier attempt
            uow.jobs.finish(job)
            return False
    try:
        for subject in subjects:
            identities.delete(subject)
        objects.delete_under(export_prefix(job.tenant_id, person))
    except Unavailable:
        raise Transient("erasure_unavailable") from None
    gone = False
    while not gone:
        with begin() as uow:
            gone = uow.erasures.erase(person, _ROWS)
            if gone:
                uow.jobs.finish(job)
    return False
