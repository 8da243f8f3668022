"""One delivery of one message, whatever brought it: claim the job, do its stage, tell how it ended."""

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any

from domain.errors import NotFound
from domain.failures import Failure, tidy
from domain.jobs import STAGE_AFTER, Job, LeaseLost, Message, Permanent, Stage, Transient, message_for
from domain.programs.milp import solve_week
from domain.records import Claim, SubmissionClaim
from domain.services import assessments, emails, programs
from domain.tenancy import worker_context
from infra import content, logs, ses, settings
from infra.database import unit_of_work
from infra.ids import new_id
from infra.publishing import publish_committed
from infra.units import UnitOfWork
from workers import rights

Open = Callable[[], AbstractContextManager[UnitOfWork]]
"""Begins a unit of work for the claimed job's tenant."""


def _score(begin: Open, claim: Claim) -> bool:
    with begin() as uow:
        return assessments.score(uow, _submitted(claim), content.load_red_flags())


def _generate(begin: Open, claim: Claim) -> bool:
    with begin() as uow:
        programs.generate(uow, _submitted(claim), content.load_library(), solve_week, new_id)
    return False


def _send(begin: Open, claim: Claim) -> bool:
    with begin() as uow:
        letter = emails.prepare(uow, claim.job, secrets.token_urlsafe(32), settings.web_url())
    if letter is None:
        return False
    try:
        message_id = ses.send(letter)
    except ses.LetterRefused:
        with begin() as uow:
            emails.refused(uow, claim.job)
        raise Permanent("mail_refused") from None
    with begin() as uow:
        emails.sent(uow, claim.job, message_id)
    return False


def _submitted(claim: Claim) -> SubmissionClaim:
    if not isinstance(claim, SubmissionClaim):
        raise TypeError("the job is not of an assessment")
    return claim


# What a stage does. Its last unit of work stores its effect and the job's new state in one commit; what goes elsewhere
# than PostgreSQL goes there between units, where no connection waits for it. True: the job's next stage follows.
STAGES: dict[Stage, Callable[[Open, Claim], bool]] = {
    "scoring": _score,
    "generating": _generate,
    "sending": _send,
    "exporting": rights.export,
    "erasing": rights.erase,
}


def deliver(message: Message) -> None:
    """Returns when the message is done with: worked on, or nothing left to do. Any exception leaves it on the queue;
    Transient says when to come back.
    """
    logs.bind(correlation_id=message.correlation_id, tenant_id=str(message.tenant_id), job_id=str(message.job_id))
    try:
        _deliver(message)
    except LeaseLost:
        logs.info("nothing_to_do", stage=message.stage)
    finally:
        logs.clear()


def _deliver(message: Message) -> None:
    context = worker_context(message.tenant_id, message.correlation_id)
    with unit_of_work(context) as uow:
        try:
            claim = uow.jobs.claim(message, settings.lease_s(), name())
        except NotFound:
            # Unknown here, or a message that names another tenant than its job's: an alarm counts these.
            logs.error("job_not_of_this_tenant", stage=message.stage)
            raise
    job = claim.job
    try:
        follows = STAGES[job.stage](partial(unit_of_work, context), claim)
    except LeaseLost:
        raise
    except Permanent as error:
        _end(job, "failed", failure_of(error))
        logs.warning("job_failed", stage=job.stage, code=error.code, attempt=job.attempt)
        return
    except Exception as error:
        failure = failure_of(error)
        _log_retry(job, failure)
        _end(job, "retry", failure)
        raise
    logs.info("stage_done", stage=job.stage, attempt=job.attempt)
    if follows:
        publish_committed(context, replace(message_for(job), stage=STAGE_AFTER[job.stage]))


def failure_of(error: Exception) -> Failure:
    """What is kept of an error: for what a stage says itself its code, for anything else also where it came from."""
    if isinstance(error, Permanent | Transient):
        return Failure(error.code)
    return Failure("unexpected_error", type(error).__name__, tidy(logs.frames(error)))


def _end(job: Job, outcome: str, failure: Failure) -> None:
    with unit_of_work(worker_context(job.tenant_id, job.correlation_id)) as uow:
        uow.jobs.end_attempt(job, outcome, failure)


def _log_retry(job: Job, failure: Failure) -> None:
    facts: dict[str, Any] = {"stage": job.stage, "attempt": job.attempt, "code": failure.code}
    if failure.error_class is not None:
        facts |= {"error": failure.error_class, "frames": failure.frames}
    logs.warning("attempt_failed", **facts)


def name() -> str:
    """Who held a lease, for the attempt's record."""
    return f"{socket.gethostname()}:{os.getpid()}"
