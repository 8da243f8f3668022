"""Somebody whom an import brings in."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Newcomer:
    """`person`: the id of who is added at once, None for who only gets an invitation. `letter` and `job` are of the
    invitation's e-mail, `params` what its text names.
    """

    number: int
    invitation: UUID
    person: UUID | None
    email: str
    name: str
    role: str
    external_id: str | None
    letter: UUID
    job: UUID
    params: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number, "invitation": str(self.invitation),
            "person": None if self.person is None else str(self.person), "email": self.email, "name": self.name,
            "role": self.role, "external_id": self.external_id, "letter": str(self.letter), "job": str(self.job),
            "params": self.params,
        }  # fmt: skip
