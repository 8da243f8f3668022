"""Cohorts in PostgreSQL: a filter is our own fragments of SQL and the values that go into them."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.cohort_groups import CohortQuery, Group, Tally
from domain.cohorts import Filter, Found, SavedFilter, View
from domain.errors import NotFound, StaleRevision
from domain.members import Member
from domain.pages import Page, Window
from infra import audit
from infra.listing import Listing
from infra.rows import Row, TenantConnection

_MEMBER = ("id", "email", "role", "status", "parent_business_id", "revision", "created_at")
_DOING = ("program_status", "completion", "adherence", "last_activity_at")
FOUND_COLUMNS = ", ".join(
    [*(f"u.{name}" for name in _MEMBER), "u.display_name as name, u.external_id", *(f"d.{name}" for name in _DOING)]
)
_FOUND = f"""
    select {FOUND_COLUMNS}
    from users u cross join lateral app.doing(u.tenant_id, u.id, u.time_zone) d
    where u.tenant_id = %s and u.status <> 'erased'"""  # noqa: S608 - our own column names
# Each condition with as many places as its values fill.
_CONDITIONS = {
    "role": "u.role = any(%s)",
    "status": "u.status = any(%s)",
    "template": """exists (select from submissions s where s.tenant_id = u.tenant_id and s.user_id = u.id
        and s.template_slug = %s)""",
    "program_status": """exists (select from programs p where p.tenant_id = u.tenant_id and p.user_id = u.id
        and p.status = any(%s))""",
    "active_since": "d.last_activity_at >= %s",
    "inactive_since": "(d.last_activity_at is null or d.last_activity_at < %s)",
    "completion_below": "d.completion < %s",
    "adherence_below": "d.adherence < %s",
    "changed": "app.changed(u.tenant_id, u.id, %s, %s) = %s",
    "external_id": "starts_with(lower(u.external_id), lower(%s))",
    "email": "starts_with(lower(u.email), lower(%s))",
    "name": "starts_with(lower(u.display_name), lower(%s))",
}
# Those that ask how somebody does.
_OF_DOING = ("active_since", "inactive_since", "completion_below", "adherence_below")
# Of whom a group is, as text.
_KEYS = {
    "template": """(select s.template_slug from submissions s where s.tenant_id = u.tenant_id and s.user_id = u.id
        order by s.submitted_at desc, s.id desc limit 1)""",
    "clinician": """(select p.reviewed_by::text from programs p where p.tenant_id = u.tenant_id and p.user_id = u.id
        and p.reviewed_by is not null order by p.id desc limit 1)""",
    "month": """(select to_char(min(s.submitted_at) at time zone 'UTC', 'YYYY-MM') from submissions s
        where s.tenant_id = u.tenant_id and s.user_id = u.id)""",
}
_VIEW = "id, name, filter, created_by, revision, created_at, updated_at"


def conditions(wanted: Filter) -> tuple[str, list[Any]]:
    """What follows `where ...` over users `u` and what app.doing() says of them, `d`; and its values."""
    parts, values = [""], []
    for name, condition in _CONDITIONS.items():
        value = getattr(wanted, name)
        if value is None:
            continue
        parts.append(condition)
        if name == "changed":
            values += [value.template, value.scale, 1 if value.direction == "better" else -1]
        else:
            values.append(list(value) if isinstance(value, tuple) else value)
    return " and ".join(parts), values


def meant(wanted: Filter) -> tuple[tuple[str, str], list[Any]]:
    """What follows `from` and what follows `where`, of whose values the tenant is the first; and the other values. How
    somebody does is worked out only where the filter asks for it.
    """
    sql, values = conditions(wanted)
    asks = any(getattr(wanted, name) is not None for name in _OF_DOING)
    source = "users u" + (" cross join lateral app.doing(u.tenant_id, u.id, u.time_zone) d" if asks else "")
    return (source, "u.tenant_id = %s and u.status <> 'erased'" + sql), values


_WAYS = (("better", 1), ("same", 0), ("worse", -1))


class CohortRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    def page(self, window: Window, wanted: Filter) -> Page[Found]:
        audit.record_list(self._connection, "members")
        sql, values = conditions(wanted)
        listing = Listing(_FOUND + sql, ("u.created_at", "u.id"), descending=False)
        return listing.page(self._connection, (self._tenant_id, *values), window, found_from)

    def groups(self, wanted: CohortQuery) -> list[Group]:
        audit.record(self._connection, "cohort.read", "tenant", self._tenant_id, None)
        sql, values = conditions(Filter.model_validate(wanted.filter.model_dump()))
        changes = [f", app.changed(u.tenant_id, u.id, %s, %s) as c{n}" for n in range(len(wanted.changes))]
        judged = [
            f", count(c{n}) as n{n}"
            + "".join(f", count(*) filter (where c{n} = {way}) as {name}{n}" for name, way in _WAYS)
            for n in range(len(wanted.changes))
        ]
        rows = self._connection.execute(
            f"""select key, count(*) as people, count(completion) as completions, count(adherence) as adherences,
                    coalesce(sum(completion), 0) as completion,
                    coalesce(sum(adherence), 0) as adherence{"".join(judged)}
                from (select {_KEYS[wanted.group_by]} as key, d.completion, d.adherence{"".join(changes)}
                      from users u cross join lateral app.doing(u.tenant_id, u.id, u.time_zone) d
                      where u.tenant_id = %s and u.status <> 'erased' and u.role = 'member'{sql}) x
                group by key order by key nulls last""",  # noqa: S608 - our own fragments
            [*(v for each in wanted.changes for v in (each.template, each.scale)), self._tenant_id, *values],
        )
        return [_group(row, len(wanted.changes)) for row in rows]

    def views(self) -> list[View]:
        rows = self._connection.execute(
            f"select {_VIEW} from member_views where tenant_id = %s order by id",  # noqa: S608
            (self._tenant_id,),
        )
        return [_view(row) for row in rows]

    def count_views(self) -> int:
        self._connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 20))", (str(self._tenant_id),))
        [row] = self._connection.execute(
            "select count(*) as number from member_views where tenant_id = %s", (self._tenant_id,)
        )
        number: int = row["number"]
        return number

    def add_view(self, view_id: UUID, name: str, wanted: SavedFilter) -> View:
        [row] = self._connection.execute(
            f"""insert into member_views (tenant_id, id, name, filter, created_by) values (%s, %s, %s, %s, %s)
                returning {_VIEW}""",  # noqa: S608
            (self._tenant_id, view_id, name, _json(wanted), self._connection.context.user_id),
        )
        self._note("created", view_id)
        return _view(row)

    def read_view(self, view_id: UUID) -> View:
        rows = self._connection.execute(
            f"select {_VIEW} from member_views where tenant_id = %s and id = %s",  # noqa: S608
            (self._tenant_id, view_id),
        )
        if not rows:
            raise NotFound
        return _view(rows[0])

    def change_view(self, view_id: UUID, revision: int, name: str, wanted: SavedFilter) -> View:
        rows = self._connection.execute(
            f"""update member_views set name = %s, filter = %s, revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s and revision = %s returning {_VIEW}""",  # noqa: S608
            (name, _json(wanted), self._tenant_id, view_id, revision),
        )
        if not rows:
            self._stale(view_id)
        self._note("changed", view_id)
        return _view(rows[0])

    def delete_view(self, view_id: UUID, revision: int) -> None:
        rows = self._connection.execute(
            "delete from member_views where tenant_id = %s and id = %s and revision = %s returning id",
            (self._tenant_id, view_id, revision),
        )
        if not rows:
            self._stale(view_id)
        self._note("deleted", view_id)

    def _stale(self, view_id: UUID) -> None:
        self.read_view(view_id)
        raise StaleRevision

    def _note(self, what: str, view_id: UUID) -> None:
        audit.record(self._connection, f"view.{what}", "view", view_id, None)


def _json(wanted: SavedFilter) -> Jsonb:
    return Jsonb(wanted.model_dump(mode="json", exclude_none=True))


def _group(row: Row, changes: int) -> Group:
    percents = [Tally(row[f"{name}s"], (int(row[name]),)) for name in ("completion", "adherence")]
    judged = [Tally(row[f"n{n}"], tuple(row[f"{name}{n}"] for name, _ in _WAYS)) for n in range(changes)]
    return Group(row["key"], row["people"], (*percents, *judged))


def found_from(row: Row) -> Found:
    member = Member(name=row["name"], **{name: row[name] for name in _MEMBER})
    return Found(member, row["external_id"], **{name: row[name] for name in _DOING})


def _view(row: Row) -> View:
    return View(**row | {"filter": SavedFilter.model_validate(row["filter"])})
