"""A job: the row a client polls. A task moves it, a message names it."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Literal
from uuid import UUID

Status = Literal["queued", "running", "retrying", "succeeded", "failed", "canceled", "dead"]
Stage = Literal[
    "scoring", "generating", "sending", "exporting", "erasing", "processing", "adapting",
    "checking", "importing", "collecting", "rendering", "acting", "tabulating",
]  # fmt: skip
# How far the clinician's review of the job's program is; None where the tenant asks for none.
Review = Literal["pending", "approved", "rejected"]

FINAL: frozenset[str] = frozenset({"succeeded", "failed", "canceled"})

# Every legal move. PostgreSQL holds the same list (app.job_may_move) and refuses the rest.
# `dead` waits for an operator: a replay makes it wait for its next attempt again.
MOVES: frozenset[tuple[Status, Status]] = frozenset(
    {
        ("queued", "running"),
        ("queued", "canceled"),
        ("queued", "dead"),
        ("running", "retrying"),
        ("running", "succeeded"),
        ("running", "failed"),
        ("running", "canceled"),
        ("running", "dead"),
        ("retrying", "running"),
        ("retrying", "canceled"),
        ("retrying", "dead"),
        ("dead", "retrying"),
        ("dead", "running"),
        ("dead", "canceled"),
    }
)

# The stages of a job, by its kind and in their order.
STAGES_OF: dict[str, tuple[Stage, ...]] = {
    "assessment": ("scoring", "generating"),
    "email": ("sending",),
    "export": ("exporting",),
    "erasure": ("erasing",),
    "import_check": ("checking",),
    "import": ("importing",),
    "import_results": ("collecting",),
    "bulk_action": ("acting",),
    "bulk_action_results": ("tabulating",),
    "adaptation": ("adapting",),
    "video": ("processing",),
    "report": ("rendering",),
}
# The task that does a stage, and the queue its message goes to.
TASK_OF: dict[Stage, str] = {
    "scoring": "assessments.score",
    "generating": "programs.generate",
    "sending": "emails.send",
    "exporting": "exports.make",
    "erasing": "people.erase",
    "checking": "imports.check",
    "importing": "imports.run",
    "collecting": "imports.collect",
    "acting": "bulk_actions.run",
    "tabulating": "bulk_actions.collect",
    "adapting": "programs.adapt",
    "processing": "videos.process",
    "rendering": "reports.render",
}
QUEUE_OF: dict[Stage, str] = {
    "scoring": "scoring",
    "generating": "generation",
    "sending": "notifications",
    "exporting": "bulk",
    "erasing": "bulk",
    "checking": "bulk",
    "importing": "bulk",
    "collecting": "bulk",
    "acting": "bulk",
    "tabulating": "bulk",
    "adapting": "generation",
    "processing": "media",
    "rendering": "notifications",  # what sets type and the solver are each half of what an artefact may hold
}
STAGE_AFTER: dict[Stage, Stage] = {before: after for stages in STAGES_OF.values() for before, after in pairwise(stages)}


@dataclass(frozen=True, slots=True)
class Job:
    """One row of `jobs`. `attempt` counts within the stage, 1 upwards; `revision` grows with every visible change;
    `replays` counts how often an operator has put it back.

    A job of kind `assessment` has its assessment, every other one a subject.
    """

    tenant_id: UUID
    id: UUID
    user_id: UUID
    kind: str
    assessment_id: UUID | None
    subject_id: UUID | None
    status: Status
    stage: Stage
    attempt: int
    max_attempts: int
    revision: int
    replays: int
    result_type: str | None
    result_id: UUID | None
    review: Review | None
    error_code: str | None
    correlation_id: str
    traceparent: str | None
    created_at: datetime
    started_at: datetime | None
    updated_at: datetime
    finished_at: datetime | None
    held: bool = False  # waits in the outbox for its turn: nobody publishes it who has just committed it
    estimate_s: float | None = None  # seconds to the end, where it was asked for and something honest can be said

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Message:
    """What travels: ids only, never health data. `tenant_id` is checked against the job, never trusted. `replay` is the
    job's when the message was sent: one from before a replay says nothing about the job after it. `held` does not
    travel: such a message is not sent, its job waits for its turn. `id` is the message's own, once it has been written.

    It is a permit for one job of its stage, whichever is next; `job_id` is the one that it was sent for.
    """

    tenant_id: UUID
    job_id: UUID
    stage: Stage
    correlation_id: str
    traceparent: str | None = None
    replay: int = 0
    held: bool = False
    id: UUID | None = field(default=None, compare=False)

    def names(self, job: Job) -> bool:
        return (self.tenant_id, self.job_id) == (job.tenant_id, job.id)


def message_for(job: Job) -> Message:
    return Message(job.tenant_id, job.id, job.stage, job.correlation_id, job.traceparent, job.replays, job.held)


class Transient(Exception):
    """Later: the message becomes visible again after `retry_in` seconds (None: exponential backoff)."""

    def __init__(self, code: str, retry_in: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_in = retry_in


class Permanent(Exception):
    """Never: the job fails with this stable code and its message is deleted."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class LeaseLost(Exception):
    """Another worker took the job over, or it was canceled: nothing of this attempt was written. Or no job waits."""


class HeldBack(LeaseLost):
    """Not now: its stage has its cap or a pause. A job waits in the outbox, not its message; no attempt counts."""


def backoff_s(receive_count: int, jitter: float, base_s: float = 1.0, cap_s: float = 300.0) -> float:
    """Exponential backoff with full jitter, in seconds. `jitter` is uniform in [0, 1); `receive_count` starts at 1."""
    return 1.0 + jitter * min(cap_s, base_s * 2.0 ** min(receive_count, 30))
