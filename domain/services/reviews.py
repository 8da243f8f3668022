"""A clinician's decisions on programs that wait for one."""

from typing import Literal
from uuid import UUID

from domain.errors import Forbidden, NotPendingReview
from domain.pages import Page, Window
from domain.ports import UnitOfWork
from domain.records import ProgramHead, WaitingProgram
from domain.tenancy import CARE_ROLES, Context

Decision = Literal["active", "rejected"]


def require_care(context: Context) -> None:
    """Raises Forbidden for everybody but a business's clinicians and who runs it."""
    if context.role not in CARE_ROLES:
        raise Forbidden


def queue(uow: UnitOfWork, window: Window) -> Page[WaitingProgram]:
    """What waits for a decision, oldest first."""
    require_care(uow.context)
    return uow.reviews.queue(window)


def decide(uow: UnitOfWork, program_id: UUID, revision: int, decision: Decision, note: str | None) -> ProgramHead:
    """Release a program, in place of the person's active one, or reject it.

    Raises NotFound before Forbidden: who may not see a program learns nothing of it. StaleRevision; NotPendingReview
    once it has been decided.
    """
    uow.programs.head(program_id)
    require_care(uow.context)
    if not uow.reviews.decide(program_id, revision, decision, note):
        raise NotPendingReview
    return uow.programs.head(program_id)
