"""Deliveries of every tenant as the dispatcher (ffp_relay) may see them: through three functions and no table."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from domain.webhooks import TRIES
from infra import logs, webhook_secrets
from infra.rows import Row
from infra.webhook_queue import Result

Connection = psycopg.Connection[Row]

_WINDOW = 20  # of one endpoint under way


@dataclass(frozen=True, slots=True)
class Due:
    """`secrets` are those that sign, the newest first."""

    tenant_id: UUID
    id: UUID
    type: str
    subject_id: UUID
    created_at: datetime
    attempt: int
    tries: int
    url: str
    secrets: list[bytes]


def claim(connection: Connection, limit: int, lease_s: float) -> list[Due]:
    """What is due, and now under way for `lease_s`."""
    rows = connection.execute("select * from app.claim_webhooks(%s, %s, %s, %s)", (limit, _WINDOW, lease_s, TRIES))
    return [due for row in rows if (due := _due(row)) is not None]


def _due(row: Row) -> Due | None:
    """None where its secret cannot be read: it fails in time, and keeps nobody else's waiting."""
    try:
        secrets = [
            webhook_secrets.unseal(row["tenant_id"], row["endpoint_id"], sealed)
            for sealed in (row["secret"], row["previous_secret"])
            if sealed is not None
        ]
    except webhook_secrets.Unreadable:
        logs.error("webhook_secret_unreadable", endpoint_id=str(row["endpoint_id"]), tenant_id=str(row["tenant_id"]))
        return None
    names = ("tenant_id", "id", "type", "subject_id", "created_at", "attempt", "tries", "url")
    return Due(**{name: row[name] for name in names}, secrets=secrets)


def note(connection: Connection, result: Result, next_s: float | None) -> str:
    """`noted`, `disabled` (and its endpoint with it), or `stale`: known already."""
    [row] = connection.execute(
        "select app.note_webhook(%s, %s, %s, %s, %s, %s, %s) as said",
        (
            result.tenant_id,
            result.delivery_id,
            result.attempt,
            result.outcome,
            result.status,
            result.duration_ms,
            next_s,
        ),
    )
    said: str = row["said"]
    return said


def prune(connection: Connection, most: int = 1000) -> int:
    [row] = connection.execute("select app.prune_webhooks(%s) as pruned", (most,))
    pruned: int = row["pruned"]
    return pruned
