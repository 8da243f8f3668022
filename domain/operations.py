"""Jobs and queues as the people see them who keep the service running: metadata, of every tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.dead_letters import (
    Attempt,
    DeadLetter,
    Event,
    Group,
    Grouping,
    KeptMessage,
    LetterFilter,
    RevealedMessage,
)
from domain.jobs import Status
from domain.pages import Page, Window
from domain.replays import DryRun, Order, Replay, ReplayedLetter, Selector, State


@dataclass(frozen=True, slots=True)
class JobHead:
    """`status` as it is: operators read `dead` where a member reads that we are on it."""

    id: UUID
    tenant_id: UUID
    tenant: str | None
    kind: str
    stage: str
    status: Status
    attempt: int
    max_attempts: int
    replays: int
    error_code: str | None
    correlation_id: str
    lease_until: datetime | None
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """None asks for nothing."""

    status: Status | None = None
    kind: str | None = None
    stage: str | None = None
    tenant_id: UUID | None = None
    changed_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueueState:
    """`lost`: jobs whose worker's lease has ended without a word. `oldest_s`: since the job changed that waits longest.
    `dead_letters`: open ones; queue `none` has those that name no stage.
    """

    queue: str
    waiting: int
    running: int
    lost: int
    unpublished: int
    oldest_s: float | None
    dead_letters: int


class OperatorsJobs(Protocol):
    """Of every tenant, last changed first."""

    def page(self, window: Window, wanted: JobFilter) -> Page[JobHead]: ...

    def read(self, job_id: UUID) -> JobHead: ...

    def attempts(self, tenant_id: UUID, job_id: UUID) -> Sequence[Attempt]: ...

    def cancel(self, job: JobHead) -> JobHead: ...

    def queues(self) -> list[QueueState]: ...


class DeadLetters(Protocol):
    """Of every tenant."""

    def page(self, window: Window, wanted: LetterFilter) -> Page[DeadLetter]: ...

    def read(self, letter_id: UUID) -> DeadLetter: ...

    def of_job(self, tenant_id: UUID, job_id: UUID) -> list[DeadLetter]: ...

    def messages(self, letter_id: UUID) -> list[KeptMessage]: ...

    def events(self, letter_id: UUID) -> list[Event]: ...

    def reveal(self, letter_id: UUID, reason: str) -> RevealedMessage | None: ...

    def move(self, letter_id: UUID, before: str, after: str, action: str, reason: str) -> DeadLetter: ...

    def groups(self, by: Grouping, wanted: LetterFilter, most: int) -> list[Group]: ...

    def group(self, fingerprint: str) -> Group: ...

    def note(self, fingerprint: str, text: str) -> None: ...

    def resolve(self, fingerprint: str, release: str) -> None: ...


class Replays(Protocol):
    """Of every tenant."""

    def dry_run(self, selector: Selector, most: int) -> DryRun: ...

    def known(self, order: Order) -> Replay | None: ...

    def add(self, replay_id: UUID, order: Order, state: State) -> Replay | None: ...

    def read(self, replay_id: UUID) -> Replay: ...

    def page(self, window: Window) -> Page[Replay]: ...

    def letters(self, replay_id: UUID, window: Window, outcome: str | None) -> Page[ReplayedLetter]: ...

    def move(self, replay_id: UUID, before: frozenset[str], after: State, action: str) -> bool: ...
