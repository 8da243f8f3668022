"""Idempotency keys for work that is asked for in a unit of work. (A submit keeps its own in app.submit_assessment.)"""

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from domain.errors import IdempotencyKeyReused, RequestInFlight
from infra.rows import TenantConnection

# The insert waits for a twin that is under way; what it has committed is what is found then.
_CLAIM = """
    insert into idempotency_keys as k (tenant_id, user_id, route, key, body_hash, response)
    values (%s, %s, %s, %s, %s, 'null')
    on conflict on constraint idempotency_keys_pkey do update
        set body_hash = excluded.body_hash, response = excluded.response, created_at = now()
        where k.created_at < now() - interval '24 hours'
    returning 1"""
_FIND = (
    "select body_hash, response from idempotency_keys where tenant_id = %s and user_id = %s and route = %s and key = %s"
)
_KEEP = "update idempotency_keys set response = %s where tenant_id = %s and user_id = %s and route = %s and key = %s"


class KeyRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._owner = (connection.context.tenant_id, connection.context.user_id)

    def claim(self, route: str, key: str, body_hash: str) -> dict[str, Any] | None:
        """What was kept under the key in the last 24 hours; None: the key is ours, until the unit of work ends.

        Raises IdempotencyKeyReused for another body, RequestInFlight while the first request takes its time.
        """
        try:
            if self._connection.execute(_CLAIM, (*self._owner, route, key, body_hash)):
                return None
        except psycopg.errors.LockNotAvailable:
            raise RequestInFlight from None
        [row] = self._connection.execute(_FIND, (*self._owner, route, key))
        if row["body_hash"] != body_hash:
            raise IdempotencyKeyReused
        kept: dict[str, Any] = row["response"]
        return kept

    def keep(self, route: str, key: str, response: dict[str, Any]) -> None:
        self._connection.execute(_KEEP, (Jsonb(response), *self._owner, route, key))
