"""Programs on paper in PostgreSQL."""

from datetime import datetime
from uuid import UUID

from domain.errors import NotFound
from domain.reports import Report
from infra import audit
from infra.rows import TenantConnection

# A program that its person may not see any more hides what was printed of it.
_READ = """
    select r.id, r.user_id, r.program_id, r.size, r.sha256, r.created_at, r.finished_at, r.expires_at,
        case when r.expires_at <= now() then 'expired' when r.status = 'ready' then 'ready'
             when j.status in ('failed', 'canceled') then 'failed' else 'preparing' end as status
    from reports r join jobs j on j.tenant_id = r.tenant_id and j.id = r.id
    join programs p on p.tenant_id = r.tenant_id and p.id = r.program_id
    where r.tenant_id = %s and r.id = %s"""


class ReportRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    def add(self, report_id: UUID, program_id: UUID, user_id: UUID) -> None:
        """Again: nothing happens."""
        made = self._connection.execute(
            """insert into reports (tenant_id, id, user_id, program_id) values (%s, %s, %s, %s)
               on conflict do nothing returning id""",
            (self._tenant_id, report_id, user_id, program_id),
        )
        if made:
            audit.record(self._connection, "report.requested", "program", program_id, user_id)

    def read(self, report_id: UUID) -> Report:
        rows = self._connection.execute(_READ, (self._tenant_id, report_id))
        if not rows:
            raise NotFound
        return Report(**rows[0])

    def downloaded(self, report: Report) -> None:
        audit.record(self._connection, "report.downloaded", "program", report.program_id, report.user_id)

    def finish(self, report_id: UUID, size: int, sha256: str, expires_at: datetime) -> None:
        """Raises NotFound where its person has been erased meanwhile."""
        rows = self._connection.execute(
            """update reports set status = 'ready', size = %s, sha256 = %s, finished_at = now(), expires_at = %s
               where tenant_id = %s and id = %s returning id""",
            (size, sha256, expires_at, self._tenant_id, report_id),
        )
        if not rows:
            raise NotFound
