"""A tenant's settings in PostgreSQL. A missing one means its default."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from domain.errors import Forbidden
from infra import audit
from infra.rows import TenantConnection


class BusinessRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    def settings(self) -> dict[str, Any]:
        [row] = self._connection.execute("select settings from tenants where id = %s", (self._tenant_id,))
        found: dict[str, Any] = row["settings"]
        return found

    def change(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The settings with `changes`; None takes one away. Two people's changes of different ones both stay.

        Raises Forbidden where the policies let this role change nothing.
        """
        rows = self._connection.execute(
            "update tenants set settings = jsonb_strip_nulls(settings || %s) where id = %s returning settings",
            (Jsonb(dict(changes)), self._tenant_id),
        )
        if not rows:
            raise Forbidden
        audit.record(self._connection, "settings.changed", "tenant", self._tenant_id, None)
        found: dict[str, Any] = rows[0]["settings"]
        return found
