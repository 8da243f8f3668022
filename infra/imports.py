"""Imports in PostgreSQL. Their rows are in infra/import_rows.py, what these cause in infra/import_effects.py."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.errors import NotFound
from domain.imports.model import Import, Options, Row, Status
from domain.jobs import Job, LeaseLost
from domain.pages import Page, Window
from infra import audit
from infra.import_rows import ImportRows, staged
from infra.listing import Listing
from infra.rows import Row as Record

_COLUMNS = ", ".join(each.name for each in fields(Import))
_READ = f"select {_COLUMNS} from imports where tenant_id = %s and id = %s"  # noqa: S608 - our own column names
_ALL = Listing(f"select {_COLUMNS} from imports where tenant_id = %s", ("id",), descending=True)  # noqa: S608

_TOLD = frozenset({"completed", "failed", "invalid", "undone"})  # ends that nobody was waiting at


def _import(row: Record) -> Import:
    return Import(**row | {"options": Options(**row["options"])})


class ImportRepository(ImportRows):
    """Of one tenant."""

    def add(self, new: Mapping[str, Any]) -> Import:
        names = ("id", "created_by", "kind", "mode", "on_duplicate", "options", "correlation_id")
        [row] = self._connection.execute(
            f"""insert into imports (tenant_id, {", ".join(names)}) values (%s{", %s" * len(names)})
                returning {_COLUMNS}""",  # noqa: S608
            (self._tenant_id, *(Jsonb(asdict(new[n])) if n == "options" else new[n] for n in names)),
        )
        self.note("created", row["id"])
        return _import(row)

    def note(self, what: str, import_id: UUID) -> None:
        audit.record(self._connection, f"import.{what}", "import", import_id, None)

    def page(self, window: Window) -> Page[Import]:
        return _ALL.page(self._connection, (self._tenant_id,), window, _import)

    def read(self, import_id: UUID | None) -> Import:
        return self._one(self._connection.execute(_READ, (self._tenant_id, import_id)))

    def locked(self, import_id: UUID | None) -> Import:
        """Nobody else changes it before this unit ends."""
        return self._one(self._connection.execute(f"{_READ} for update", (self._tenant_id, import_id)))

    def change(self, import_id: UUID, **values: Any) -> Import:
        """Set these columns; what everybody follows is its revision."""
        sets = ", ".join(f"{name} = %s" for name in values)
        rows = self._connection.execute(
            f"""update imports set {sets}, revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s returning {_COLUMNS}""",  # noqa: S608
            (
                *(Jsonb(v) if isinstance(v, dict | list) else v for v in values.values()),
                self._tenant_id,
                import_id,
            ),
        )
        return self._one(rows)

    def confirm(self, import_id: UUID, to_do: int) -> Import:
        rows = self._connection.execute(
            f"""update imports set to_do = %s, done = 0, skipped = 0, failed = 0, position = 0, confirmed_at = now(),
                    revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s returning {_COLUMNS}""",  # noqa: S608
            (to_do, self._tenant_id, import_id),
        )
        self.note("confirmed", import_id)
        return self._one(rows)

    def begin_run(self, import_id: UUID, status: Status, base: int) -> Import:
        rows = self._connection.execute(
            f"""update imports set status = %s, run_started_at = now(), run_base = %s, error_code = null,
                    finished_at = null, revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s returning {_COLUMNS}""",  # noqa: S608
            (status, base, self._tenant_id, import_id),
        )
        return self._one(rows)

    def end(self, import_id: UUID, status: Status, error_code: str | None = None, row: int | None = None) -> Import:
        rows = self._connection.execute(
            f"""update imports set status = %s, error_code = %s, error_row = %s, finished_at = now(),
                    revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s returning {_COLUMNS}""",  # noqa: S608
            (status, error_code, row, self._tenant_id, import_id),
        )
        self.note(status, import_id)
        if status in _TOLD:
            self._connection.execute(
                """select app.notify_user(u.id, 'import_finished', 'import', i.id) from imports i
                   join users u on u.tenant_id = i.tenant_id and u.id = i.created_by
                   where i.tenant_id = %s and i.id = %s""",
                (self._tenant_id, import_id),
            )
        return self._one(rows)

    def slot(self) -> bool:
        """Whether none runs. Nobody else finds that out before this unit ends."""
        self._connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 18))", (str(self._tenant_id),))
        return not self._connection.execute(
            "select 1 from imports where tenant_id = %s and status in ('running', 'undoing')", (self._tenant_id,)
        )

    def next_waiting(self) -> Import | None:
        rows = self._connection.execute(
            f"""select {_COLUMNS} from imports where tenant_id = %s and status = 'waiting'
                order by confirmed_at, id limit 1 for update""",  # noqa: S608
            (self._tenant_id,),
        )
        return _import(rows[0]) if rows else None

    def has_results(self, import_id: UUID, days: int) -> bool:
        return bool(
            self._connection.execute(
                """select 1 from jobs where tenant_id = %s and kind = 'import_results' and subject_id = %s
                       and status = 'succeeded' and finished_at > now() - make_interval(days => %s) limit 1""",
                (self._tenant_id, import_id, days),
            )
        )

    def stage(self, found: Import, rows: Sequence[Row], columns: Sequence[str], file: Mapping[str, Any]) -> Import:
        """Keep these rows after those that are there. Raises LeaseLost where somebody else has gone on from `found`."""
        changed = self._connection.execute(
            f"""update imports set staged = staged + %s, last_row = %s, columns = %s, format = %s, size = %s,
                    sha256 = %s, revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s and status = 'validating' and staged = %s
                returning {_COLUMNS}""",  # noqa: S608
            (
                len(rows), rows[-1].number if rows else found.last_row, Jsonb(list(columns)), file["format"],
                file["size"], file["sha256"], self._tenant_id, found.id, found.staged,
            ),
        )  # fmt: skip
        if not changed:
            raise LeaseLost
        # As JSON: psycopg makes arrays of texts in Python, which took longer than all the rest.
        self._connection.execute(
            """insert into import_rows (tenant_id, import_id, number, user_id, key, email, cells, action, status,
                   issues)
               select %s, %s, number, user_id, key, email, cells, action, status, issues
               from jsonb_to_recordset(%s) as r (number integer, user_id uuid, key text, email text, cells jsonb,
                   action text, status text, issues jsonb)""",
            (self._tenant_id, found.id, Jsonb([staged(row) for row in rows])),
        )
        return _import(changed[0])

    def invited_today(self) -> int:
        [row] = self._connection.execute(
            """select count(*) as made from invitations
               where tenant_id = %s and imported and created_at > now() - interval '1 day'""",
            (self._tenant_id,),
        )
        made: int = row["made"]
        return made

    def advance(self, found: Import, rows: Sequence[Row]) -> Import:
        """The checkpoint of a chunk, in the transaction of its effects. Raises LeaseLost where the import has gone on
        without it, or was stopped: then nothing of the chunk may be committed.
        """
        number = {
            status: sum(row.status == status for row in rows) for status in ("done", "skipped", "failed", "undone")
        }
        changed = self._connection.execute(
            f"""update imports set position = %s, done = done + %s, skipped = skipped + %s, failed = failed + %s,
                    undone = undone + %s, revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s and status = %s and position = %s
                returning {_COLUMNS}""",  # noqa: S608
            (
                rows[-1].number if rows else found.position,
                0 if found.status == "undoing" else number["done"],  # rows in use stay done
                number["skipped"], number["failed"], number["undone"],
                self._tenant_id, found.id, found.status, found.position,
            ),
        )  # fmt: skip
        if not changed:
            raise LeaseLost
        return _import(changed[0])

    def hold(self, job: Job, lease_s: float) -> None:
        """More time for this attempt. Raises LeaseLost."""
        held = self._connection.execute(
            """update jobs set lease_until = now() + make_interval(secs => %s)
               where tenant_id = %s and id = %s and attempt = %s and status = 'running' returning 1""",
            (lease_s, self._tenant_id, job.id, job.attempt),
        )
        if not held:
            raise LeaseLost

    @staticmethod
    def _one(rows: list[Record]) -> Import:
        if not rows:
            raise NotFound
        return _import(rows[0])
