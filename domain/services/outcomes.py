"""What has come of it: outcomes of one person, for themselves or for who cares for them."""

from uuid import UUID

from domain.outcomes.adherence import weeks
from domain.outcomes.records import Outcomes
from domain.outcomes.trends import instruments, pain
from domain.ports import UnitOfWork


def read(uow: UnitOfWork, person: UUID) -> Outcomes:
    """Raises NotFound for whom the caller does not see."""
    found = uow.outcomes.read(person)
    during, after = pain(found.felt)
    return Outcomes(person, found.today, instruments(found.attempts), weeks(found.sittings, found.today), during, after)
