"""Programs in PostgreSQL."""

from typing import Any
from uuid import UUID

from domain.errors import NotFound
from domain.records import Prescribed, Program, Session
from infra import audit
from infra.rows import TenantConnection


class ProgramRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection

    def solved(self, input_hash: str) -> dict[str, Any] | None:
        """The plan that answers this spec, if anybody has asked before."""
        rows = self._connection.read("select plan from app.read_solved(%s, %s, %s, %s) as plan", (input_hash,))
        return rows[0]["plan"] if rows else None

    def read(self, program_id: UUID) -> Program:
        key = (self._connection.context.tenant_id, program_id)
        rows = self._connection.execute(
            """select p.id, p.user_id, s.assessment_id, p.status, p.weeks, p.start_on, p.spec, p.proof, p.input_hash,
                   p.library_hash, p.engine_version, p.created_at
               from programs p join submissions s on s.tenant_id = p.tenant_id and s.id = p.submission_id
               where p.tenant_id = %s and p.id = %s""",
            key,
        )
        if not rows:
            raise NotFound
        audit.record_read(self._connection, "program", program_id, rows[0]["user_id"])
        lines = self._connection.execute(
            """select s.id as session_id, s.week, s.number, s.deload, s.scheduled_on, s.minutes as session_minutes,
                   i.position, i.exercise, coalesce(e.name, i.exercise) as name, coalesce(e.cue, '') as cue,
                   i.role, i.sets, i.reps, i.seconds, i.rest_s, i.minutes, i.effort, i.why
               from sessions s
               join prescribed_exercises i on i.tenant_id = s.tenant_id and i.session_id = s.id
               left join exercises e on e.id = i.exercise
               where s.tenant_id = %s and s.program_id = %s
               order by s.week, s.number, i.position""",
            key,
        )
        sessions: dict[UUID, Session] = {}
        for line in lines:
            session = _take(line, "session_id", "week", "number", "deload", "scheduled_on", "session_minutes")
            if session["session_id"] not in sessions:
                sessions[session["session_id"]] = Session(
                    session["session_id"], session["week"], session["number"], session["deload"],
                    session["scheduled_on"], float(session["session_minutes"]), [],
                )  # fmt: skip
            sessions[session["session_id"]].items.append(Prescribed(**{**line, "minutes": float(line["minutes"])}))
        return Program(**rows[0], sessions=list(sessions.values()))


def _take(line: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: line.pop(name) for name in names}
