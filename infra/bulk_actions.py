"""Bulk actions in PostgreSQL. Their members are in infra/bulk_action_members.py, what is done for these in
infra/bulk_action_effects.py.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.bulk_actions.model import (
    MOST_SAMPLES,
    BulkAction,
    Options,
    Order,
    Outcome,
    Person,
    Preview,
    Sample,
    Status,
)
from infra import audit
from infra.bulk_action_members import PERSON, ActionMembers
from infra.bulk_judgements import judgement
from infra.bulk_runs import BulkRuns
from infra.cohorts import meant
from infra.rows import Row

_COLUMNS = ", ".join(each.name for each in fields(BulkAction))


class BulkActionRepository(ActionMembers, BulkRuns[BulkAction]):
    """Of one tenant."""

    table, columns, subject, results = "bulk_actions", _COLUMNS, "bulk_action", "bulk_action_results"
    ends_told = frozenset({"completed", "failed"})
    waits_since = "created_at"

    @staticmethod
    def made(row: Row) -> BulkAction:
        return BulkAction(**row | {"options": Options(**row["options"])})

    def preview(self, order: Order, slugs: Sequence[str], now: datetime) -> Preview:
        """In one statement over everybody whom the filter means."""
        audit.record(self._connection, "bulk_action.previewed", "tenant", self._tenant_id, None)
        judged, values = judgement(order.action, order.options, slugs, now)
        source, filtered = meant(order.filter)
        rows = self._connection.execute(
            f"""select code, count(*) as number, jsonb_agg(person order by place) filter (where place <= %s) as first
                from (select j.code, row_number() over (partition by j.code order by u.created_at, u.id) as place,
                          jsonb_build_object({PERSON}) as person
                      from {source[0]} cross join lateral ({judged}) j where {source[1]}) x
                group by code order by code nulls first""",  # noqa: S608 - our own fragments
            (MOST_SAMPLES, *values, self._tenant_id, *filtered),
        )
        sample = [
            Sample(Person(**each | {"user_id": UUID(each["user_id"])}), row["code"])
            for row in rows
            for each in row["first"]
        ]
        reasons = {row["code"]: row["number"] for row in rows if row["code"] is not None}
        count = sum(row["number"] for row in rows)
        return Preview(count, count - sum(reasons.values()), reasons, sample)

    def add(self, order: Order, action_id: UUID, created_by: UUID, correlation_id: str) -> BulkAction:
        """With a row for everybody whom the filter means now, in the order in which they came: one statement, however
        many they are.
        """
        self._connection.execute(
            """insert into bulk_actions (tenant_id, id, created_by, action, filter, narrowed, options, status, to_do,
                   correlation_id) values (%s, %s, %s, %s, %s, %s, %s, 'waiting', 0, %s)""",
            (
                self._tenant_id, action_id, created_by, order.action, Jsonb(order.kept_filter), Jsonb(order.narrowed),
                Jsonb(asdict(order.options)), correlation_id,
            ),
        )  # fmt: skip
        source, filtered = meant(order.filter)
        [row] = self._connection.execute(
            f"""with fixed as (
                    insert into bulk_action_members (tenant_id, action_id, number, user_id)
                    select %s, %s, row_number() over (order by u.created_at, u.id), u.id
                    from {source[0]} where {source[1]} returning 1)
                select count(*) as number from fixed""",  # noqa: S608
            (self._tenant_id, action_id, self._tenant_id, *filtered),
        )
        self.note("ordered", action_id)
        return self.change(action_id, to_do=row["number"])

    def end(self, action_id: UUID, status: Status, error_code: str | None = None) -> BulkAction:
        return self._end(action_id, status, {"error_code": error_code})

    def advance(self, found: BulkAction, outcomes: Sequence[Outcome]) -> BulkAction:
        counts = {status: sum(each.status == status for each in outcomes) for status in ("done", "skipped", "failed")}
        return self._advance(found, outcomes[-1].number if outcomes else found.position, counts)

    def finish_export(self, found: BulkAction) -> BulkAction:
        done, gone = self._end_export(found)
        return self._advance(found, found.to_do, {"done": done, "skipped": gone})

    def has_file(self, action_id: UUID, days: int) -> bool:
        return bool(
            self._connection.execute(
                """select 1 from bulk_actions where tenant_id = %s and id = %s and action = 'export'
                       and status = 'completed' and finished_at > now() - make_interval(days => %s)""",
                (self._tenant_id, action_id, days),
            )
        )
