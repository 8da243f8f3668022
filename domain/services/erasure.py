"""A person leaves for good: access ends at once, everything else after a time in which they may think again."""

from uuid import UUID

from domain.jobs import Job
from domain.ports import UnitOfWork
from domain.rights import Erasure

EMAIL = "erasure_scheduled"


def request(uow: UnitOfWork, delay_s: float) -> tuple[Erasure, Job | None]:
    """The caller's own, and the job of the e-mail that says so and takes it back (domain/services/emails.py).

    Raises LastOwner.
    """
    profile = uow.profile.read()
    found = uow.erasures.schedule(delay_s)
    if not found.made:
        return found, None
    params = {"person": str(profile.id), "until": found.due_at.date().isoformat()}
    return found, uow.emails.queue(EMAIL, profile.id, profile.email, params)


def restore(uow: UnitOfWork, person: UUID) -> None:
    """By somebody who runs the person's business. Raises NotFound where there is nothing to take back any more."""
    uow.erasures.restore(person)
