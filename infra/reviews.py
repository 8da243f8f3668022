"""The review queue and its decisions in PostgreSQL."""

from uuid import UUID

from domain.pages import Page, Window
from domain.records import WaitingProgram
from infra import audit
from infra.listing import Listing
from infra.rows import TenantConnection

_QUEUE = Listing(
    """select p.id, p.user_id, coalesce(nullif(u.display_name, ''), u.email) as name, p.spec ->> 'region' as region,
           p.revision, p.created_at
       from programs p join users u on u.tenant_id = p.tenant_id and u.id = p.user_id
       where p.tenant_id = %s and p.status = 'pending_review'""",
    ("p.created_at", "p.id"),
    descending=False,
)


class ReviewRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._context = connection.context

    def queue(self, window: Window) -> Page[WaitingProgram]:
        page = _QUEUE.page(self._connection, (self._context.tenant_id,), window, lambda row: WaitingProgram(**row))
        audit.record_list(self._connection, "reviews")
        return page

    def decide(self, program_id: UUID, revision: int, decision: str, note: str | None) -> bool:
        [row] = self._connection.read(
            "select app.review_program(%s, %s, %s, %s, %s, %s, %s, %s) as decided",
            (program_id, revision, decision, note, self._context.request_id),
        )
        decided: bool = row["decided"]
        return decided
