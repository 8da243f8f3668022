"""Send what was queued. The mail service is asked between two units of work: see workers/work.py."""

import hashlib
from uuid import UUID

from domain.emails import OPTIONAL, Letter, letter
from domain.jobs import Job
from domain.ports import UnitOfWork


def prepare(uow: UnitOfWork, job: Job, token: str, web_url: str) -> Letter | None:
    """What to send, or None where there is nothing to send any more: then the job has ended.

    `token` is new and random. An invitation's e-mail carries it, and that of an erasure, which it takes back. Only its
    hash is kept; a second try carries another one, and both are good.
    """
    email = uow.emails.read(job.subject_id)
    params = dict(email.params)
    due = email.status == "queued" and (email.wanted or email.kind not in OPTIONAL)
    if due and email.kind == "invitation":
        due = uow.emails.add_token(params.pop("invitation"), hash_of(token))
        params["token"] = token
    if due and email.kind == "erasure_scheduled":
        due = uow.erasures.add_token(UUID(params.pop("person")), hash_of(token))
        params["token"] = token
    if not due:
        if email.status == "queued":
            uow.emails.end(email.id, "suppressed")
        uow.jobs.finish(job)
        return None
    return letter(email.address, email.kind, params, web_url)


def sent(uow: UnitOfWork, job: Job, message_id: str) -> None:
    """The mail service has it. Raises LeaseLost."""
    uow.jobs.finish_email(job, message_id)


def refused(uow: UnitOfWork, job: Job) -> None:
    """The mail service will not take it for this address, however often it is asked."""
    uow.emails.end(job.subject_id, "failed")


def hash_of(token: str) -> bytes:
    """What is kept of a token: enough to know it again, not to make it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
