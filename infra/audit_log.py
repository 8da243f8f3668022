"""The audit log as people read it, newest first. Row-level security says whose, the filters which."""

from collections.abc import Sequence
from dataclasses import fields
from uuid import UUID

from domain.audit import COLUMNS, AuditEntry, AuditFilter, AuditRow
from domain.pages import Page, Window
from domain.tenancy import Actor, Operator
from infra import audit
from infra.listing import Listing
from infra.rows import Connection, Row, TenantConnection

_ROW = ", ".join(f"l.{name}" for name in COLUMNS)
_KEYS = ("l.at", "l.id")
_NAMED = f"""
    select {_ROW}, coalesce(nullif(u.display_name, ''), u.email) as actor_name
    from audit_log l left join users u on u.tenant_id = l.tenant_id and u.id = l.actor_id
    where l.tenant_id = %s"""  # noqa: S608 - our own column names
_ALL = f"select {_ROW}, null as actor_name from audit_log l where true"  # noqa: S608
_BOUNDS = {"since": "l.at >= %s", "until": "l.at < %s"}
# Of what a log of every tenant is the subject.
_EVERYBODY = UUID(int=0)


def _entry(row: Row) -> AuditEntry:
    name = row.pop("actor_name")
    return AuditEntry(AuditRow(**row), name)


def _filtered(query: str, params: Sequence[object], wanted: AuditFilter) -> tuple[str, list[object]]:
    given = [(each.name, getattr(wanted, each.name)) for each in fields(wanted)]
    asked = [(_BOUNDS.get(name, f"l.{name} = %s"), value) for name, value in given if value is not None]
    return " and ".join([query, *(condition for condition, _ in asked)]), [*params, *(value for _, value in asked)]


def _page(connection: Connection[Actor], query: str, params: Sequence[object], window: Window) -> Page[AuditEntry]:
    return Listing(query, _KEYS, descending=True).page(connection, params, window, _entry)


class AuditLogRepository:
    """Of one tenant."""

    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    def page(self, window: Window, wanted: AuditFilter) -> Page[AuditEntry]:
        return _page(self._connection, *_filtered(_NAMED, (self._tenant_id,), wanted), window)

    def about_me(self, window: Window) -> Page[AuditEntry]:
        """What others did to the caller's records, or read of them."""
        me = self._connection.context.user_id
        query = f"{_NAMED} and l.subject_user_id = %s and l.actor_id <> %s"
        return _page(self._connection, query, (self._tenant_id, me, me), window)


class OperatorsAuditLog:
    """Of every tenant, as ffp_ops. What an operator sees of it is a row of it."""

    def __init__(self, connection: Connection[Operator]) -> None:
        self._connection = connection

    def page(self, window: Window, wanted: AuditFilter) -> Page[AuditEntry]:
        page = _page(self._connection, *_filtered(_ALL, (), wanted), window)
        # Where there were rows there is such a tenant, and it reads in its own log who has looked.
        seen = wanted.tenant_id if page.items else None
        audit.record(self._connection, "audit.read", "tenant", wanted.tenant_id or _EVERYBODY, None, of_tenant=seen)
        return page
