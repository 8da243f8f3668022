"""Jobs and queues of every tenant, for operators."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.dead_letters import Attempt, DeadLetter
from domain.operations import JobFilter, JobHead, QueueState
from domain.pages import Page, Window
from domain.ports import OperationsWork


@dataclass(frozen=True, slots=True)
class JobView:
    job: JobHead
    attempts: Sequence[Attempt]
    letters: Sequence[DeadLetter]


def jobs(work: OperationsWork, window: Window, wanted: JobFilter) -> Page[JobHead]:
    return work.jobs.page(window, wanted)


def job(work: OperationsWork, job_id: UUID) -> JobView:
    found = work.jobs.read(job_id)
    key = (found.tenant_id, found.id)
    return JobView(found, work.jobs.attempts(*key), work.dead_letters.of_job(*key))


def cancel(work: OperationsWork, job_id: UUID) -> JobHead:
    """Raises NotFound, JobIsFinal."""
    return work.jobs.cancel(work.jobs.read(job_id))


def queues(work: OperationsWork) -> list[QueueState]:
    return work.jobs.queues()
