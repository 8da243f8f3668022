"""Rows of imports in PostgreSQL, and whom they name."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.imports.limits import READ_AT_ONCE
from domain.imports.model import Import, Row, RowIssue
from domain.imports.planning import Known, Person, issue_list
from domain.pages import Page, Window
from infra import audit
from infra.listing import Listing
from infra.rows import Row as Record
from infra.rows import TenantConnection

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
# Thousands of texts as one parameter.
_TEXTS = "array(select jsonb_array_elements_text(%s))"
_PEOPLE = "id, email, external_id, display_name as name, role, status"


def _row(row: Record) -> Row:
    return Row(**row | {"issues": [RowIssue(**each) for each in row["issues"]]})


class ImportRows:
    """What ImportRepository knows of rows."""

    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

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

    def rows(self, import_id: UUID, window: Window, status: str | None) -> Page[Row]:
        audit.record(self._connection, "import.rows_read", "import", import_id, None)
        return _LISTED.page(self._connection, (self._tenant_id, import_id, status), window, _row)

    def sample(self, import_id: UUID, number: int = 5) -> list[Row]:
        """The first of each kind of outcome. On record, as any read of rows."""
        audit.record(self._connection, "import.rows_read", "import", import_id, None)
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
            (self._tenant_id, import_id, number, READ_AT_ONCE),
        )
        return [_row(row) for row in rows]

    def all_rows(self, import_id: UUID, part: int = READ_AT_ONCE) -> Iterator[Row]:
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

    def known(self, external_ids: Sequence[str], emails: Sequence[str], slugs: Sequence[str] | None) -> Known:
        """`slugs`: also what these people have begun or handed in of these templates."""
        people = self._connection.execute(
            f"""select {_PEOPLE} from users where tenant_id = %s and external_id = any({_TEXTS}) and status <> 'erased'
                union select {_PEOPLE} from users where tenant_id = %s and lower(email) = any({_TEXTS})""",  # noqa: S608
            (self._tenant_id, Jsonb(list(external_ids)), self._tenant_id, Jsonb(list(emails))),
        )
        found = [Person(**row) for row in people]
        if slugs is None:
            invited = self._connection.execute(
                f"""select lower(email) as email from invitations
                    where tenant_id = %s and lower(email) = any({_TEXTS}) and status = 'open'
                        and expires_at > now()""",  # noqa: S608
                (self._tenant_id, Jsonb(list(emails))),
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


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def staged(row: Row) -> dict[str, Any]:
    return {
        "number": row.number, "user_id": _text(row.user_id), "key": row.key, "email": row.email, "cells": row.cells,
        "action": row.action, "status": row.status, "issues": issue_list(row.issues),
    }  # fmt: skip
