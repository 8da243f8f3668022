"""PostgreSQL as ffp_relay, for what runs beside the tenants' own work: one statement is one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import dict_row

from infra import settings
from infra.rows import Row


@contextmanager
def connected(name: str) -> Iterator[psycopg.Connection[Row]]:
    """A connection of its own, which the caller may keep. Raises psycopg.OperationalError where there is no server."""
    with psycopg.connect(
        settings.relay_database_url(),
        row_factory=dict_row,
        autocommit=True,
        connect_timeout=3,
        application_name=f"ffp-{name}",
        options=f"-c lock_timeout=2s -c statement_timeout=10s -c app.release={settings.release()}",
    ) as connection:
        yield connection
