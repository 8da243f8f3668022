"""Imports in PostgreSQL. Their rows are in infra/import_rows.py, what these cause in infra/import_effects.py."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.imports.model import Import, Options, Row, Status
from domain.jobs import LeaseLost
from infra.bulk_runs import BulkRuns
from infra.import_rows import ImportRows, staged
from infra.rows import Row as Record

_COLUMNS = ", ".join(each.name for each in fields(Import))


class ImportRepository(ImportRows, BulkRuns[Import]):
    """Of one tenant."""

    table, columns, subject, results = "imports", _COLUMNS, "import", "import_results"
    ends_told = frozenset({"completed", "failed", "invalid", "undone"})
    waits_since = "confirmed_at"

    @staticmethod
    def made(row: Record) -> Import:
        return Import(**row | {"options": Options(**row["options"])})

    def add(self, new: Mapping[str, Any]) -> Import:
        names = ("id", "created_by", "kind", "mode", "on_duplicate", "options", "correlation_id")
        [row] = self._connection.execute(
            f"""insert into imports (tenant_id, {", ".join(names)}) values (%s{", %s" * len(names)})
                returning {_COLUMNS}""",  # noqa: S608
            (self._tenant_id, *(Jsonb(asdict(new[n])) if n == "options" else new[n] for n in names)),
        )
        self.note("created", row["id"])
        return self.made(row)

    def confirm(self, import_id: UUID, to_do: int) -> Import:
        rows = self._connection.execute(
            f"""update imports set to_do = %s, done = 0, skipped = 0, failed = 0, position = 0, confirmed_at = now(),
                    revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s returning {_COLUMNS}""",  # noqa: S608
            (to_do, self._tenant_id, import_id),
        )
        self.note("confirmed", import_id)
        return self._one(rows)

    def end(self, import_id: UUID, status: Status, error_code: str | None = None, row: int | None = None) -> Import:
        return self._end(import_id, status, {"error_code": error_code, "error_row": row})

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
        return self.made(changed[0])

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
        counts = {
            "done": 0 if found.status == "undoing" else number["done"],  # rows in use stay done
            "skipped": number["skipped"],
            "failed": number["failed"],
            "undone": number["undone"],
        }
        return self._advance(found, rows[-1].number if rows else found.position, counts)
