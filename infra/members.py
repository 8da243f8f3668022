"""Members of a business in PostgreSQL, whose policies and triggers say who may see and change whom."""

from collections.abc import Mapping
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.errors import Forbidden, NotFound, StaleRevision
from domain.members import Member
from domain.pages import Page, Window
from infra import audit
from infra.listing import Listing
from infra.rows import Row, TenantConnection

_COLUMNS = "id, email, display_name as name, role, status, parent_business_id, revision, created_at"
_ALL = Listing(
    f"""select {_COLUMNS} from users
        where tenant_id = %s and status <> 'erased' and role = coalesce(%s, role) and status = coalesce(%s, status)
            and (display_name || ' ' || email) ilike %s""",  # noqa: S608 - our own column names
    ("created_at", "id"),
    descending=False,
)
_CHANGE = f"""update users set role = coalesce(%s, role), status = coalesce(%s, status)
    where tenant_id = %s and id = %s and revision = %s returning {_COLUMNS}"""  # noqa: S608
_CHOSEN = "coalesce(preferences -> 'email', '{}')"


class MemberRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id
        self._user_id = connection.context.user_id

    def page(self, window: Window, *, role: str | None, status: str | None, search: str | None) -> Page[Member]:
        """In the order in which they came. `search` is a part of the name or the address."""
        audit.record_list(self._connection, "members")
        pattern = "%" if search is None else f"%{_literal(search)}%"
        return _ALL.page(self._connection, (self._tenant_id, role, status, pattern), window, _member)

    def read(self, member_id: UUID) -> Member:
        """Leaves a row in the audit log where it is somebody else."""
        member = self.get(member_id)
        audit.record_read(self._connection, "user", member.id, member.id)
        return member

    def get(self, member_id: UUID | None) -> Member:
        rows = self._connection.execute(
            f"select {_COLUMNS} from users where tenant_id = %s and id = %s and status <> 'erased'",  # noqa: S608
            (self._tenant_id, member_id),
        )
        if not rows:
            raise NotFound
        return _member(rows[0])

    def change(
        self, member_id: UUID, revision: int, action: str, *, role: str | None = None, status: str | None = None
    ) -> Member:
        """`action` is for the audit log. Raises StaleRevision, Forbidden, LastOwner."""
        rows = self._connection.execute(_CHANGE, (role, status, self._tenant_id, member_id, revision))
        if not rows:
            if self.get(member_id).revision != revision:
                raise StaleRevision
            raise Forbidden
        audit.record(self._connection, action, "user", member_id, member_id)
        return _member(rows[0])

    def step_down(self) -> None:
        """The caller, an owner, becomes an administrator. Raises Forbidden where they are not an owner any more."""
        rows = self._connection.execute(
            """update users set role = 'business_admin'
               where tenant_id = %s and id = %s and role = 'business_owner' returning id""",
            (self._tenant_id, self._user_id),
        )
        if not rows or self._user_id is None:
            raise Forbidden
        audit.record(self._connection, "user.role_changed", "user", self._user_id, self._user_id)

    def business_name(self) -> str:
        [row] = self._connection.execute("select name from tenants where id = %s", (self._tenant_id,))
        name: str = row["name"]
        return name

    def email_preferences(self) -> dict[str, bool]:
        """The caller's own choices; what they have not chosen is not there."""
        return self._chosen(
            f"select {_CHOSEN} as chosen from users where tenant_id = %s and id = %s",  # noqa: S608
            (self._tenant_id, self._user_id),
        )

    def choose_emails(self, changes: Mapping[str, bool]) -> dict[str, bool]:
        return self._chosen(
            f"""update users set preferences = jsonb_set(preferences, '{{email}}', {_CHOSEN} || %s)
                where tenant_id = %s and id = %s returning {_CHOSEN} as chosen""",  # noqa: S608
            (Jsonb(dict(changes)), self._tenant_id, self._user_id),
        )

    def quiet_hours(self) -> dict[str, str] | None:
        """`start` and `end` as HH:MM, as the caller has chosen them."""
        rows = self._connection.execute(
            "select preferences -> 'quiet_hours' as chosen from users where tenant_id = %s and id = %s",
            (self._tenant_id, self._user_id),
        )
        return rows[0]["chosen"] if rows else None

    def choose_quiet_hours(self, start: str, end: str) -> None:
        self._connection.execute(
            """update users set preferences = jsonb_set(preferences, '{quiet_hours}', %s)
               where tenant_id = %s and id = %s""",
            (Jsonb({"start": start, "end": end}), self._tenant_id, self._user_id),
        )

    def _chosen(self, query: str, params: tuple[object, ...]) -> dict[str, bool]:
        rows = self._connection.execute(query, params)
        if not rows:
            raise NotFound
        chosen: dict[str, bool] = rows[0]["chosen"]
        return chosen


def _member(row: Row) -> Member:
    return Member(**row)


def _literal(text: str) -> str:
    """For LIKE: its own signs are taken for themselves."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
