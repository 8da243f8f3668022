"""One delivery of one message, whatever brought it: claim the job that is next, do its stage, tell how it ended."""

import os
import random
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from typing import Any

from domain.errors import NotFound
from domain.failures import Failure, tidy
from domain.jobs import HeldBack, Job, LeaseLost, Message, Permanent, Stage, Transient, backoff_s
from domain.programs.milp import solve_week
from domain.records import Claim, SubmissionClaim
from domain.services import assessments, emails, programs
from domain.tenancy import Context, worker_context
from domain.videos import LEASE_S
from infra import content, logs, metrics, ses, settings, tracing
from infra.database import unit_of_work
from infra.ids import new_id
from infra.publishing import publish_all, publish_turns
from infra.units import UnitOfWork
from workers import bulk_actions, imports, reports, rights, training, videos

Open = Callable[[], AbstractContextManager[UnitOfWork]]
"""Begins a unit of work for the claimed job's tenant."""


def _score(begin: Open, claim: Claim) -> bool:
    with begin() as uow:
        return assessments.score(uow, _submitted(claim), content.load_red_flags())


def _generate(begin: Open, claim: Claim) -> bool:
    with begin() as uow:
        gap = programs.generate(uow, _submitted(claim), content.load_library(), solve_week, new_id)
    if gap is not None:
        metrics.record(metrics.SOLVER_GAP, gap)
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
    "checking": imports.check,
    "importing": imports.run,
    "collecting": imports.collect,
    "acting": bulk_actions.run,
    "tabulating": bulk_actions.collect,
    "processing": videos.process,
    "rendering": reports.render,
    "adapting": training.adapt,
}


def deliver(message: Message, other: Stage | None = None) -> None:
    """Returns when the message is done with: a job was worked on, or none waits. Any exception leaves it on the queue;
    Transient says when to come back. What is bound to the lines stays, for what is said of the outcome.

    The job is whoever's turn it is in the message's stage, or in `other`, whose messages the caller takes too. Only its
    row says whose it is: the work is done in that tenant, under that job's correlation id and in its trace.
    """
    ids = {"tenant_id": str(message.tenant_id), "job_id": str(message.job_id), "message_id": str(message.id)}
    logs.begin(correlation_id=message.correlation_id, **ids)
    try:
        claim = _claimed(message, other)
    except HeldBack:
        logs.info("held_back", stage=message.stage)
        return
    except LeaseLost:
        logs.info("nothing_to_do", stage=message.stage)
        return
    job = claim.job
    ids = {"tenant_id": str(job.tenant_id), "job_id": str(job.id)}
    logs.bind(correlation_id=job.correlation_id, **ids)
    traceparent = message.traceparent if message.names(job) else job.traceparent
    with tracing.span(f"process {job.stage}", "consumer", traceparent) as span:
        span.note(**{"ffp.tenant_id": ids["tenant_id"], "ffp.job_id": ids["job_id"]})
        try:
            _work(claim)
        except LeaseLost:
            logs.info("nothing_to_do", stage=job.stage)


class _Units:
    """Units of work for one claimed job, and what is to be sent now that they have committed."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.turns: list[Message] = []
        self.made: list[Job] = []

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        with unit_of_work(self.context) as uow:
            yield uow
        self.turns += uow.jobs.turns
        self.made += uow.jobs.made


def _claimed(message: Message, other: Stage | None) -> Claim:
    with unit_of_work(worker_context(message.tenant_id, message.correlation_id)) as uow:
        try:
            return uow.jobs.claim(message, _lease_s(message.stage), name(), other)
        except NotFound:
            # Unknown here, or a message that names another tenant than its job's: an alarm counts these.
            logs.error("job_not_of_this_tenant", stage=message.stage)
            metrics.record(metrics.TENANT_MISMATCHES, of="message")
            raise


def _work(claim: Claim) -> None:
    job = claim.job
    units = _Units(worker_context(job.tenant_id, job.correlation_id))
    began = monotonic()
    try:
        follows = STAGES[job.stage](units.begin, claim)
    except LeaseLost:
        raise
    except Permanent as error:
        _end(units, job, "failed", failure_of(error))
        _count(job, "failed", began)
        logs.warning("job_failed", stage=job.stage, code=error.code, attempt=job.attempt)
    except Exception as error:
        failure, pause = failure_of(error), _pause_s(job, error)
        _log_retry(job, failure)
        _end(units, job, "retry", failure, pause)
        _count(job, "retry", began)
        raise Transient(failure.code, retry_in=pause) from error
    else:
        logs.info("stage_done", stage=job.stage, attempt=job.attempt)
        _count(job, "done", began)
        if job.stage == "scoring" and not follows:
            metrics.record(metrics.REFERRALS)
    finally:
        publish_turns(units.context, job, units.turns)
        publish_all(units.context, units.made)


def _pause_s(job: Job, error: Exception) -> float:
    """By the job's own attempts: the message's receives may be another job's."""
    asked = error.retry_in if isinstance(error, Transient) else None
    return asked or backoff_s(job.attempt, random.random())  # noqa: S311 # nosec B311 # spreads retries


def _lease_s(stage: Stage) -> float:
    """A film takes longer than anything else."""
    return max(LEASE_S, settings.lease_s()) if stage == "processing" else settings.lease_s()


def _count(job: Job, outcome: str, began: float) -> None:
    metrics.record(metrics.STAGE_SECONDS, monotonic() - began, stage=job.stage, outcome=outcome)


def failure_of(error: Exception) -> Failure:
    """What is kept of an error: for what a stage says itself its code, for anything else also where it came from."""
    if isinstance(error, Permanent | Transient):
        return Failure(error.code)
    return Failure("unexpected_error", type(error).__name__, tidy(logs.frames(error)))


def _end(units: _Units, job: Job, outcome: str, failure: Failure, pause_s: float = 0.0) -> None:
    with units.begin() as uow:
        uow.jobs.end_attempt(job, outcome, failure, pause_s)


def _log_retry(job: Job, failure: Failure) -> None:
    facts: dict[str, Any] = {"stage": job.stage, "attempt": job.attempt, "code": failure.code}
    if failure.error_class is not None:
        facts |= {"error": failure.error_class, "frames": failure.frames}
    logs.warning("attempt_failed", **facts)


def name() -> str:
    """Who held a lease, for the attempt's record."""
    return f"{socket.gethostname()}:{os.getpid()}"
