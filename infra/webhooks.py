"""A business's webhooks in PostgreSQL, as who runs it sees them: the secret is written, and never read here."""

from datetime import datetime
from uuid import UUID

from domain.errors import NotFound
from domain.pages import Page, Window
from domain.webhooks import TEST, Delivery, Endpoint, Wanted
from infra import audit
from infra.listing import Listing
from infra.rows import Row, TenantConnection

_COLUMNS = """id, url, events, description, enabled, disabled_reason, previous_until, failing_since, revision,
    created_at, updated_at"""
_LOG_COLUMNS = """id, endpoint_id, type, subject_id, status, attempt,
    case when status = 'pending' then next_at end as next_at, attempted_at, outcome, response_status,
    duration_ms, created_at"""
_LOG = Listing(
    f"""select {_LOG_COLUMNS} from webhook_deliveries
        where tenant_id = %s and endpoint_id = %s and status = coalesce(%s, status)""",  # noqa: S608 - our own columns
    ("created_at", "id"),
    descending=True,
)


class WebhookRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    def count(self) -> int:
        """Whoever adds one at the same time waits for this transaction."""
        self._connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 13))", (str(self._tenant_id),))
        [row] = self._connection.execute(
            "select count(*) as found from webhook_endpoints where tenant_id = %s and deleted_at is null",
            (self._tenant_id,),
        )
        found: int = row["found"]
        return found

    def all(self) -> list[Endpoint]:
        """Oldest first."""
        rows = self._connection.execute(
            f"""select {_COLUMNS} from webhook_endpoints
                where tenant_id = %s and deleted_at is null order by created_at, id""",  # noqa: S608
            (self._tenant_id,),
        )
        return [_endpoint(row) for row in rows]

    def read(self, endpoint_id: UUID) -> Endpoint:
        rows = self._connection.execute(
            f"""select {_COLUMNS} from webhook_endpoints
                where tenant_id = %s and id = %s and deleted_at is null""",  # noqa: S608
            (self._tenant_id, endpoint_id),
        )
        if not rows:
            raise NotFound
        return _endpoint(rows[0])

    def add(self, endpoint_id: UUID, wanted: Wanted, sealed: bytes) -> Endpoint:
        [row] = self._connection.execute(
            f"""insert into webhook_endpoints (tenant_id, id, url, events, description, enabled, secret)
                values (%s, %s, %s, %s, %s, %s, %s) returning {_COLUMNS}""",  # noqa: S608
            (
                self._tenant_id,
                endpoint_id,
                wanted.url,
                wanted.events or [],
                wanted.description or "",
                wanted.enabled is not False,
                sealed,
            ),
        )
        self._record("added", endpoint_id)
        return _endpoint(row)

    def change(self, endpoint_id: UUID, revision: int, wanted: Wanted) -> Endpoint | None:
        """None where it is not there in this revision."""
        rows = self._connection.execute(
            f"""update webhook_endpoints set url = coalesce(%s, url), events = coalesce(%s, events),
                    description = coalesce(%s, description), enabled = coalesce(%s, enabled),
                    disabled_reason = case when %s::boolean is null then disabled_reason end,
                    failing_since = case when %s::boolean is null then failing_since end,
                    revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s and revision = %s and deleted_at is null
                returning {_COLUMNS}""",  # noqa: S608
            (
                wanted.url,
                wanted.events,
                wanted.description,
                wanted.enabled,
                wanted.enabled,
                wanted.enabled,
                self._tenant_id,
                endpoint_id,
                revision,
            ),
        )
        if not rows:
            return None
        self._record("changed", endpoint_id)
        return _endpoint(rows[0])

    def rotate(self, endpoint_id: UUID, sealed: bytes) -> Endpoint:
        """The secret before this one signs as well until `previous_until`. Raises NotFound."""
        rows = self._connection.execute(
            f"""update webhook_endpoints set secret = %s, revision = revision + 1, updated_at = now()
                where tenant_id = %s and id = %s and deleted_at is null returning {_COLUMNS}""",  # noqa: S608
            (sealed, self._tenant_id, endpoint_id),
        )
        if not rows:
            raise NotFound
        self._record("rotated", endpoint_id)
        return _endpoint(rows[0])

    def delete(self, endpoint_id: UUID) -> None:
        """Nothing is sent any more, its secret is gone. Raises NotFound."""
        rows = self._connection.execute(
            """update webhook_endpoints set deleted_at = now(), updated_at = now()
               where tenant_id = %s and id = %s and deleted_at is null returning id""",
            (self._tenant_id, endpoint_id),
        )
        if not rows:
            raise NotFound
        self._record("deleted", endpoint_id)

    def log(self, endpoint_id: UUID, window: Window, *, status: str | None) -> Page[Delivery]:
        """Newest first. Raises NotFound."""
        self.read(endpoint_id)
        return _LOG.page(self._connection, (self._tenant_id, endpoint_id, status), window, _delivery)

    def add_test(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
        [row] = self._connection.execute(
            f"""insert into webhook_deliveries (tenant_id, id, endpoint_id, type, subject_id)
                values (%s, %s, %s, %s, %s) returning {_LOG_COLUMNS}""",  # noqa: S608
            (self._tenant_id, delivery_id, endpoint_id, TEST, endpoint_id),
        )
        self._record("tested", endpoint_id)
        return _delivery(row)

    def resend(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
        """Due at once. Raises NotFound."""
        rows = self._connection.execute(
            f"""update webhook_deliveries set
                    tried_before = case when status = 'sending' then tried_before else attempt end,
                    next_at = case when status = 'sending' then next_at else now() end,
                    status = case when status = 'sending' then status else 'pending' end
                where tenant_id = %s and endpoint_id = %s and id = %s returning {_LOG_COLUMNS}""",  # noqa: S608
            (self._tenant_id, endpoint_id, delivery_id),
        )
        if not rows:
            raise NotFound
        self._record("resent", endpoint_id)
        return _delivery(rows[0])

    def replay(self, endpoint_id: UUID, since: datetime, until: datetime) -> int:
        rows = self._connection.execute(
            """update webhook_deliveries set status = 'pending', next_at = now(), tried_before = attempt
               where tenant_id = %s and endpoint_id = %s and created_at >= %s and created_at < %s
                   and status in ('failed', 'skipped') and type <> %s returning id""",
            (self._tenant_id, endpoint_id, since, until, TEST),
        )
        self._record("replayed", endpoint_id)
        return len(rows)

    def _record(self, what: str, endpoint_id: UUID) -> None:
        audit.record(self._connection, f"webhook.{what}", "webhook", endpoint_id, None)


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(**row)


def _delivery(row: Row) -> Delivery:
    return Delivery(**row)
