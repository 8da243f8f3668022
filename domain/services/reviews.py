"""A clinician's decisions on programs that wait for one."""

from typing import Literal
from uuid import UUID

from domain.errors import NotPendingReview
from domain.pages import Page, Window
from domain.ports import UnitOfWork
from domain.records import ProgramHead, WaitingProgram

Decision = Literal["active", "rejected"]


def queue(uow: UnitOfWork, window: Window) -> Page[WaitingProgram]:
    """What waits for a decision, oldest first."""
    return uow.reviews.queue(window)


def decide(uow: UnitOfWork, program_id: UUID, revision: int, decision: Decision, note: str | None) -> ProgramHead:
    """Release a program, in place of the person's active one, or reject it.

    Raises NotFound, StaleRevision, and NotPendingReview once it has been decided.
    """
    uow.programs.head(program_id)
    if not uow.reviews.decide(program_id, revision, decision, note):
        raise NotPendingReview
    return uow.programs.head(program_id)
