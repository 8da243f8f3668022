"""The versions of the limits in PostgreSQL, as ffp_ops. Only ever added to."""

from uuid import UUID

from psycopg.types.json import Jsonb

from domain.jobs import QUEUE_OF
from domain.limits import Limits, LimitsVersion
from domain.pages import Page, Window
from domain.tenancy import Operator
from infra import audit
from infra.listing import Listing
from infra.rows import Connection, Row

_SELECT = "select version, id, document, reason, changed_by, changed_at from limits where true"


class LimitsRepository:
    def __init__(self, connection: Connection[Operator]) -> None:
        self._connection = connection

    def newest(self) -> LimitsVersion:
        [row] = self._connection.execute(f"{_SELECT} order by version desc limit 1")
        return _version(row)

    def page(self, window: Window) -> Page[LimitsVersion]:
        """Newest first."""
        return Listing(_SELECT, ("version",), descending=True).page(self._connection, (), window, _version)

    def add(self, version: int, version_id: UUID, limits: Limits, reason: str) -> bool:
        """Whether `version` was still to be had."""
        made = self._connection.execute(
            """insert into limits (version, id, document, reason, changed_by) values (%s, %s, %s, %s, %s)
               on conflict (version) do nothing returning version""",
            (version, version_id, Jsonb(limits.model_dump(mode="json")), reason, self._connection.context.user_id),
        )
        if made:
            audit.record(self._connection, "limits.changed", "limits", version_id, None)
        return bool(made)


def _version(row: Row) -> LimitsVersion:
    stages = row["document"]["stages"]
    row["document"]["stages"] = {
        name: stages[name] for name in stages if name in QUEUE_OF
    }  # another release's may differ
    return LimitsVersion(**{"limits": Limits.model_validate(row.pop("document")), **row})
