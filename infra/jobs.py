"""Jobs in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.errors import NotFound
from domain.failures import Failure
from domain.jobs import STAGES_OF, HeldBack, Job, LeaseLost, Message, Stage, Transient
from domain.records import Claim, NewProgram, Submission, SubmissionClaim
from infra import settings, tracing
from infra.rows import Row, TenantConnection

_JOB = tuple(f.name for f in fields(Job) if f.name != "estimate_s")
_SUBMISSION = tuple(f.name for f in fields(Submission))


def columns(composite: str, names: tuple[str, ...], prefix: str) -> str:
    """`(job).id as job_id, ...`: the fields of a composite, each under its own name."""
    return ", ".join(f"({composite}).{name} as {prefix}{name}" for name in names)


def job_columns(composite: str, prefix: str) -> str:
    return columns(composite, _JOB, prefix)


def message_from(row: Row) -> Message:
    """Of a row as app.take_turns returns it."""
    return Message(
        row["tenant_id"], row["job_id"], row["stage"], row["correlation_id"], row["traceparent"], row["replays"]
    )


def job_from(row: Row, prefix: str = "") -> Job:
    return Job(**{name: row[f"{prefix}{name}"] for name in _JOB}, estimate_s=row.get("estimate_s"))


_COLUMNS = ", ".join(_JOB)
_READ = f"select {_COLUMNS}, app.estimate_s(j) as estimate_s from app.read_job(%s, %s, %s, %s) j"  # noqa: S608 - our own names
_CANCEL = f"select {', '.join(_JOB)} from app.cancel_job(%s, %s, %s, %s, %s)"  # noqa: S608
_CLAIM = f"""select outcome, retry_in, template_id, score, settings, {columns("job", _JOB, "job_")},
    {columns("submission", _SUBMISSION, "submission_")} from app.{{call}}"""  # noqa: S608
# The end of a stage, and in the same statement what is to be sent now that it has ended.
_END = """select e.held, t.* from (select {call} as held) e
    left join lateral app.turns_after(e.held, %s, %s, %s, %s) t on true"""


class JobRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        # Once this transaction has committed, these are to be sent: who has ended a stage makes room for others.
        self.turns: list[Message] = []
        # And these have been made in it.
        self.made: list[Job] = []

    def read(self, job_id: UUID) -> Job:
        return self._one(self._connection.read(_READ, (job_id,)))

    def under_way(self) -> list[Job]:
        """The caller's own that have not ended, oldest change first, the last hundred."""
        return self._own("status in ('queued', 'running', 'retrying', 'dead')")

    def changed(self, since: datetime) -> list[Job]:
        """The caller's own that have changed after `since`, oldest change first, the last hundred."""
        return self._own("updated_at > %s", since)

    def _own(self, which: str, *params: object) -> list[Job]:
        """Without e-mails, which nobody waits for."""
        context = self._connection.context
        rows = self._connection.execute(
            f"""select {_COLUMNS}, app.estimate_s(j) as estimate_s from jobs j
                where tenant_id = %s and user_id = %s and kind <> 'email' and {which}
                order by updated_at desc limit 100""",  # noqa: S608
            (context.tenant_id, context.user_id, *params),
        )
        return [job_from(row) for row in reversed(rows)]

    def cancel(self, job_id: UUID, request_id: str) -> Job:
        return self._one(self._connection.finish(_CANCEL, (job_id, request_id)))

    def mark_published(self, job_id: UUID, stage: Stage) -> None:
        self._connection.finish("select app.mark_published(%s, %s, %s, %s, %s)", (job_id, stage))

    def mark_all_published(self, job_ids: Sequence[UUID]) -> None:
        """Of jobs that are in their first stage."""
        self._connection.execute(
            "update jobs set published_at = now() where tenant_id = %s and id = any(%s) and published_at is null",
            (self._connection.context.tenant_id, list(job_ids)),
        )

    def turns_now(self, stage: Stage) -> list[Message]:
        """What is to be sent of the tenant's jobs that wait in the outbox: asked once they are committed."""
        call = "select * from app.turns_now(%s, %s, %s, %s, %s)"
        return [message_from(row) for row in self._connection.finish(call, (stage, settings.relay_grace_s()))]

    def claim(self, message: Message, lease_s: float, worker: str, other: Stage | None = None) -> Claim:
        """Take the job whose turn it is in the message's stage, or in the `other` one that the caller does too, of
        whichever tenant, for one attempt: the caller works in that job's tenant. The message's own tenant is only where
        its job is looked for: under another one it is not there, and nothing happens.

        Raises NotFound (unknown here, or a message for another tenant), LeaseLost (nothing waits), HeldBack (not now;
        a job is in the outbox again), Transient (a job that this message has begun is at work or to be tried again, or
        its own has used up its attempts: the message goes its way to the dead letters).
        """
        given = (message.job_id, message.stage, other, lease_s, worker, message.id, settings.relay_grace_s())
        return self._claim("claim_next(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", given)

    def claim_regardless(self, message: Message, lease_s: float, worker: str) -> Claim:
        """The named job, whatever the limits and whoever's turn it is: for a unit that is rolled back."""
        given = (message.job_id, message.stage, lease_s, worker)
        return self._claim("claim_job(%s, %s, %s, %s, %s, %s, %s)", given)

    def _claim(self, call: str, given: tuple[object, ...]) -> Claim:
        [row] = self._connection.finish(_CLAIM.format(call=call), given)
        match row["outcome"]:
            case "claimed":
                job = job_from(row, "job_")
                if row["submission_id"] is None:
                    return Claim(job, row["settings"])
                submission = Submission(**{name: row[f"submission_{name}"] for name in _SUBMISSION})
                return SubmissionClaim(job, row["settings"], submission, row["template_id"], row["score"])
            case "done":
                raise LeaseLost
            case "held":
                raise HeldBack
            case "busy":
                raise Transient("leased", retry_in=row["retry_in"] + 1)
            case "exhausted":
                raise Transient("attempts_exhausted")
            case _:
                raise NotFound

    def finish_scoring(self, job: Job, engine_version: str, result: dict[str, Any], *, referral: bool) -> None:
        """Store the score with the job's next state, in one statement. Raises LeaseLost: then nothing was stored."""
        self._fenced(
            job,
            "app.finish_scoring(%s, %s, %s, %s, %s, %s, %s, %s)",
            (job.id, job.attempt, engine_version, Jsonb(result), referral),
        )

    def finish_generation(self, job: Job, program: NewProgram, plan: dict[str, Any] | None) -> None:
        """Store the program with the job's end, in one statement, and its plan where that is new. A plan that is known
        by its hash is not sent again.

        Raises LeaseLost: then nothing was stored.
        """
        stored = None if plan is None else Jsonb(plan)
        self._fenced(
            job,
            "app.finish_generation(%s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s, %s::jsonb)",
            (job.id, job.attempt, program.id, program.start_on, program.sessions, program.input_hash, stored),
        )

    def finish_email(self, job: Job, message_id: str) -> None:
        """Note that the e-mail is sent, with the job's end. Raises LeaseLost: then nothing was noted."""
        call = "app.finish_email(%s, %s, %s, %s, %s, %s, %s)"
        self._fenced(job, call, (job.id, job.attempt, job.subject_id, message_id))

    def enqueue(self, job_id: UUID, kind: str, user_id: UUID, subject_id: UUID, traceparent: str | None = None) -> Job:
        """A job of any kind but `assessment`; where one for the subject is under way, that one. In the outbox with this
        transaction's commit: `publish_committed` then spares it the wait for the relay.
        """
        context = self._connection.context
        self._connection.execute(
            """insert into jobs (tenant_id, id, user_id, kind, stage, subject_id, correlation_id, traceparent)
               values (%s, %s, %s, %s, %s, %s, %s, %s)
               on conflict (tenant_id, kind, subject_id) where status in ('queued', 'running', 'retrying', 'dead')
               do nothing""",
            (
                context.tenant_id,
                job_id,
                user_id,
                kind,
                STAGES_OF[kind][0],
                subject_id,
                context.request_id or str(job_id),
                traceparent or tracing.current(),
            ),
        )
        job = self._one(
            self._connection.execute(
                f"""select {", ".join(_JOB)} from jobs where tenant_id = %s and kind = %s and subject_id = %s
                    and status in ('queued', 'running', 'retrying', 'dead')""",  # noqa: S608 - our own column names
                (context.tenant_id, kind, subject_id),
            )
        )
        if job.id == job_id:
            self.made.append(job)
        return job

    def finish(self, job: Job, result_type: str | None = None, result_id: UUID | None = None) -> None:
        """End the job with what this transaction has written. Raises LeaseLost: then nothing of it may be committed."""
        self._fenced(
            job,
            "app.finish_job(%s, %s, %s, %s, %s, %s, %s, %s)",
            (job.id, job.stage, job.attempt, result_type, result_id),
        )

    def end_attempt(self, job: Job, outcome: str, failure: Failure, pause_s: float = 0.0) -> None:
        """End an attempt without its effect: `retry`, not before `pause_s` seconds from now, or `failed`. Where it was
        the last one, the job is dead. Raises LeaseLost if it is not ours any more.
        """
        self._fenced(
            job,
            "app.end_attempt(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                job.id,
                job.stage,
                job.attempt,
                outcome,
                failure.code,
                failure.error_class,
                list(failure.frames),
                failure.signature,
                pause_s,
            ),
        )

    def revive(self, job_id: UUID) -> None:
        """Let a dead job be claimed once more. For a unit that is rolled back: what puts a job back for good is a step
        of a replay.
        """
        self._connection.execute(
            """update jobs set status = 'retrying', max_attempts = attempt + 1, lease_until = null
               where tenant_id = %s and id = %s and status = 'dead'""",
            (self._connection.context.tenant_id, job_id),
        )

    def _fenced(self, job: Job, call: str, params: tuple[Any, ...]) -> None:
        after = (job.tenant_id, job.id, job.stage, settings.relay_grace_s())
        rows = self._connection.finish(_END.format(call=call), (*params, *after))
        if not rows[0]["held"]:
            raise LeaseLost
        self.turns += [message_from(row) for row in rows if row["job_id"] is not None]

    @staticmethod
    def _one(rows: list[Row]) -> Job:
        if not rows:
            raise NotFound
        return job_from(rows[0])
