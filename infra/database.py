"""PostgreSQL under a tenant's row-level security: the one way in for the API, the workers and the command line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import sql

from domain import errors
from domain.tenancy import Actor, Context, Operator
from infra.pools import Pool, ops_pool, pool, translated
from infra.rows import ActorT_co, Connection, Row
from infra.units import OperationsWork, TemplateWork, UnitOfWork

ActorT = TypeVar("ActorT", bound=Actor)


class _Connection(Connection[ActorT_co], Generic[ActorT_co]):
    """See Connection. The transaction starts with the first `execute`, in the same round trip as its context."""

    def __init__(self, raw: psycopg.Connection[Row], context: ActorT_co) -> None:
        self._context = context
        self._raw = raw
        self._begun = False
        self._spent = False

    @property
    def context(self) -> ActorT_co:
        return self._context

    def execute(self, query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        self._refuse_if_spent()
        if not self._begun:
            c = self.context
            self._raw.execute(
                sql.SQL("begin; select app.set_context({}, {}, {})").format(c.tenant_id, c.user_id, c.role)
            )
            self._begun = True
        return self._rows(query, params)

    def read(self, function: str, params: Sequence[Any] = ()) -> list[Row]:
        self._refuse_if_spent()
        return self._rows(function, (self.context.tenant_id, self.context.user_id, self.context.role, *params))

    def finish(self, function: str, params: Sequence[Any] = ()) -> list[Row]:
        rows = self.read(function, params)
        self._spent = not self._begun
        return rows

    def end(self, *, commit: bool) -> None:
        """Raises RuntimeError for a transaction that has failed and whose failure somebody has caught: PostgreSQL
        answers its COMMIT with a rollback, and nothing else would tell.
        """
        if not self._begun:
            return
        if not commit:
            if not self._raw.closed:
                self._raw.execute("rollback")
        elif self._raw.closed:
            raise errors.Unavailable("connection lost before the commit")
        elif self._raw.execute("commit").statusmessage != "COMMIT":
            raise RuntimeError("this unit of work had failed; nothing of it was committed")

    def _rows(self, query: str, params: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
        cursor = self._raw.execute(query, params)
        return cursor.fetchall() if cursor.description else []

    def _refuse_if_spent(self) -> None:
        if self._spent:
            raise RuntimeError("this unit of work has committed; open another")


@contextmanager
def unit_of_work(context: Context) -> Iterator[UnitOfWork]:
    """Work as one tenant: everything in the block commits together at its end, or nothing does.

    Borrowing sends nothing to the server. Raises Unavailable when no connection is free in time or the
    server is gone, and the domain's errors for what its functions refuse.
    """
    with _transaction(context) as connection:
        yield UnitOfWork(connection)


@contextmanager
def template_work(actor: Actor) -> Iterator[TemplateWork]:
    """The same for templates alone, which content admins keep without being of a tenant."""
    with _transaction(actor) as connection:
        yield TemplateWork(connection)


@contextmanager
def operations(who: Operator) -> Iterator[OperationsWork]:
    """The same for an operator, as ffp_ops."""
    with _transaction(who, ops_pool) as connection:
        yield OperationsWork(connection)


_WRITTEN = """
    select relname, n_tup_ins as inserted, n_tup_upd as updated, n_tup_del as deleted
    from pg_stat_xact_user_tables where schemaname = 'public' and n_tup_ins + n_tup_upd + n_tup_del > 0"""


@contextmanager
def rehearsal(context: Context) -> Iterator[tuple[UnitOfWork, Callable[[], dict[str, dict[str, int]]]]]:
    """A unit of work that is undone at its end, whatever happens in it, and what it has written so far: rows by table
    and kind of change. It is one transaction, even where a unit would end by itself.
    """
    with translated(), pool().connection() as raw:
        connection = _Connection(raw, context)

        def rows() -> dict[str, dict[str, int]]:
            return {row.pop("relname"): row for row in connection.execute(_WRITTEN)}

        def written() -> dict[str, dict[str, int]]:
            """PostgreSQL counts what the connection did shortly before as well."""
            now = rows()
            changes = {
                table: {kind: count - before.get(table, {}).get(kind, 0) for kind, count in counts.items()}
                for table, counts in now.items()
            }
            return {
                table: {kind: count for kind, count in counts.items() if count}
                for table, counts in sorted(changes.items())
                if any(counts.values())
            }

        try:
            before = rows()
            yield UnitOfWork(connection), written
        finally:
            with translated():
                connection.end(commit=False)


@contextmanager
def _transaction(context: ActorT, connections: Callable[[], Pool] = pool) -> Iterator[_Connection[ActorT]]:
    with translated(), connections().connection() as raw:
        connection = _Connection(raw, context)
        try:
            yield connection
        except BaseException:
            with translated():
                connection.end(commit=False)
            raise
        connection.end(commit=True)
