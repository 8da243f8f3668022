"""Imports and their rows in PostgreSQL. What the rows cause is in infra/import_effects.py."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.errors import NotFound
from domain.imports.limits import ERRORS_AT_ONCE
from domain.imports.model import Import, Options, Row, RowIssue, Status
from domain.imports.planning import Known, Person, issue_list
from domain.jobs import Job, LeaseLost
from domain.pages import Page, Window
from infra import audit
from infra.listing import Listing
from infra.rows import Row as Record
from infra.rows import TenantConnection

_COLUMNS = ", ".join(each.name for each in fields(Import))
_READ = f"select {_COLUMNS} from imports where tenant_id = %s and id = %s"  # noqa: S608 - our own column names
_ALL = Listing(f"select {_COLUMNS} from imports where tenant_id = %s", ("id",), descending=True)  # noqa: S608
_ROW = """number, cells, action, status, issues, user_id, key, email, result_type, result_id, before"""
_ROWS = f"select {_ROW} from import_rows where tenant_id = %s and import_id = %s"  # noqa: S608
_LISTED = Listing(f"{_ROWS} and status = coalesce(%s, status)", ("number",), descending=False)
# Two rows that say the same of one: neither is believed. Everybody but members may be named once by what the key says.
_DUPLICATES = """
    update import_rows r set status = 'failed', action = null,
        issues = issues || '[{"column": null, "code": "duplicate_in_file"}]'
    where tenant_id = %(tenant)s and import_id = %(import)s and (
        key in (select key from import_rows where tenant_id = %(tenant)s and import_id = %(import)s and key is not null
                group by key having count(*) > 1)
        or (%(by_address)s and email in (
            select email from import_rows where tenant_id = %(tenant)s and import_id = %(import)s and email is not null
            group by email having count(*) > 1)))"""
_PEOPLE = "id, email, external_id, display_name as name, role, status"


def _import(row: Record) -> Import:
    return Import(**row | {"options": Options(**row["options"])})


def _row(row: Record) -> Row:
    return Row(**row | {"issues": [RowIssue(**each) for each in row["issues"]]})


class ImportRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

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

    # --- rows ---

    def stage(self, found: Import, rows: Sequence[Row], columns: Sequence[str], file: Mapping[str, Any]) -> Import:
        """Keep these rows after those that are there. Raises LeaseLost where somebody else has gone on from `found`."""
        changed = self._connection.execute(
            f"""update imports set staged = staged + %s, last_row = %s, columns = %s, format = %s, size = %s, sha256 = %s,
                    revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s and status = 'validating' and staged = %s returning {_COLUMNS}""",  # noqa: S608
            (
                len(rows), rows[-1].number if rows else found.last_row, Jsonb(list(columns)), file["format"],
                file["size"], file["sha256"], self._tenant_id, found.id, found.staged,
            ),
        )  # fmt: skip
        if not changed:
            raise LeaseLost
        self._connection.execute(
            """insert into import_rows (tenant_id, import_id, number, user_id, key, email, cells, action, status, issues)
               select %s, %s, number, user_id, key, email, cells::jsonb, action, status, issues::jsonb
               from unnest(%s::int[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
                   as r (number, user_id, key, email, cells, action, status, issues)""",
            (self._tenant_id, found.id, *_columns_of(rows)),
        )
        return _import(changed[0])

    def mark_duplicates(self, found: Import) -> None:
        self._connection.execute(
            _DUPLICATES,
            {"tenant": self._tenant_id, "import": found.id, "by_address": found.kind == "members"},
        )

    def counts(self, import_id: UUID) -> dict[str, int]:
        rows = self._connection.execute(
            """select case when status = 'pending' then action when status = 'skipped' then 'skip'
                   when status = 'failed' then 'fail' else status end as what, count(*) as number
               from import_rows where tenant_id = %s and import_id = %s group by 1""",
            (self._tenant_id, import_id),
        )
        return {row["what"]: row["number"] for row in rows}

    def invited_today(self) -> int:
        [row] = self._connection.execute(
            """select count(*) as made from invitations
               where tenant_id = %s and imported and created_at > now() - interval '1 day'""",
            (self._tenant_id,),
        )
        made: int = row["made"]
        return made

    def rows(self, import_id: UUID, window: Window, status: str | None) -> Page[Row]:
        audit.record(self._connection, "import.rows_read", "import", import_id, None)
        return _LISTED.page(self._connection, (self._tenant_id, import_id, status), window, _row)

    def sample(self, import_id: UUID, number: int = 5) -> list[Row]:
        """The first of each kind of outcome."""
        rows = self._connection.execute(
            f"""select {_ROW} from (select *, row_number() over (partition by status, action order by number) as place
                    from import_rows where tenant_id = %s and import_id = %s) r
                where place <= %s order by number limit 20""",  # noqa: S608
            (self._tenant_id, import_id, number),
        )
        return [_row(row) for row in rows]

    def failed_after(self, import_id: UUID, number: int) -> list[Row]:
        rows = self._connection.execute(
            f"{_ROWS} and status = 'failed' and number > %s order by number limit %s",
            (self._tenant_id, import_id, number, ERRORS_AT_ONCE),
        )
        return [_row(row) for row in rows]

    def all_rows(self, import_id: UUID, part: int = 2_000) -> Iterator[Row]:
        """Every row in its order, read in parts."""
        number, more = -1, True
        while more:
            rows = self._connection.execute(
                f"{_ROWS} and number > %s order by number limit %s", (self._tenant_id, import_id, number, part)
            )
            yield from map(_row, rows)
            number, more = (rows[-1]["number"], True) if rows else (number, False)

    def chunk(self, found: Import, status: str, most: int) -> list[Row]:
        rows = self._connection.execute(
            f"{_ROWS} and status = %s and number > %s order by number limit %s",
            (self._tenant_id, found.id, status, found.position, most),
        )
        return [_row(row) for row in rows]

    def retry(self, import_id: UUID) -> int:
        """Failed rows are pending again, but for those that contradict another row. Returns how many there were."""
        return len(
            self._connection.execute(
                """update import_rows set status = 'pending', issues = '[]'
                   where tenant_id = %s and import_id = %s and status = 'failed'
                       and not issues @> '[{"code": "duplicate_in_file"}]' returning 1""",
                (self._tenant_id, import_id),
            )
        )

    def keep_results(self, import_id: UUID, rows: Sequence[Row]) -> None:
        self._connection.execute(
            """update import_rows i set status = r.status, action = r.action, issues = r.issues,
                   user_id = coalesce(r.user_id, i.user_id), result_type = r.result_type, result_id = r.result_id,
                   before = r.before
               from jsonb_to_recordset(%s) as r (number integer, status text, action text, issues jsonb, user_id uuid,
                   result_type text, result_id uuid, before jsonb)
               where i.tenant_id = %s and i.import_id = %s and i.number = r.number""",
            (
                Jsonb(
                    [
                        {
                            "number": row.number,
                            "status": row.status,
                            "action": row.action,
                            "issues": issue_list(row.issues),
                            "user_id": _text(row.user_id),
                            "result_type": row.result_type,
                            "result_id": _text(row.result_id),
                            "before": row.before,
                        }
                        for row in rows
                    ]
                ),
                self._tenant_id,
                import_id,
            ),
        )

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
                where tenant_id = %s and id = %s and status = %s and position = %s returning {_COLUMNS}""",  # noqa: S608
            (
                rows[-1].number if rows else found.position,
                0 if found.status == "undoing" else number["done"], number["skipped"], number["failed"], number["undone"],
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

    # --- whom they name ---

    def known(self, external_ids: Sequence[str], emails: Sequence[str], slugs: Sequence[str] | None) -> Known:
        """`slugs`: also what these people have begun or handed in of these templates."""
        people = self._connection.execute(
            f"""select {_PEOPLE} from users where tenant_id = %s and external_id = any(%s) and status <> 'erased'
                union select {_PEOPLE} from users where tenant_id = %s and lower(email) = any(%s)""",  # noqa: S608
            (self._tenant_id, list(external_ids), self._tenant_id, list(emails)),
        )
        found = [Person(**row) for row in people]
        if slugs is None:
            invited = self._connection.execute(
                """select lower(email) as email from invitations
                   where tenant_id = %s and lower(email) = any(%s) and status = 'open' and expires_at > now()""",
                (self._tenant_id, list(emails)),
            )
            return Known(found, frozenset(row["email"] for row in invited))
        ids = [each.id for each in found]
        submitted = self._connection.execute(
            """select distinct user_id, template_slug from submissions
               where tenant_id = %s and user_id = any(%s) and template_slug = any(%s)""",
            (self._tenant_id, ids, list(slugs)),
        )
        drafts = self._connection.execute(
            """select a.user_id, t.slug from assessments a join templates t on t.id = a.template_id
               where a.tenant_id = %s and a.user_id = any(%s) and a.status = 'draft'""",
            (self._tenant_id, ids),
        )
        return Known(
            found,
            submitted=frozenset((row["user_id"], row["template_slug"]) for row in submitted),
            drafts=frozenset((row["user_id"], row["slug"]) for row in drafts),
        )

    @staticmethod
    def _one(rows: list[Record]) -> Import:
        if not rows:
            raise NotFound
        return _import(rows[0])


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _columns_of(rows: Sequence[Row]) -> Iterator[list[Any]]:
    yield [row.number for row in rows]
    yield [row.user_id for row in rows]
    yield [row.key for row in rows]
    yield [row.email for row in rows]
    yield [json.dumps(row.cells, ensure_ascii=False) for row in rows]
    yield [row.action for row in rows]
    yield [row.status for row in rows]
    yield [json.dumps(issue_list(row.issues)) if row.issues else "[]" for row in rows]
