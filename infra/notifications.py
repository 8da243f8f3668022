"""Notifications in PostgreSQL. Row-level security shows everybody their own, whatever their role."""

from datetime import datetime
from uuid import UUID

from domain.errors import NotFound
from domain.notifications import Notification
from domain.pages import Page, Window
from infra.listing import Listing
from infra.rows import TenantConnection

_COLUMNS = "id, kind, subject_type, subject_id, created_at, read_at"
_OWN = Listing(
    f"""select {_COLUMNS} from notifications
        where tenant_id = %s and user_id = %s and (read_at is null or not %s)""",  # noqa: S608 - our own column names
    ("created_at", "id"),
    descending=True,
)


class NotificationRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._owner = (connection.context.tenant_id, connection.context.user_id)

    def page(self, window: Window, *, unread: bool) -> Page[Notification]:
        return _OWN.page(self._connection, (*self._owner, unread), window, lambda row: Notification(**row))

    def since(self, moment: datetime) -> list[Notification]:
        """The caller's own made after `moment`, oldest first, at most 100."""
        rows = self._connection.execute(
            f"""select {_COLUMNS} from notifications where tenant_id = %s and user_id = %s and created_at > %s
                order by created_at, id limit 100""",  # noqa: S608
            (*self._owner, moment),
        )
        return [Notification(**row) for row in rows]

    def mark_read(self, notification_id: UUID) -> Notification:
        """Once read, it keeps the time of the first reading."""
        rows = self._connection.execute(
            f"""update notifications set read_at = coalesce(read_at, now())
                where tenant_id = %s and user_id = %s and id = %s returning {_COLUMNS}""",  # noqa: S608
            (*self._owner, notification_id),
        )
        if not rows:
            raise NotFound
        return Notification(**rows[0])
