"""Sessions in PostgreSQL: the calendar, what is reported of one, and the ways of a program."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.errors import NotFound
from domain.records import Prescribed
from domain.sessions.events import Event
from domain.sessions.records import CheckIn, Entry, OpenSession, SessionDetail
from domain.sessions.state import Result, State
from infra import audit
from infra.rows import Row, TenantConnection

_ENTRY = (
    "program_id", "id", "week", "number", "deload", "scheduled_on", "planned_on", "minutes", "status", "finished_at",
)  # fmt: skip
_SESSION = """
    select s.program_id, s.id, s.week, s.number, s.deload, s.scheduled_on,
        coalesce(s.planned_on, s.scheduled_on) as planned_on, s.minutes, s.status, s.finished_at, s.started_at,
        s.user_id,
        p.status as program_status
    from sessions s join programs p on p.tenant_id = s.tenant_id and p.id = s.program_id
    where s.tenant_id = %s and s.id = %s"""
_LINES = """
    select i.position, i.exercise, coalesce(e.name, i.exercise) as name, coalesce(e.cue, '') as cue, i.role, i.sets,
        i.reps, i.seconds, i.rest_s, i.minutes, i.effort, i.why
    from prescribed_exercises i left join exercises e on e.id = i.exercise
    where i.tenant_id = %s and i.session_id = %s order by i.position"""
_RESULTS = """
    select position, exercise, status, sets, reps, seconds, pain_during, pain_after_24h, effort, reason, note, done_at
    from exercise_results where tenant_id = %s and session_id = %s order by position"""
_CHECK_INS = """
    select id, program_id, answers, outcome, level, flags, advice_key, created_at, resumed_at
    from check_ins where tenant_id = %s and program_id = %s order by id desc limit 50"""


class TrainingRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._context = connection.context

    def calendar(self, first: date, last: date) -> list[Entry]:
        """The caller's own, of the active program, both days included."""
        rows = self._connection.read("select * from app.read_calendar(%s, %s, %s, %s, %s)", (first, last))
        return [_entry(row) for row in rows]

    def of_program(self, program_id: UUID) -> list[Entry]:
        """Every session of a program, dropped ones as well, in the order of their days."""
        rows = self._connection.execute(
            """select p.user_id, s.program_id, s.id, s.week, s.number, s.deload, s.scheduled_on,
                   coalesce(s.planned_on, s.scheduled_on) as planned_on, s.minutes, s.status, s.finished_at
               from programs p join sessions s on s.tenant_id = p.tenant_id and s.program_id = p.id
               where p.tenant_id = %s and p.id = %s order by s.scheduled_on, s.week, s.number""",
            (self._context.tenant_id, program_id),
        )
        if not rows:
            raise NotFound
        audit.record_read(self._connection, "program", program_id, rows[0]["user_id"])
        return [_entry(row) for row in rows]

    def read(self, session_id: UUID) -> SessionDetail:
        key = (self._context.tenant_id, session_id)
        rows = self._connection.execute(_SESSION, key)
        if not rows:
            raise NotFound
        [row] = rows
        audit.record_read(self._connection, "session", session_id, row["user_id"])
        return SessionDetail(
            _entry(row),
            row["user_id"],
            row["program_status"],
            row["started_at"],
            tuple(
                Prescribed(**{**line, "minutes": float(line["minutes"])})
                for line in self._connection.execute(_LINES, key)
            ),
            tuple(Result(**line) for line in self._connection.execute(_RESULTS, key)),
        )

    def open(self, session_id: UUID) -> OpenSession:
        """One of the caller's own, locked until this unit ends."""
        rows = self._connection.execute(
            "select * from app.open_session(%s, %s, %s)", (self._context.tenant_id, self._context.user_id, session_id)
        )
        if not rows:
            raise NotFound
        [row] = rows
        events = tuple(
            Event(UUID(e["id"]), datetime.fromisoformat(e["at"]), e["type"], e["position"], e["body"])
            for e in row.pop("events")
        )
        exercises = {line["position"]: line["exercise"] for line in row.pop("lines") or ()}
        return OpenSession(**row, events=events, exercises=exercises)

    def note(self, session_id: UUID, events: Sequence[Event], state: State) -> None:
        """Keep new events, and what all of the session's come to."""
        said = [asdict(event) | {"id": str(event.id), "at": event.at.isoformat()} for event in events]
        results = [
            asdict(result) | {"done_at": result.done_at.isoformat() if result.done_at else None}
            for result in state.results
        ]
        self._connection.execute(
            "select app.note_session(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                self._context.tenant_id,
                self._context.user_id,
                self._context.role,
                session_id,
                Jsonb(said),
                state.status,
                state.started_at,
                state.finished_at,
                Jsonb(results),
                self._context.request_id,
            ),
        )

    def move(self, program_id: UUID, revision: int, move: str, note: str | None) -> bool:
        """`archive`, `restart`, `end`, `resume`. False: not from its present state. Raises StaleRevision, NotFound."""
        [row] = self._connection.read(
            "select app.move_program(%s, %s, %s, %s, %s, %s, %s, %s) as moved",
            (program_id, revision, move, note, self._context.request_id),
        )
        moved: bool = row["moved"]
        return moved

    def check_in(
        self,
        check_in_id: UUID,
        program_id: UUID,
        answers: Mapping[str, str],
        level: str | None,
        flags: Sequence[str],
        advice_key: str | None,
    ) -> str | None:
        """The program's status after it; None where it is not being done. One transaction with its referral."""
        [row] = self._connection.read(
            "select app.check_in(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) as status",
            (check_in_id, program_id, Jsonb(dict(answers)), level, list(flags), advice_key, self._context.request_id),
        )
        status: str | None = row["status"]
        return status

    def check_ins(self, program_id: UUID, owner: UUID) -> list[CheckIn]:
        """Newest first, the last fifty."""
        audit.record_read(self._connection, "program", program_id, owner)
        rows = self._connection.execute(_CHECK_INS, (self._context.tenant_id, program_id))
        return [CheckIn(**row) for row in rows]

    def asked_for(self, program_id: UUID) -> dict[str, Any]:
        """The spec that a program was made for, and whose it is. Who shows any of it to others records that."""
        rows = self._connection.execute(
            "select user_id, status, spec, library_hash from programs where tenant_id = %s and id = %s",
            (self._context.tenant_id, program_id),
        )
        if not rows:
            raise NotFound
        return rows[0]


def _entry(row: Row) -> Entry:
    return Entry(**{name: row[name] for name in _ENTRY} | {"minutes": float(row["minutes"])})
