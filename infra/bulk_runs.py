"""What imports and bulk actions have in common in PostgreSQL: a row that says how far a run is, and whose turn it is.

Both tables have `status`, `revision` (what everybody follows), `position` (the checkpoint), counters, and when the
present run began.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.errors import NotFound
from domain.jobs import Job, LeaseLost
from domain.pages import Page, Window
from infra import audit
from infra.listing import Listing
from infra.rows import Row, TenantConnection


class Run(Protocol):
    """What a checkpoint goes by."""

    @property
    def id(self) -> UUID: ...
    @property
    def status(self) -> str: ...
    @property
    def position(self) -> int: ...


RunT = TypeVar("RunT", bound=Run)


class BulkRuns(Generic[RunT]):
    """Runs of one kind, of one tenant. What a subclass names is our own: table, columns, and how the audit log and
    notifications call it.
    """

    table: ClassVar[str]
    columns: ClassVar[str]
    subject: ClassVar[str]
    results: ClassVar[str]  # the kind of job that collects them
    ends_told: ClassVar[frozenset[str]]  # ends that nobody was waiting at
    waits_since: ClassVar[str]

    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    @staticmethod
    @abstractmethod
    def made(row: Row) -> RunT: ...

    def note(self, what: str, run_id: UUID) -> None:
        audit.record(self._connection, f"{self.subject}.{what}", self.subject, run_id, None)

    def page(self, window: Window) -> Page[RunT]:
        query = f"select {self.columns} from {self.table} where tenant_id = %s"  # noqa: S608 - our own names
        listing = Listing(query, ("id",), descending=True)
        return listing.page(self._connection, (self._tenant_id,), window, self.made)

    def read(self, run_id: UUID | None) -> RunT:
        return self._read(run_id)

    def locked(self, run_id: UUID | None) -> RunT:
        """Nobody else changes it before this unit ends."""
        return self._read(run_id, " for update")

    def _read(self, run_id: UUID | None, more: str = "") -> RunT:
        return self._one(
            self._connection.execute(
                f"select {self.columns} from {self.table} where tenant_id = %s and id = %s{more}",  # noqa: S608
                (self._tenant_id, run_id),
            )
        )

    def change(self, run_id: UUID, **values: Any) -> RunT:
        """Set these columns; what everybody follows is its revision."""
        return self._set(run_id, "", values)

    def begin_run(self, run_id: UUID, status: str, base: int) -> RunT:
        values = {"status": status, "run_base": base, "error_code": None, "finished_at": None}
        return self._set(run_id, "run_started_at = now(),", values)

    def _end(self, run_id: UUID, status: str, values: Mapping[str, Any]) -> RunT:
        ended = self._set(run_id, "finished_at = now(),", {"status": status, **values})
        self.note(status, run_id)
        if status in self.ends_told:
            self._connection.execute(
                f"""select app.notify_user(u.id, '{self.subject}_finished', '{self.subject}', r.id) from {self.table} r
                   join users u on u.tenant_id = r.tenant_id and u.id = r.created_by
                   where r.tenant_id = %s and r.id = %s""",  # noqa: S608
                (self._tenant_id, run_id),
            )
        return ended

    def _set(self, run_id: UUID, fixed: str, values: Mapping[str, Any]) -> RunT:
        sets = "".join(f"{name} = %s, " for name in values)
        rows = self._connection.execute(
            f"""update {self.table} set {fixed} {sets} revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s returning {self.columns}""",  # noqa: S608
            (*(Jsonb(v) if isinstance(v, dict | list) else v for v in values.values()), self._tenant_id, run_id),
        )
        return self._one(rows)

    def slot(self) -> bool:
        """Whether neither an import nor an action runs. Nobody else finds that out before this unit ends."""
        self._connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 18))", (str(self._tenant_id),))
        return not self._connection.execute(
            """select 1 from imports where tenant_id = %s and status in ('running', 'undoing')
               union all select 1 from bulk_actions where tenant_id = %s and status = 'running'""",
            (self._tenant_id, self._tenant_id),
        )

    def next_waiting(self) -> RunT | None:
        rows = self._connection.execute(
            f"""select {self.columns} from {self.table} where tenant_id = %s and status = 'waiting'
                order by {self.waits_since}, id limit 1 for update""",  # noqa: S608
            (self._tenant_id,),
        )
        return self.made(rows[0]) if rows else None

    def has_results(self, run_id: UUID, days: int) -> bool:
        return bool(
            self._connection.execute(
                """select 1 from jobs where tenant_id = %s and kind = %s and subject_id = %s
                       and status = 'succeeded' and finished_at > now() - make_interval(days => %s) limit 1""",
                (self._tenant_id, self.results, run_id, days),
            )
        )

    def _advance(self, found: RunT, position: int, counts: Mapping[str, int]) -> RunT:
        """The checkpoint of a chunk, in the transaction of its effects. Raises LeaseLost where the run has gone on
        without it, or was stopped: then nothing of the chunk may be committed.
        """
        added = "".join(f"{name} = {name} + %s, " for name in counts)
        changed = self._connection.execute(
            f"""update {self.table} set position = %s, {added} revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s and status = %s and position = %s
                returning {self.columns}""",  # noqa: S608
            (position, *counts.values(), self._tenant_id, found.id, found.status, found.position),
        )
        if not changed:
            raise LeaseLost
        return self.made(changed[0])

    def hold(self, job: Job, lease_s: float) -> None:
        """More time for this attempt. Raises LeaseLost."""
        held = self._connection.execute(
            """update jobs set lease_until = now() + make_interval(secs => %s)
               where tenant_id = %s and id = %s and attempt = %s and status = 'running' returning 1""",
            (lease_s, self._tenant_id, job.id, job.attempt),
        )
        if not held:
            raise LeaseLost

    def _one(self, rows: list[Row]) -> RunT:
        if not rows:
            raise NotFound
        return self.made(rows[0])
