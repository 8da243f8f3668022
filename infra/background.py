"""PostgreSQL as ffp_relay, for what runs beside the tenants' own work: one statement is one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import dict_row

from domain.errors import Unavailable
from infra import settings, sign_in
from infra.keepalive import KEEPALIVE
from infra.rows import Row

Connection = psycopg.Connection[Row]


@contextmanager
def connected(name: str) -> Iterator[Connection]:
    """A connection of its own, which the caller may keep. Raises Unavailable where there is no server, or it ends."""
    url = settings.relay_database_url()
    with (
        available(),
        psycopg.connect(
            url,
            **KEEPALIVE,
            **sign_in.parameters(url),
            row_factory=dict_row,
            autocommit=True,
            connect_timeout=3,
            application_name=f"ffp-{name}",
            options=f"-c lock_timeout=2s -c statement_timeout=10s -c app.release={settings.release()}",
        ) as connection,
    ):
        yield connection


@contextmanager
def available() -> Iterator[None]:
    """Raises Unavailable for a server that is gone or too slow: what was asked for has not been done."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise Unavailable(type(error).__name__) from None
