"""The process's connections to PostgreSQL, and what its errors mean."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import psycopg
import pydantic_core
from psycopg.rows import dict_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import ConnectionPool

from domain import errors
from infra import settings, sign_in
from infra.keepalive import KEEPALIVE
from infra.rows import Row

Pool = ConnectionPool[psycopg.Connection[Row]]

# Four times as fast as the standard library's, and a program is 50 kB of JSON.
set_json_dumps(pydantic_core.to_json)
set_json_loads(pydantic_core.from_json)

# A statement that waits longer than this for a lock or a plan gives up; the client is told to repeat.
_OPTIONS: Final = "-c lock_timeout=2s -c statement_timeout=8s -c idle_in_transaction_session_timeout=10s"
# The newest of migrations/versions that adds something: this release needs it. Their numbers compare as text.
SCHEMA: Final = "0029"
_MOST_OPERATORS: Final = 4  # they are few
_pools: dict[str, Pool] = {}
_opening = threading.Lock()
_READY_S: Final = 2.0
_asking = threading.Lock()
_asked: "list[Future[bool]]" = []  # whether the database is ready: who asks at once gets one answer


def pool() -> Pool:
    """As ffp_app. Opened by first use, never by import."""
    return _pool("ffp", settings.database_url, settings.pool_size)


def ops_pool() -> Pool:
    """The same as ffp_ops, for operators."""
    return _pool("ffp-ops", settings.ops_database_url, lambda: min(settings.pool_size(), _MOST_OPERATORS))


def _pool(name: str, url: Callable[[], str], size: Callable[[], int]) -> Pool:
    """One of a name, even where several threads are the first to ask."""
    found = _pools.get(name)
    if found is None:
        with _opening:
            found = _pools.get(name) or _pools.setdefault(name, _opened(url(), name, size()))
    return found


def _opened(url: str, name: str, size: int) -> Pool:
    fixed = KEEPALIVE | {
        "autocommit": True,
        "row_factory": dict_row,
        "options": f"{_OPTIONS} -c app.release={settings.release()}",
        "connect_timeout": 3,
        "application_name": name,
    }
    made: Pool = ConnectionPool(
        url,
        min_size=1,
        max_size=size,
        timeout=3,
        # Seconds until the next one too many is closed: nobody who only waits keeps a connection busy, so the pool need
        # not stay as a rush has left it. After one of ten it is small again within twenty.
        max_idle=2,
        max_waiting=200,
        kwargs=lambda: fixed | sign_in.parameters(url),  # asked for each new connection
        name=name,
        open=False,
    )
    made.open()
    return made


@dataclass(frozen=True, slots=True)
class State:
    """Connections that are in use, that are not, that there may be; and who waits for one."""

    used: int
    idle: int
    most: int
    waiting: int


def states() -> dict[str, State]:
    """Of the pools that are open, by name."""
    found = {name: (each, each.get_stats()) for name, each in list(_pools.items())}
    return {
        name: State(
            stats["pool_size"] - stats["pool_available"],
            stats["pool_available"],
            each.max_size,
            stats["requests_waiting"],
        )
        for name, (each, stats) in found.items()
    }


def close() -> None:
    """Give the connections back: before a fork, a snapshot or the end of the process."""
    while _pools:
        _pools.popitem()[1].close()


# What FFP's own functions raise (migrations/versions).
_OURS: Final[dict[str, type[errors.DomainError]]] = {
    "FF403": errors.Forbidden,
    "FF404": errors.NotFound,
    "FF409": errors.JobIsFinal,
    "FF412": errors.StaleRevision,
    "FF422": errors.IdempotencyKeyReused,
    "FF423": errors.LastOwner,
}
# Ended for idling in a transaction; a server that has become a standby.
_ENDED: Final = frozenset({"25P03", "25006"})


@contextmanager
def translated() -> Iterator[None]:
    """Turn what PostgreSQL says into what a caller can react to. Its texts go no further: hints can hold values."""
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if state == "FF409" and error.diag.message_detail:
            raise errors.AlreadySubmitted(UUID(error.diag.message_detail)) from None
        if state in _OURS:
            raise _OURS[state] from None
        # The rest: statement or lock timeout, deadlock, no connection, server gone.
        if state in _ENDED or isinstance(error, psycopg.OperationalError):
            raise errors.Unavailable(type(error).__name__) from None
        raise


def is_ready() -> bool:
    """Whether the database answers as ffp_app on a free connection, and has the schema that this release needs. A newer
    one will do: migrations go ahead of what uses them.

    Says so within two seconds: a server that takes what it is asked and keeps quiet is not ready, and whoever looks at
    it must not wait as well. Those who come meanwhile wait for the same answer, so no more than one thread is stuck.
    """
    with _asking:
        if not _asked or _asked[0].done():
            _asked[:] = [Future()]
            threading.Thread(target=_answer, args=_asked, name="ready", daemon=True).start()
        [answer] = _asked
    try:
        return answer.result(_READY_S)
    except TimeoutError:
        return False


def _answer(asked: "Future[bool]") -> None:
    try:
        with translated(), pool().connection(timeout=1) as raw:
            row = raw.execute("select version_num from alembic_version").fetchone()
        asked.set_result(row is not None and row["version_num"] >= SCHEMA)
    except (errors.Unavailable, psycopg.ProgrammingError):  # the latter: nothing has been migrated
        asked.set_result(False)
    except BaseException as error:  # noqa: BLE001 - whoever waits for the answer is told
        asked.set_exception(error)
