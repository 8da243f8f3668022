"""The members of bulk actions in PostgreSQL: who is next, what would be done, and what became of each."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.bulk_actions.model import BulkAction, Outcome, Person, Prospect, ShownOutcome
from domain.cohorts import Found
from domain.pages import Page, Window
from infra import audit
from infra.bulk_judgements import judgement
from infra.cohorts import FOUND_COLUMNS, found_from
from infra.listing import Listing
from infra.rows import Row, TenantConnection

PERSON = "'user_id', u.id, 'external_id', u.external_id, 'email', u.email, 'name', u.display_name"
_SHOWN = """select m.number, m.user_id, m.status, m.code, m.result_type, m.result_id, u.external_id, u.email,
        u.display_name as name
    from bulk_action_members m join users u on u.tenant_id = m.tenant_id and u.id = m.user_id
    where m.tenant_id = %s and m.action_id = %s"""
_LISTED = Listing(f"{_SHOWN} and m.status = coalesce(%s, m.status)", ("m.number",), descending=False)


def _shown(row: Row) -> ShownOutcome:
    outcome = Outcome(row["number"], row["user_id"], row["status"], row["code"], row["result_type"], row["result_id"])
    return ShownOutcome(outcome, Person(row["user_id"], row["external_id"], row["email"], row["name"]))


class ActionMembers:
    """What BulkActionRepository knows of members."""

    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    def chunk(self, found: BulkAction, slugs: Sequence[str], now: datetime, most: int) -> list[Prospect]:
        judged, values = judgement(found.action, found.options, slugs, now)
        rows = self._connection.execute(
            f"""select m.number, m.user_id, j.code, j.kind, j.subject
                from (select * from bulk_action_members where tenant_id = %s and action_id = %s and number > %s
                      order by number limit %s) m
                    join users u on u.tenant_id = m.tenant_id and u.id = m.user_id cross join lateral ({judged}) j
                order by m.number""",  # noqa: S608 - our own fragments
            (self._tenant_id, found.id, found.position, most, *values),
        )
        return [Prospect(**row) for row in rows]

    def judged(self, found: BulkAction, people: Sequence[UUID], slugs: Sequence[str], now: datetime) -> dict[UUID, str]:
        self._connection.execute(
            """select 1 from programs where tenant_id = %s and user_id = any(%s)
                   and status in ('active', 'paused_safety', 'pending_review') order by id for update""",
            (self._tenant_id, list(people)),
        )
        judged, values = judgement(found.action, found.options, slugs, now)
        rows = self._connection.execute(
            f"""select u.id, j.code from users u cross join lateral ({judged}) j
                where u.tenant_id = %s and u.id = any(%s) and j.code is not null""",  # noqa: S608
            (*values, self._tenant_id, list(people)),
        )
        return {row["id"]: row["code"] for row in rows}

    def has_more(self, found: BulkAction) -> bool:
        return bool(
            self._connection.execute(
                """select 1 from bulk_action_members where tenant_id = %s and action_id = %s and number > %s limit 1""",
                (self._tenant_id, found.id, found.position),
            )
        )

    def keep_outcomes(self, action_id: UUID, outcomes: Sequence[Outcome]) -> None:
        rows = [
            {
                "number": each.number, "status": each.status, "code": each.code, "result_type": each.result_type,
                "result_id": None if each.result_id is None else str(each.result_id),
            }
            for each in outcomes
        ]  # fmt: skip
        self._connection.execute(
            """update bulk_action_members m set status = r.status, code = r.code, result_type = r.result_type,
                   result_id = r.result_id
               from jsonb_to_recordset(%s) as r (number integer, status text, code text, result_type text,
                   result_id uuid)
               where m.tenant_id = %s and m.action_id = %s and m.number = r.number""",
            (Jsonb(rows), self._tenant_id, action_id),
        )

    def members(self, action_id: UUID, window: Window, status: str | None) -> Page[ShownOutcome]:
        audit.record(self._connection, "bulk_action.members_read", "bulk_action", action_id, None)
        return _LISTED.page(self._connection, (self._tenant_id, action_id, status), window, _shown)

    def all_members(self, action_id: UUID, part: int = 2_000) -> Iterator[ShownOutcome]:
        """Everybody in their order, read in parts."""
        number, more = 0, True
        while more:
            rows = self._connection.execute(
                f"{_SHOWN} and m.number > %s order by m.number limit %s", (self._tenant_id, action_id, number, part)
            )
            yield from map(_shown, rows)
            number, more = (rows[-1]["number"], True) if rows else (number, False)

    def exported(self, found: BulkAction, after: int, most: int) -> list[tuple[int, Found]]:
        rows = self._connection.execute(
            f"""select m.number as place, {FOUND_COLUMNS}
                from (select * from bulk_action_members where tenant_id = %s and action_id = %s and number > %s
                      order by number limit %s) m
                    join users u on u.tenant_id = m.tenant_id and u.id = m.user_id and u.status <> 'erased'
                    cross join lateral app.doing(u.tenant_id, u.id, u.time_zone) d
                order by m.number""",  # noqa: S608
            (self._tenant_id, found.id, after, most),
        )
        return [(row.pop("place"), found_from(row)) for row in rows]

    def _end_export(self, found: BulkAction) -> tuple[int, int]:
        """How many are in it, and how many have been erased meanwhile."""
        [row] = self._connection.execute(
            """with ended as (
                   update bulk_action_members m
                   set status = case when u.status = 'erased' then 'skipped' else 'done' end,
                       code = case when u.status = 'erased' then 'gone' end
                   from users u where u.tenant_id = m.tenant_id and u.id = m.user_id
                       and m.tenant_id = %s and m.action_id = %s and m.status = 'pending' returning m.status)
               select count(*) filter (where status = 'done') as done,
                   count(*) filter (where status = 'skipped') as gone
               from ended""",
            (self._tenant_id, found.id),
        )
        return row["done"], row["gone"]
