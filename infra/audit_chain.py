"""The audit log is sealed here, by the sweeper, as role ffp_relay: committed rows, appended to their tenant's chain."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from infra import settings, sign_in
from infra.keepalive import KEEPALIVE

_BATCH = 1000
_MOST = 50  # batches a run: a minute's schedule must not overlap the next one


@dataclass(frozen=True, slots=True)
class ToldHead:
    """The end of a chain, to be kept where no database reaches: who rewrites the chain cannot rewrite this.

    `hash` is hexadecimal; `tenant_id` None is the chain of what staff did to nothing of a tenant's.
    """

    tenant_id: UUID | None
    length: int
    hash: str


def seal() -> int:
    """Returns how many rows were sealed; 0 as well while another sealer works."""
    total = 0
    with _connected() as connection:
        for _ in range(_MOST):
            (taken,) = connection.execute("select app.seal_audit(%s)", (_BATCH,)).fetchone() or (0,)
            total += taken
            if taken < _BATCH:
                break
    return total


def heads_to_tell() -> list[ToldHead]:
    """The ends of the chains that have grown and have not been told for an hour. From now on they have been."""
    with _connected() as connection:
        rows = connection.execute("select * from app.announce_audit_heads(%s)", (_BATCH,)).fetchall()
    return [ToldHead(tenant, length, digest.hex()) for tenant, length, digest in rows]


def _connected() -> psycopg.Connection[tuple[Any, ...]]:
    url = settings.relay_database_url()
    return psycopg.connect(
        url,
        **KEEPALIVE,
        **sign_in.parameters(url),
        autocommit=True,
        connect_timeout=3,
        application_name="ffp-sealer",
        options="-c lock_timeout=2s -c statement_timeout=30s",
    )
