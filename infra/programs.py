"""Programs in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.errors import NotFound, StaleRevision
from domain.pages import Page, Window
from domain.records import Prescribed, Program, ProgramHead, Session
from domain.tenancy import CARE_ROLES
from infra import audit
from infra.listing import Listing
from infra.rows import Row, TenantConnection

_HEAD = """
    select p.id, p.user_id, s.assessment_id, p.status, p.revision, p.weeks, p.start_on, p.created_at, p.reviewed_at
    from programs p join submissions s on s.tenant_id = p.tenant_id and s.id = p.submission_id
    where p.tenant_id = %s"""
_READ = """
    select p.id, p.user_id, s.assessment_id, p.status, p.weeks, p.start_on, p.spec, p.proof, p.input_hash,
        p.library_hash, p.engine_version, p.created_at, p.revision, p.reviewed_by, p.reviewed_at, p.review_note
    from programs p join submissions s on s.tenant_id = p.tenant_id and s.id = p.submission_id
    where p.tenant_id = %s and p.id = %s"""
_LINES = """
    select s.id as session_id, s.week, s.number, s.deload, s.scheduled_on, s.minutes as session_minutes,
        s.status, s.planned_on,
        i.position, i.exercise, coalesce(e.name, i.exercise) as name, coalesce(e.cue, '') as cue,
        i.role, i.sets, i.reps, i.seconds, i.rest_s, i.minutes, i.effort, i.why
    from sessions s
    join prescribed_exercises i on i.tenant_id = s.tenant_id and i.session_id = s.id
    left join exercises e on e.id = i.exercise
    where s.tenant_id = %s and s.program_id = %s
    order by s.week, s.number, i.position"""
# Only what waits for review may be rewritten, and only the version that was read. The row is the lock of the lines.
_NEW_PROOF = """
    update programs set proof = %s, revision = revision + 1
    where tenant_id = %s and id = %s and revision = %s and status = 'pending_review' returning user_id"""
_NEW_MINUTES = """
    update sessions s set minutes = r.minutes
    from jsonb_to_recordset(%s) as r (id uuid, minutes numeric)
    where s.tenant_id = %s and s.program_id = %s and s.id = r.id"""
_NEW_LINES = """
    update prescribed_exercises p set exercise = i.exercise, sets = i.sets, reps = i.reps, seconds = i.seconds,
        rest_s = i.rest_s, minutes = i.minutes, effort = i.effort, why = i.why
    from jsonb_array_elements(%s) r
    cross join lateral jsonb_to_recordset(r.value -> 'items')
        as i (position integer, exercise text, sets integer, reps integer, seconds integer, rest_s integer,
              minutes numeric, effort integer, why jsonb)
    where p.tenant_id = %s and p.session_id = (r.value ->> 'id')::uuid and p.position = i.position"""

# What the invariants ask about a program that is stored; how its person sees it is asked as that person.
_AROUND = """
    select p.user_id, p.status, p.created_at::date as made_on, p.proof,
        array[p.input_hash, p.library_hash, p.engine_version, s.template_hash] as hashes,
        c.result -> 'screening' ->> 'outcome' as outcome, j.status as job_status,
        coalesce(j.result_type = 'program' and j.result_id = p.id, false) as job_names_it,
        (select count(*) from programs o
            where o.tenant_id = p.tenant_id and o.submission_id = p.submission_id) as of_submission,
        (select count(*) from programs o where o.tenant_id = p.tenant_id and o.user_id = p.user_id
            and o.status in ('active', 'paused_safety')) as active,
        (select array_agg(coalesce(o.planned_on, o.scheduled_on) order by o.week, o.number) from sessions o
            where o.tenant_id = p.tenant_id and o.program_id = p.id and o.user_id = p.user_id) as planned_on,
        (select count(*) from prescribed_exercises i
            join sessions o on o.tenant_id = i.tenant_id and o.id = i.session_id
            where o.tenant_id = p.tenant_id and o.program_id = p.id and i.user_id = p.user_id) as lines
    from programs p
    join submissions s on s.tenant_id = p.tenant_id and s.id = p.submission_id
    join scores c on c.tenant_id = s.tenant_id and c.submission_id = s.id
    join jobs j on j.tenant_id = p.tenant_id and j.id = p.job_id
    where p.tenant_id = %s and p.id = %s"""


class ProgramRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._context = connection.context

    def solved(self, input_hash: str) -> dict[str, Any] | None:
        """The plan that answers this spec, if anybody has asked before."""
        rows = self._connection.read("select plan from app.read_solved(%s, %s, %s, %s) as plan", (input_hash,))
        return rows[0]["plan"] if rows else None

    def page(self, window: Window, status: str | None) -> Page[ProgramHead]:
        """Newest first: the tenant's for those who care for it, one's own for others. The policies know it as well."""
        query: str = _HEAD
        params: list[object] = [self._context.tenant_id]
        if self._context.role not in CARE_ROLES:
            query, params = f"{query} and p.user_id = %s", [*params, self._context.user_id]
        if status is not None:
            query, params = f"{query} and p.status = %s", [*params, status]
        listing = Listing(query, ("p.id",), descending=True)
        audit.record_list(self._connection, "programs")
        return listing.page(self._connection, params, window, lambda row: ProgramHead(**row))

    def head(self, program_id: UUID) -> ProgramHead:
        rows = self._connection.execute(f"{_HEAD} and p.id = %s", (self._context.tenant_id, program_id))
        if not rows:
            raise NotFound
        return ProgramHead(**rows[0])

    def read(self, program_id: UUID) -> Program:
        rows = self._connection.execute(_READ, (self._context.tenant_id, program_id))
        if not rows:
            raise NotFound
        audit.record_read(self._connection, "program", program_id, rows[0]["user_id"])
        return self._with_sessions(rows[0])

    def work_on(self, program_id: UUID) -> Program:
        """The same for a worker: what a program learns from its person is no reading of somebody's record."""
        rows = self._connection.execute(_READ, (self._context.tenant_id, program_id))
        if not rows:
            raise NotFound
        return self._with_sessions(rows[0])

    def is_there(self, program_id: UUID) -> bool:
        """For the caller."""
        key = (self._context.tenant_id, program_id)
        return bool(self._connection.execute("select 1 from programs where tenant_id = %s and id = %s", key))

    def around(self, program_id: UUID) -> dict[str, Any]:
        """Its person (`user_id`), and the fields of invariants.Stored that are not the caller's view of it; `lines`
        as they are there. Raises NotFound.
        """
        rows = self._connection.execute(_AROUND, (self._context.tenant_id, program_id))
        if not rows:
            raise NotFound
        return rows[0]

    def rewrite(
        self, program_id: UUID, revision: int, sessions: Sequence[Mapping[str, Any]], proof: Mapping[str, Any]
    ) -> Program:
        """Replace the lines that `sessions` holds, and the proof. Raises StaleRevision unless the program still waits
        for review at `revision`.
        """
        key = (self._context.tenant_id, program_id)
        rows = self._connection.execute(_NEW_PROOF, (Jsonb(dict(proof)), *key, revision))
        if not rows:
            raise StaleRevision
        changed = Jsonb(list(sessions))
        self._connection.execute(_NEW_MINUTES, (changed, *key))
        self._connection.execute(_NEW_LINES, (changed, self._context.tenant_id))
        audit.record(self._connection, "program.edited", "program", program_id, rows[0]["user_id"])
        return self._with_sessions(self._connection.execute(_READ, key)[0])

    def _with_sessions(self, program: Row) -> Program:
        lines = self._connection.execute(_LINES, (self._context.tenant_id, program["id"]))
        sessions: dict[UUID, Session] = {}
        for line in lines:
            session = _take(
                line,
                "session_id",
                "week",
                "number",
                "deload",
                "scheduled_on",
                "session_minutes",
                "status",
                "planned_on",
            )
            if session["session_id"] not in sessions:
                sessions[session["session_id"]] = Session(
                    session["session_id"], session["week"], session["number"], session["deload"],
                    session["scheduled_on"], float(session["session_minutes"]), [], session["status"],
                    session["planned_on"],
                )  # fmt: skip
            sessions[session["session_id"]].items.append(Prescribed(**{**line, "minutes": float(line["minutes"])}))
        return Program(**program, sessions=[*sessions.values()])


def _take(line: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: line.pop(name) for name in names}
