"""Calendar feeds in PostgreSQL. Row-level security shows everybody their own, whatever their role."""

from datetime import time
from uuid import UUID

from domain.errors import NotFound
from domain.feeds import Feed, Found
from infra import audit
from infra.pools import pool, translated
from infra.rows import TenantConnection

_LIVE = "from feeds where tenant_id = %s and user_id = %s and revoked_at is null"


class FeedRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._owner = (connection.context.tenant_id, connection.context.user_id)

    def count(self) -> int:
        """Addresses that work. Two requests of one person count one after the other."""
        self._connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 19))", (str(self._owner[1]),))
        [row] = self._connection.execute(f"select count(*) as live {_LIVE}", self._owner)
        live: int = row["live"]
        return live

    def add(self, feed_id: UUID, token_hash: bytes, starts_at: time | None) -> Feed:
        [row] = self._connection.execute(
            """insert into feeds (tenant_id, id, user_id, token_hash, starts_at) values (%s, %s, %s, %s, %s)
               returning id, starts_at, created_at""",
            (self._owner[0], feed_id, self._owner[1], token_hash, starts_at),
        )
        audit.record(self._connection, "feed.created", "feed", feed_id, self._owner[1])
        return Feed(**row)

    def page(self) -> list[Feed]:
        rows = self._connection.execute(
            f"select id, starts_at, created_at {_LIVE} order by id",
            self._owner,
        )
        return [Feed(**row) for row in rows]

    def revoke(self, feed_id: UUID) -> None:
        """Raises NotFound for what is not one of the caller's that works."""
        rows = self._connection.execute(
            """update feeds set revoked_at = now()
               where tenant_id = %s and user_id = %s and id = %s and revoked_at is null returning id""",
            (*self._owner, feed_id),
        )
        if not rows:
            raise NotFound
        audit.record(self._connection, "feed.revoked", "feed", feed_id, self._owner[1])


def find(token_hash: bytes) -> Found | None:
    """None: unknown, revoked, or its owner has no access any more. Which of them is nobody's to know."""
    with translated(), pool().connection() as raw:
        row = raw.execute("select * from app.find_feed(%s)", (token_hash,)).fetchone()
    return None if row is None else Found(**row)
