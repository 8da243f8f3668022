"""Erasure in PostgreSQL. The functions behind it run with the schema owner's rights, and only for whom it is due."""

from uuid import UUID

from domain.errors import NotFound
from domain.rights import Erasure
from infra.pools import pool, translated
from infra.rows import TenantConnection


class ErasureRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._context = connection.context
        self._who = (self._context.tenant_id, self._context.user_id, self._context.role)

    def schedule(self, delay_s: float) -> Erasure:
        """End the caller's access now, and have them erased in `delay_s` seconds. Raises LastOwner."""
        rows = self._connection.execute(
            "select due_at, made from app.schedule_erasure(%s, %s, %s, %s, %s)",
            (*self._who, delay_s, self._context.request_id),
        )
        if not rows:
            raise NotFound
        return Erasure(**rows[0])

    def add_token(self, person: UUID, token_hash: bytes) -> bool:
        """Whether it can still be taken back; then who shows this token can."""
        [row] = self._connection.execute(
            "select app.add_erasure_token(%s, %s, %s, %s, %s) as added", (*self._who, person, token_hash)
        )
        added: bool = row["added"]
        return added

    def restore(self, person: UUID) -> None:
        """Take back somebody's erasure. Raises NotFound where none is scheduled, or it has begun."""
        [row] = self._connection.execute(
            "select app.restore_person(%s, %s, %s, %s, %s) as restored", (*self._who, person, self._context.request_id)
        )
        if not row["restored"]:
            raise NotFound

    def begin(self, person: UUID) -> list[str] | None:
        """From here on there is no way back. The subjects of the person's logins; None where nothing is due."""
        rows = self._connection.execute("select subs from app.begin_erasure(%s, %s, %s, %s)", (*self._who, person))
        return rows[0]["subs"] if rows else None

    def erase(self, person: UUID, most: int) -> bool:
        """Delete about `most` rows. True: it was the last of them, and nobody can tell any more who it was."""
        [row] = self._connection.execute(
            "select app.erase_person(%s, %s, %s, %s, %s) as gone", (*self._who, person, most)
        )
        gone: bool = row["gone"]
        return gone


def cancel(token_hash: bytes, request_id: str) -> bool:
    """Take back the erasure that this token is of, by whoever holds it. False where there is nothing to take back."""
    with translated(), pool().connection() as raw:
        row = raw.execute("select app.cancel_erasure(%s, %s) as canceled", (token_hash, request_id)).fetchone()
    return row is not None and bool(row["canceled"])
