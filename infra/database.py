"""PostgreSQL under a tenant's row-level security: the one way in for the API, the workers and the command line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from domain import errors
from domain.tenancy import Actor, Context, Operator
from infra import settings
from infra.assessments import AssessmentRepository
from infra.audit_log import AuditLogRepository, OperatorsAuditLog
from infra.business import BusinessRepository
from infra.consents import ConsentRepository
from infra.emails import EmailRepository
from infra.erasure import ErasureRepository
from infra.exports import ExportRepository
from infra.idempotency import KeyRepository
from infra.invitations import InvitationRepository
from infra.jobs import JobRepository
from infra.libraries import LibraryRepository
from infra.me import ProfileRepository
from infra.members import MemberRepository
from infra.notifications import NotificationRepository
from infra.programs import ProgramRepository
from infra.reviews import ReviewRepository
from infra.rows import ActorT_co, Connection, Row, TenantConnection
from infra.templates import TemplateRepository
from infra.tenants import TenantRepository

if TYPE_CHECKING:
    from infra.dead_letters import DeadLetterRepository
    from infra.operations import OperatorsJobs
    from infra.replays import ReplayRepository
    from infra.webhooks import WebhookRepository

ActorT = TypeVar("ActorT", bound=Actor)
# A statement that waits longer than this for a lock or a plan gives up; the client is told to repeat.
_OPTIONS: Final = "-c lock_timeout=2s -c statement_timeout=8s -c idle_in_transaction_session_timeout=10s"


@cache
def pool() -> ConnectionPool[psycopg.Connection[Row]]:
    """The process's connections as ffp_app. Opened by first use, never by import."""
    return _opened(settings.database_url(), "ffp", settings.pool_size())


@cache
def ops_pool() -> ConnectionPool[psycopg.Connection[Row]]:
    """The same as ffp_ops, for operators. Few: they are few."""
    return _opened(settings.ops_database_url(), "ffp-ops", min(settings.pool_size(), 4))


def _opened(url: str, name: str, size: int) -> ConnectionPool[psycopg.Connection[Row]]:
    made: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
        url,
        min_size=1,
        max_size=size,
        timeout=3,
        max_idle=5,  # nobody who only waits keeps a connection busy, so the pool need not stay as a rush has left it
        max_waiting=200,
        kwargs={
            "autocommit": True,
            "row_factory": dict_row,
            "options": f"{_OPTIONS} -c app.release={settings.release()}",
            "connect_timeout": 3,
            "application_name": name,
        },
        name=name,
        open=False,
    )
    made.open()
    return made


def close() -> None:
    """Give the connections back: before a fork, a snapshot or the end of the process."""
    for each in (pool, ops_pool):
        if each.cache_info().currsize:
            each().close()
            each.cache_clear()


@contextmanager
def translated() -> Iterator[None]:
    """Turn what PostgreSQL says into what a caller can react to. Its texts go no further: hints can hold values."""
    try:
        yield
    except psycopg.Error as error:
        match error.sqlstate:
            case "FF403":
                raise errors.Forbidden from None
            case "FF404":
                raise errors.NotFound from None
            case "FF409" if error.diag.message_detail:
                raise errors.AlreadySubmitted(UUID(error.diag.message_detail)) from None
            case "FF409":
                raise errors.JobIsFinal from None
            case "FF412":
                raise errors.StaleRevision from None
            case "FF422":
                raise errors.IdempotencyKeyReused from None
            case "FF423":
                raise errors.LastOwner from None
            # Ended for idling in a transaction; a server that has become a standby.
            case "25P03" | "25006":
                raise errors.Unavailable(type(error).__name__) from None
            # The rest: statement or lock timeout, deadlock, no connection, server gone.
            case _ if isinstance(error, psycopg.OperationalError):
                raise errors.Unavailable(type(error).__name__) from None
        raise


class UnitOfWork:
    """One transaction of one tenant, and the repositories that work in it."""

    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection

    @property
    def context(self) -> Context:
        return self._connection.context

    @cached_property
    def assessments(self) -> AssessmentRepository:
        return AssessmentRepository(self._connection)

    @cached_property
    def jobs(self) -> JobRepository:
        return JobRepository(self._connection)

    @cached_property
    def programs(self) -> ProgramRepository:
        return ProgramRepository(self._connection)

    @cached_property
    def reviews(self) -> ReviewRepository:
        return ReviewRepository(self._connection)

    @cached_property
    def libraries(self) -> LibraryRepository:
        return LibraryRepository(self._connection)

    @cached_property
    def business(self) -> BusinessRepository:
        return BusinessRepository(self._connection)

    @cached_property
    def audit_log(self) -> AuditLogRepository:
        return AuditLogRepository(self._connection)

    @cached_property
    def notifications(self) -> NotificationRepository:
        return NotificationRepository(self._connection)

    @cached_property
    def invitations(self) -> InvitationRepository:
        return InvitationRepository(self._connection)

    @cached_property
    def members(self) -> MemberRepository:
        return MemberRepository(self._connection)

    @cached_property
    def emails(self) -> EmailRepository:
        return EmailRepository(self._connection)

    @cached_property
    def webhooks(self) -> "WebhookRepository":
        from infra.webhooks import WebhookRepository  # noqa: PLC0415 - few ask for them

        return WebhookRepository(self._connection)

    @cached_property
    def templates(self) -> TemplateRepository:
        return TemplateRepository(self._connection)

    @cached_property
    def profile(self) -> ProfileRepository:
        return ProfileRepository(self._connection)

    @cached_property
    def consents(self) -> ConsentRepository:
        return ConsentRepository(self._connection)

    @cached_property
    def keys(self) -> KeyRepository:
        return KeyRepository(self._connection)

    @cached_property
    def exports(self) -> ExportRepository:
        return ExportRepository(self._connection)

    @cached_property
    def erasures(self) -> ErasureRepository:
        return ErasureRepository(self._connection)


class TemplateWork:
    """One transaction on templates and nothing else: all that somebody without a tenant can open."""

    def __init__(self, connection: Connection[Actor]) -> None:
        self._connection = connection
        self.templates = TemplateRepository(connection)

    @property
    def context(self) -> Actor:
        return self._connection.context


class OperationsWork:
    """One transaction of an operator, as ffp_ops: over every tenant, and over nobody's health data."""

    def __init__(self, connection: Connection[Operator]) -> None:
        self._connection = connection

    @property
    def context(self) -> Operator:
        return self._connection.context

    @cached_property
    def tenants(self) -> TenantRepository:
        return TenantRepository(self._connection)

    @cached_property
    def audit_log(self) -> OperatorsAuditLog:
        return OperatorsAuditLog(self._connection)

    # Loaded when asked for: operators' requests are few, and no cold start of anybody else should wait for them.
    @cached_property
    def jobs(self) -> "OperatorsJobs":
        from infra.operations import OperatorsJobs  # noqa: PLC0415

        return OperatorsJobs(self._connection)

    @cached_property
    def dead_letters(self) -> "DeadLetterRepository":
        from infra.dead_letters import DeadLetterRepository  # noqa: PLC0415

        return DeadLetterRepository(self._connection)

    @cached_property
    def replays(self) -> "ReplayRepository":
        from infra.replays import ReplayRepository  # noqa: PLC0415

        return ReplayRepository(self._connection)


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
        if self._begun and not self._raw.closed:
            self._raw.execute("commit" if commit else "rollback")

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
def _transaction(
    context: ActorT, connections: Callable[[], ConnectionPool[psycopg.Connection[Row]]] = pool
) -> Iterator[_Connection[ActorT]]:
    with translated(), connections().connection() as raw:
        connection = _Connection(raw, context)
        try:
            yield connection
        except BaseException:
            with translated():
                connection.end(commit=False)
            raise
        connection.end(commit=True)


def is_ready() -> bool:
    """Whether the database answers as ffp_app."""
    try:
        with translated(), pool().connection(timeout=1) as raw:
            raw.execute("select 1")
    except errors.Unavailable:
        return False
    return True


def cancel_erasure(token_hash: bytes, request_id: str) -> bool:
    """Take back the erasure that this token is of, by whoever holds it. False where there is nothing to take back."""
    with translated(), pool().connection() as raw:
        row = raw.execute("select app.cancel_erasure(%s, %s) as canceled", (token_hash, request_id)).fetchone()
    return row is not None and bool(row["canceled"])
