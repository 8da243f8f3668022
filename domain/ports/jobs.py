"""What services need of jobs, of the keys that make a repeated request harmless, and of the limits on work."""

from __future__ import annotations  # types are all that this imports

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from domain.failures import Failure
    from domain.jobs import Job, Message, Stage
    from domain.limits import Limits, LimitsVersion
    from domain.pages import Page, Window
    from domain.records import Claim, NewProgram


class Jobs(Protocol):
    def read(self, job_id: UUID) -> Job: ...

    def under_way(self) -> Sequence[Job]:
        """The caller's own that have not ended, oldest change first."""
        ...

    def changed(self, since: datetime) -> Sequence[Job]: ...

    def cancel(self, job_id: UUID, request_id: str) -> Job: ...

    def mark_published(self, job_id: UUID, stage: Stage) -> None: ...

    def claim(self, message: Message, lease_s: float, worker: str, other: Stage | None = None) -> Claim: ...

    def finish_scoring(self, job: Job, engine_version: str, result: dict[str, Any], *, referral: bool) -> None: ...

    def finish_generation(self, job: Job, program: NewProgram, plan: dict[str, Any] | None) -> None:
        """`plan` is the one behind the program where it is new, to be kept; None of one that is known."""
        ...

    def finish_email(self, job: Job, message_id: str) -> None: ...

    def enqueue(self, job_id: UUID, kind: str, user_id: UUID, subject_id: UUID, traceparent: str | None = None) -> Job:
        """A job of any kind but `assessment`; where one for the subject is under way, that one."""
        ...

    def finish(self, job: Job, result_type: str | None = None, result_id: UUID | None = None) -> None:
        """End the job with what this unit has written. Raises LeaseLost."""
        ...

    def end_attempt(self, job: Job, outcome: str, failure: Failure, pause_s: float = 0.0) -> None: ...


class Keys(Protocol):
    def claim(self, route: str, key: str, body_hash: str) -> dict[str, Any] | None:
        """What was kept under an idempotency key; None: it is ours. Raises IdempotencyKeyReused, RequestInFlight."""
        ...

    def keep(self, route: str, key: str, response: dict[str, Any]) -> None: ...


class LimitsVersions(Protocol):
    """Only ever added to."""

    def newest(self) -> LimitsVersion: ...

    def page(self, window: Window) -> Page[LimitsVersion]:
        """Newest first."""
        ...

    def add(self, version: int, version_id: UUID, limits: Limits, reason: str) -> bool:
        """Whether `version` was still to be had."""
        ...
