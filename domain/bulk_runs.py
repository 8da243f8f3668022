"""What the services need of anything that is worked on chunk by chunk for a business, one at a time: imports and bulk
actions. infra/bulk_runs.py provides it.
"""

from typing import Any, Protocol, TypeVar
from uuid import UUID

from domain.jobs import Job
from domain.pages import Page, Window

RunT = TypeVar("RunT")
RESULTS_DAYS = 7  # after which the bucket deletes files


class Runs(Protocol[RunT]):
    def note(self, what: str, run_id: UUID) -> None:
        """In the audit log."""
        ...

    def page(self, window: Window) -> Page[RunT]: ...

    def read(self, run_id: UUID | None) -> RunT: ...

    def locked(self, run_id: UUID | None) -> RunT:
        """Nobody else changes it before this unit ends."""
        ...

    def change(self, run_id: UUID, **values: Any) -> RunT: ...

    def begin_run(self, run_id: UUID, status: str, base: int) -> RunT: ...

    def slot(self) -> bool:
        """Whether no run of the tenant is under way. Nobody else finds that out before this unit ends."""
        ...

    def next_waiting(self) -> RunT | None: ...

    def has_results(self, run_id: UUID, days: int) -> bool: ...

    def hold(self, job: Job, lease_s: float) -> None:
        """More time for this attempt. Raises LeaseLost."""
        ...
