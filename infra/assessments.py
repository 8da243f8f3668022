"""Assessments, submissions and scores in PostgreSQL."""

from dataclasses import fields
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from domain.assessments.errors import TemplateRetired
from domain.errors import NotFound, RequestInFlight, StaleRevision
from domain.jobs import Job
from domain.pages import Page, Window
from domain.records import (
    Answers,
    Assessment,
    AssessmentHead,
    NewSubmission,
    OpenSubmission,
    ScoreRecord,
    Snapshot,
    Submission,
    TemplateRef,
)
from domain.tenancy import CARE_ROLES
from infra import audit
from infra.jobs import job_columns, job_from
from infra.listing import Listing
from infra.rows import Row, TenantConnection

_COLUMNS = """a.id, a.user_id, a.status, a.answers, a.revision, a.created_at, a.updated_at, a.submitted_at,
        t.id as template_id, t.slug, t.version, t.content_hash"""
_READ = f"""
    select {_COLUMNS}, j.id as job_id
    from assessments a
    join templates t on t.id = a.template_id
    left join jobs j on j.tenant_id = a.tenant_id and j.assessment_id = a.id
    where a.tenant_id = %s and a.id = %s"""  # noqa: S608
_HEAD = """
    select a.id, a.user_id, t.slug, t.version, a.status, a.revision, a.created_at, a.updated_at, a.submitted_at
    from assessments a join templates t on t.id = a.template_id
    where a.tenant_id = %s"""
# An update that changes nothing, because it waits for a twin and finds the draft that is open after that.
_START = f"""
    with a as (
        insert into assessments (tenant_id, id, user_id, template_id) values (%s, %s, %s, %s)
        on conflict (tenant_id, user_id, template_id) where status = 'draft'
        do update set revision = assessments.revision
        returning *, xmax = 0 as made)
    select {_COLUMNS}, null::uuid as job_id, a.made from a join templates t on t.id = a.template_id"""  # noqa: S608
# Who amends sees the open attempt of the one whose answers they are; a retired version starts nothing.
_AMEND = f"""
    with a as (
        insert into assessments (tenant_id, id, user_id, template_id, answers)
        select s.tenant_id, %s, s.user_id, s.template_id, s.answers
        from assessments s join templates t on t.id = s.template_id and t.status = 'published'
        where s.tenant_id = %s and s.id = %s and s.status = 'submitted'
        on conflict (tenant_id, user_id, template_id) where status = 'draft'
        do update set revision = assessments.revision
        returning *, xmax = 0 as made)
    select {_COLUMNS}, null::uuid as job_id, a.made from a join templates t on t.id = a.template_id"""  # noqa: S608
_SNAPSHOT = """
    select s.id, s.assessment_id, s.user_id, s.template_hash, s.answers, s.enabled, s.computed, s.attempt_number,
        s.answered_on, s.submitted_at, a.template_id
    from submissions s join assessments a on a.tenant_id = s.tenant_id and a.id = s.assessment_id
    where s.tenant_id = %s and s.assessment_id = %s"""
_SAVE = f"""
    with a as (
        update assessments set answers = %s, revision = revision + 1, updated_at = now()
        where tenant_id = %s and id = %s and status = 'draft' and revision = %s
        returning *)
    select {_COLUMNS}, null::uuid as job_id from a join templates t on t.id = a.template_id"""  # noqa: S608
_OPEN = f"""select template_id, template_hash, status, answers, revision, key_hash, job_id,
    missing_consent, {job_columns("key_job", "key_")} from app.open_submission(%s, %s, %s, %s, %s, %s)"""  # noqa: S608
_SUBMIT = f"""select replayed, {job_columns("job", "job_")}
    from app.submit_assessment({", ".join(["%s"] * (3 + len(fields(NewSubmission))))})"""  # noqa: S608


def _assessment(row: Row) -> Assessment:
    template = TemplateRef(row.pop("template_id"), row.pop("slug"), row.pop("version"), row.pop("content_hash"))
    return Assessment(template=template, **row)


class AssessmentRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._context = connection.context

    def start(self, assessment_id: UUID, template_id: UUID) -> tuple[Assessment, bool]:
        [row] = self._connection.execute(
            _START, (self._context.tenant_id, assessment_id, self._context.user_id, template_id)
        )
        made = row.pop("made")
        if made:
            self._audit("assessment.started", row)
        return _assessment(row), made

    def read(self, assessment_id: UUID) -> Assessment:
        rows = self._connection.execute(_READ, (self._context.tenant_id, assessment_id))
        if not rows:
            raise NotFound
        audit.record_read(self._connection, "assessment", assessment_id, rows[0]["user_id"])
        return _assessment(rows[0])

    def page(self, window: Window, slug: str | None, status: str | None) -> Page[AssessmentHead]:
        """The policies know as well whose these are; said here, the index by person is of use."""
        own = None if self._context.role in CARE_ROLES else self._context.user_id
        query = _HEAD
        params: list[object] = [self._context.tenant_id]
        for column, wanted in (("a.user_id", own), ("t.slug", slug), ("a.status", status)):
            if wanted is not None:
                query, params = f"{query} and {column} = %s", [*params, wanted]
        listing = Listing(query, ("a.id",), descending=True)
        audit.record_list(self._connection, "assessments")
        return listing.page(self._connection, params, window, lambda row: AssessmentHead(**row))

    def amend(self, assessment_id: UUID, submitted: UUID) -> tuple[Assessment, bool]:
        rows = self._connection.execute(_AMEND, (assessment_id, self._context.tenant_id, submitted))
        if not rows:
            raise TemplateRetired
        made = rows[0].pop("made")
        if made:
            self._audit("assessment.amended", rows[0])
        return _assessment(rows[0]), made

    def submission(self, assessment_id: UUID) -> Snapshot | None:
        rows = self._connection.execute(_SNAPSHOT, (self._context.tenant_id, assessment_id))
        if not rows:
            return None
        row = rows[0]
        audit.record_read(self._connection, "assessment", assessment_id, row["user_id"])
        template_id, submitted_at = row.pop("template_id"), row.pop("submitted_at")
        return Snapshot(Submission(**row), template_id, submitted_at)

    def save(self, assessment_id: UUID, revision: int, answers: Answers) -> Assessment:
        """Replace the draft's answers. Raises StaleRevision unless it still is at `revision`."""
        rows = self._connection.execute(_SAVE, (Jsonb(answers), self._context.tenant_id, assessment_id, revision))
        if not rows:
            raise StaleRevision
        self._audit("assessment.saved", rows[0])
        return _assessment(rows[0])

    def open_submission(self, assessment_id: UUID, route: str, key: str) -> OpenSubmission:
        rows = self._connection.read(_OPEN, (assessment_id, route, key))
        if not rows:
            raise NotFound
        row = rows[0]
        return OpenSubmission(
            row["template_id"], row["template_hash"], row["status"], row["answers"], row["revision"],
            row["key_hash"], job_from(row, "key_") if row["key_id"] else None, row["job_id"],
            row["missing_consent"],
        )  # fmt: skip

    def submit(self, new: NewSubmission) -> tuple[Job, bool]:
        values = [getattr(new, field.name) for field in fields(new)]
        arguments = [Jsonb(value) if isinstance(value, dict | list) else value for value in values]
        try:
            [row] = self._connection.finish(_SUBMIT, arguments)
        except psycopg.errors.LockNotAvailable:  # a twin holds the key, or the assessment
            raise RequestInFlight from None
        return job_from(row, "job_"), row["replayed"]

    def scores(self, assessment_id: UUID) -> list[ScoreRecord]:
        rows = self._connection.execute(
            """select assessment_id, user_id, number, submitted_at, result from (
                   select s.assessment_id, s.user_id, s.attempt_number as number, s.submitted_at, c.result,
                       row_number() over (order by s.attempt_number desc) as back,
                       row_number() over (order by s.attempt_number) as forth
                   from submissions wanted
                   join submissions s on s.tenant_id = wanted.tenant_id and s.user_id = wanted.user_id
                       and s.template_slug = wanted.template_slug and s.attempt_number <= wanted.attempt_number
                   join scores c on c.tenant_id = s.tenant_id and c.submission_id = s.id
                   where wanted.tenant_id = %s and wanted.assessment_id = %s) attempts
               where back <= 2 or forth = 1 order by number desc""",
            (self._context.tenant_id, assessment_id),
        )
        if rows:
            audit.record_read(self._connection, "result", assessment_id, rows[0]["user_id"])
        return [ScoreRecord(**row) for row in rows]

    def _audit(self, action: str, row: Row) -> None:
        audit.record(self._connection, action, "assessment", row["id"], row["user_id"])
