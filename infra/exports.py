"""Exports in PostgreSQL: what has been asked for, and the rows that go into one, a part at a time."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from domain.errors import NotFound
from domain.pages import Window
from domain.rights import Export
from infra import audit
from infra.listing import Listing
from infra.rows import Row, TenantConnection

_PART = 200  # rows in memory at a time
_READ = """
    select e.id, e.user_id, e.size, e.sha256, e.created_at, e.finished_at, e.expires_at,
        case when e.expires_at <= now() then 'expired' when e.status = 'ready' then 'ready'
             when j.status in ('failed', 'canceled') then 'failed' else 'preparing' end as status
    from exports e join jobs j on j.tenant_id = e.tenant_id and j.id = e.id
    where e.tenant_id = %s and e.user_id = %s"""


def _of_person(columns: str, source: str, *keys: str) -> Listing:
    return Listing(f"select {columns} from {source} where x.tenant_id = %s and x.user_id = %s", keys, descending=False)  # noqa: S608


# In the order of the file. Health records are read under the person's own policies: what they may not see (a program
# that waits for review, another's row) is not there.
SECTIONS: dict[str, Listing] = {
    "consents": _of_person("x.id, x.document, x.version, x.given, x.at, x.request_id", "consents x", "x.id"),
    "assessments": _of_person(
        """x.id, t.slug as template_id, t.version as template_version, x.status, x.answers, x.revision, x.created_at,
           x.updated_at, x.submitted_at, x.assigned_at""",
        "assessments x join templates t on t.id = x.template_id",
        "x.id",
    ),
    "submissions": _of_person(
        """x.id, x.assessment_id, x.template_slug as template_id, x.template_version, x.template_hash, x.engine_version,
           x.answers, x.enabled, x.computed, x.attempt_number, x.is_initial, x.answered_on, x.submitted_at""",
        "submissions x",
        "x.id",
    ),
    "scores": _of_person(
        "x.submission_id, x.engine_version, x.result, x.created_at",
        "scores x join submissions s on s.tenant_id = x.tenant_id and s.id = x.submission_id and s.user_id = x.user_id",
        "x.submission_id",
    ),
    "programs": _of_person(
        """x.id, x.submission_id, x.status, x.weeks, x.start_on, x.spec, x.proof, x.engine_version, x.created_at,
           x.reviewed_at""",
        "programs x",
        "x.id",
    ),
    "sessions": _of_person(
        """x.id, x.program_id, x.week, x.number, x.deload, x.scheduled_on, x.planned_on, x.minutes, x.status,
           x.started_at, x.finished_at""",
        """sessions x join programs p on p.tenant_id = x.tenant_id and p.id = x.program_id
               and p.user_id = x.user_id and p.status in ('active', 'paused_safety', 'archived', 'ended')""",
        "x.program_id", "x.id",
    ),
    "exercises": _of_person(
        """x.session_id, x.position, x.exercise, coalesce(e.name, x.exercise) as name, x.role, x.sets, x.reps,
           x.seconds, x.rest_s, x.minutes, x.effort, x.why""",
        """prescribed_exercises x join sessions s on s.tenant_id = x.tenant_id and s.id = x.session_id
               join programs p on p.tenant_id = s.tenant_id and p.id = s.program_id
                   and p.user_id = x.user_id and p.status in ('active', 'paused_safety', 'archived', 'ended')
               left join exercises e on e.id = x.exercise""",
        "x.session_id", "x.position",
    ),
    "videos": _of_person(
        "x.video_id, v.title, x.furthest_s, x.session_id, x.created_at, x.updated_at, x.completed_at",
        "video_progress x left join videos v on v.id = x.video_id",
        "x.video_id",
    ),
    "session_events": _of_person(
        "x.session_id, x.id, x.at, x.received_at, x.type, x.position, x.body",
        "session_events x",
        "x.session_id",
        "x.id",
    ),
    "exercise_results": _of_person(
        """x.session_id, x.position, x.exercise, x.status, x.sets, x.reps, x.seconds, x.pain_during, x.pain_after_24h,
           x.effort, x.reason, x.note, x.done_at""",
        "exercise_results x",
        "x.session_id", "x.position",
    ),
    "adaptations": _of_person(
        """x.id, x.program_id, x.session_id, x.exercise, x.rule, x.action, x.status, x.changes, x.created_at,
           x.decided_at""",
        "adaptations x",
        "x.id",
    ),
    "check_ins": _of_person(
        """x.id, x.program_id, x.answers, x.outcome, x.level, x.flags, x.advice_key, x.created_at, x.resumed_at""",
        "check_ins x",
        "x.id",
    ),
    "feeds": _of_person("x.id, x.starts_at::text, x.created_at, x.revoked_at", "feeds x", "x.id"),
    "reports": _of_person(
        "x.id, x.program_id, x.status, x.size, x.sha256, x.created_at, x.expires_at", "reports x", "x.id"
    ),
    "reminders": _of_person("x.kind, x.on_day, x.subject_id, x.created_at", "reminders x", "x.on_day", "x.kind"),
    "imported": _of_person(
        "x.import_id, x.number, x.cells, x.action, x.status, x.result_type, x.result_id, x.created_at",
        "import_rows x",
        "x.import_id", "x.number",
    ),
    "bulk_actions": _of_person(
        """x.action_id, a.action, x.number, x.status, x.code, x.result_type, x.result_id, x.created_at""",
        "bulk_action_members x left join bulk_actions a on a.tenant_id = x.tenant_id and a.id = x.action_id",
        "x.action_id", "x.number",
    ),
    "notifications": _of_person(
        "x.id, x.kind, x.subject_type, x.subject_id, x.created_at, x.read_at", "notifications x", "x.id"
    ),
    "jobs": _of_person(
        "x.id, x.kind, x.status, x.assessment_id, x.result_type, x.result_id, x.created_at, x.finished_at",
        "jobs x",
        "x.id",
    ),
    "audit": Listing(
        """select x.id, x.at, x.actor_id, x.actor_role, x.action, x.subject_type, x.subject_id, x.request_id
           from audit_log x where x.tenant_id = %s and x.subject_user_id = %s""",
        ("x.id",),
        descending=False,
    ),
}  # fmt: skip
# What a worker alone may read.
EMAILS = _of_person("x.id, x.address, x.kind, x.status, x.created_at, x.sent_at", "emails x", "x.id")


class ExportRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._context = connection.context

    def add(self, export_id: UUID, person: UUID) -> None:
        """Again: nothing happens."""
        context = self._context
        made = self._connection.execute(
            """insert into exports (tenant_id, id, user_id, requested_by) values (%s, %s, %s, %s)
               on conflict do nothing returning id""",
            (context.tenant_id, export_id, person, context.user_id),
        )
        if made:
            audit.record(self._connection, "export.requested", "export", export_id, person)

    def page(self, person: UUID) -> list[Export]:
        """Those that are kept, newest first, at most 50."""
        rows = self._connection.execute(f"{_READ} order by e.id desc limit 50", (self._context.tenant_id, person))
        return [Export(**row) for row in rows]

    def read(self, person: UUID, export_id: UUID) -> Export:
        rows = self._connection.execute(f"{_READ} and e.id = %s", (self._context.tenant_id, person, export_id))
        if not rows:
            raise NotFound
        return Export(**rows[0])

    def downloaded(self, export: Export) -> None:
        audit.record(self._connection, "export.downloaded", "export", export.id, export.user_id)

    def finish(self, export_id: UUID, size: int, sha256: str, expires_at: datetime) -> None:
        """Where its person has been erased meanwhile there is nothing to finish, and no job to end."""
        rows = self._connection.execute(
            """update exports set status = 'ready', size = %s, sha256 = %s, finished_at = now(), expires_at = %s
               where tenant_id = %s and id = %s returning user_id""",
            (size, sha256, expires_at, self._context.tenant_id, export_id),
        )
        if rows:
            audit.record(self._connection, "export.made", "export", export_id, rows[0]["user_id"])

    def has_person(self, person: UUID) -> bool:
        """Whether there is such a person here whose records are not erased."""
        return bool(
            self._connection.execute(
                "select 1 from users where tenant_id = %s and id = %s and status <> 'erased'",
                (self._context.tenant_id, person),
            )
        )

    def rows(self, person: UUID, section: str) -> Iterator[Row]:
        """All rows of a section, oldest id first, read in parts."""
        listing = EMAILS if section == "emails" else SECTIONS[section]
        window: Window | None = Window(_PART)
        while window is not None:
            page = listing.page(self._connection, (self._context.tenant_id, person), window, lambda row: row)
            yield from page.items
            window = None if page.next is None else Window(_PART, page.next)
