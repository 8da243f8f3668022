"""What a token opens before there is a tenant: each method is one function of schema `app`, one autocommitted
statement, and no connection is held between them while Cognito works.
"""

from typing import Any
from uuid import UUID

from domain.members import FoundInvitation
from infra.pools import pool, translated
from infra.rows import Row


class Acceptance:
    def find(self, token_hash: bytes, subject: str | None = None) -> FoundInvitation | None:
        """What the token opens, and whose login `subject` is."""
        rows = _rows("select * from app.find_invitation(%s, %s)", (token_hash, subject))
        return FoundInvitation(**rows[0]) if rows else None

    def accept(self, token_hash: bytes, subject: str, user_id: UUID, name: str, request_id: str) -> str:
        """`accepted`, also where it was before; `gone` or `elsewhere` where nothing was changed."""
        [row] = _rows(
            "select outcome from app.accept_invitation(%s, %s, %s, %s, %s)",
            (token_hash, subject, user_id, name, request_id),
        )
        outcome: str = row["outcome"]
        return outcome


def _rows(query: str, params: tuple[Any, ...]) -> list[Row]:
    with translated(), pool().connection() as raw:
        return raw.execute(query, params).fetchall()
