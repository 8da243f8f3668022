"""What operators may change of a tenant: how often it may ask."""

from domain.errors import NotFound
from domain.tenancy import Operator
from infra import audit
from infra.rows import Connection


class TenantRepository:
    def __init__(self, connection: Connection[Operator]) -> None:
        self._connection = connection

    def limit(self, slug: str, requests_per_minute: int) -> None:
        """Its quota from the next request on: 1 to 100,000 requests a minute. Raises NotFound."""
        rows = self._connection.execute(
            "update tenants set requests_per_minute = %s where slug = %s returning id", (requests_per_minute, slug)
        )
        if not rows:
            raise NotFound
        [row] = rows
        audit.record(self._connection, "tenant.limited", "tenant", row["id"], None, of_tenant=row["id"])
