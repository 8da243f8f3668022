"""Adaptations in PostgreSQL: what a decision needs to know, the lines it changes, and what was decided."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.errors import NotFound, StaleRevision
from domain.sessions.records import Adaptation
from infra import audit
from infra.rows import Row, TenantConnection

_COLUMNS = """id, program_id, session_id, user_id, exercise, rule, action, status, changes, revision, created_at,
    decided_at, note"""
_HISTORY = """
    select r.session_id, r.position, r.exercise, r.status, r.sets, r.reps, r.seconds, r.pain_during, r.pain_after_24h,
        r.effort, r.reason, s.finished_at, i.exercise as prescribed, i.role, i.sets as asked_sets, i.reps as asked_reps,
        i.seconds as asked_seconds, i.effort as asked_effort
    from exercise_results r
    join sessions s on s.tenant_id = r.tenant_id and s.id = r.session_id and s.status = 'done'
    join prescribed_exercises i on i.tenant_id = r.tenant_id and i.session_id = r.session_id and i.position = r.position
    where s.tenant_id = %s and s.program_id = %s order by s.finished_at, s.id, r.position"""
_NEW_LINES = """
    update prescribed_exercises p set exercise = i.exercise, sets = i.sets, reps = i.reps, seconds = i.seconds,
        rest_s = i.rest_s, minutes = i.minutes, effort = i.effort, why = i.why, base = i.base
    from jsonb_to_recordset(%s) as i (session_id uuid, position integer, exercise text, sets integer, reps integer,
        seconds integer, rest_s integer, minutes numeric, effort integer, why jsonb, base jsonb)
    where p.tenant_id = %s and p.session_id = i.session_id and p.position = i.position"""
_GONE = """
    delete from prescribed_exercises p using jsonb_to_recordset(%s) as i (session_id uuid, position integer)
    where p.tenant_id = %s and p.session_id = i.session_id and p.position = i.position"""
_MINUTES = """
    update sessions s set minutes = r.minutes from jsonb_to_recordset(%s) as r (id uuid, minutes numeric)
    where s.tenant_id = %s and s.id = r.id"""


class AdaptationRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._context = connection.context

    def session(self, session_id: UUID | None) -> Row:
        """Its program, week, number and status, and whether the tenant reviews. Raises NotFound."""
        rows = self._connection.execute(
            """select s.program_id, s.user_id, s.week, s.number, s.status, app.needs_review() as review
               from sessions s where s.tenant_id = %s and s.id = %s""",
            (self._context.tenant_id, session_id),
        )
        if not rows:
            raise NotFound
        return rows[0]

    def told(self, session_id: UUID) -> int:
        """How many events of a session are known. They are only ever added to: more of them are new ones."""
        [row] = self._connection.execute(
            "select count(*) as events from session_events where tenant_id = %s and session_id = %s",
            (self._context.tenant_id, session_id),
        )
        events: int = row["events"]
        return events

    def hold_session(self, session_id: UUID) -> None:
        """From here on nothing is reported of it until the unit ends."""
        self._connection.execute(
            "select 1 from sessions where tenant_id = %s and id = %s for update", (self._context.tenant_id, session_id)
        )

    def history(self, program_id: UUID) -> list[Row]:
        """Every reported line of the program's finished sessions, oldest first, with what it prescribed."""
        return self._connection.execute(_HISTORY, (self._context.tenant_id, program_id))

    def decided(self, session_id: UUID | None) -> dict[str, list[str]]:
        """Exercise -> the actions decided of it after this session."""
        found: dict[str, list[str]] = {}
        for row in self._connection.execute(
            "select exercise, action from adaptations where tenant_id = %s and session_id = %s",
            (self._context.tenant_id, session_id),
        ):
            found.setdefault(row["exercise"], []).append(row["action"])
        return found

    def hold(self, program_id: UUID, revision: int) -> bool:
        """Take the next revision of an active program. False: it is not at this one any more."""
        return bool(
            self._connection.execute(
                """update programs set revision = revision + 1
                   where tenant_id = %s and id = %s and revision = %s and status = 'active' returning id""",
                (self._context.tenant_id, program_id, revision),
            )
        )

    def untouched(self, session_ids: Sequence[UUID]) -> bool:
        """Whether nobody has begun any of these sessions; and nobody does before this unit ends."""
        rows = self._connection.execute(
            """select id from sessions where tenant_id = %s and id = any(%s) and status in ('planned', 'missed')
               order by id for update""",
            (self._context.tenant_id, list(session_ids)),
        )
        return len(rows) == len(set(session_ids))

    def write_lines(
        self,
        lines: Sequence[Mapping[str, Any]],
        gone: Sequence[Mapping[str, Any]],
        minutes: Sequence[Mapping[str, Any]],
    ) -> None:
        """New doses, lines left out, and the sessions' new minutes."""
        for statement, rows in ((_NEW_LINES, lines), (_GONE, gone), (_MINUTES, minutes)):
            if rows:
                self._connection.execute(statement, (Jsonb([dict(row) for row in rows]), self._context.tenant_id))

    def add(self, made: Sequence[Mapping[str, Any]]) -> None:
        """What was decided; what still waited of the same exercise waits no more."""
        rows = Jsonb([dict(row) for row in made])
        self._connection.execute(
            """update adaptations a set status = 'superseded', revision = a.revision + 1
               from jsonb_to_recordset(%s) as r (program_id uuid, exercise text)
               where a.tenant_id = %s and a.program_id = r.program_id and a.exercise = r.exercise
                   and a.status = 'proposed'""",
            (rows, self._context.tenant_id),
        )
        self._connection.execute(
            """insert into adaptations (tenant_id, id, program_id, session_id, user_id, exercise, rule, action, status,
                   changes)
               select %s, r.id, r.program_id, r.session_id, r.user_id, r.exercise, r.rule, r.action, r.status, r.changes
               from jsonb_to_recordset(%s) as r (id uuid, program_id uuid, session_id uuid, user_id uuid, exercise text,
                   rule text, action text, status text, changes jsonb)
               on conflict (tenant_id, session_id, exercise, rule) do nothing""",
            (self._context.tenant_id, rows),
        )

    def reassess(self, program_id: UUID, user_id: UUID) -> None:
        """A new assessment is due now: the person is told, and those who care for them."""
        self._connection.execute(
            "update programs set reassess_on = current_date where tenant_id = %s and id = %s",
            (self._context.tenant_id, program_id),
        )
        self.tell("reassessment_due", program_id, user_id)
        self.tell_staff("reassessment_due", program_id, user_id)

    def tell(self, kind: str, program_id: UUID, user_id: UUID) -> None:
        self._connection.execute("select app.notify_user(%s, %s, 'program', %s)", (user_id, kind, program_id))

    def tell_staff(self, kind: str, program_id: UUID, but: UUID | None = None) -> None:
        self._connection.execute("select app.notify_staff(%s, 'program', %s, %s)", (kind, program_id, but))

    def record(self, action: str, program_id: UUID, user_id: UUID) -> None:
        audit.record(self._connection, action, "program", program_id, user_id)

    def page(self, program_id: UUID) -> list[Adaptation]:
        """Newest first, the last two hundred. Raises NotFound for a program that is not the caller's to see."""
        owner = self._connection.execute(
            "select user_id from programs where tenant_id = %s and id = %s", (self._context.tenant_id, program_id)
        )
        if not owner:
            raise NotFound
        audit.record_read(self._connection, "program", program_id, owner[0]["user_id"])
        rows = self._connection.execute(
            f"select {_COLUMNS} from adaptations where tenant_id = %s and program_id = %s order by id desc limit 200",  # noqa: S608
            (self._context.tenant_id, program_id),
        )
        return [Adaptation(**row) for row in rows]

    def waiting(self) -> list[Adaptation]:
        """Everything that waits for a clinician, oldest first, at most two hundred."""
        rows = self._connection.execute(
            f"""select {_COLUMNS} from adaptations where tenant_id = %s and status = 'proposed'
                order by created_at, id limit 200""",  # noqa: S608
            (self._context.tenant_id,),
        )
        audit.record_list(self._connection, "reviews")
        return [Adaptation(**row) for row in rows]

    def get(self, adaptation_id: UUID) -> Adaptation:
        rows = self._connection.execute(
            f"select {_COLUMNS} from adaptations where tenant_id = %s and id = %s",  # noqa: S608
            (self._context.tenant_id, adaptation_id),
        )
        if not rows:
            raise NotFound
        return Adaptation(**rows[0])

    def settle(
        self, adaptation: Adaptation, status: str, note: str | None, changes: Sequence[Mapping[str, Any]]
    ) -> Adaptation:
        """A clinician's decision. Raises StaleRevision where somebody was faster."""
        rows = self._connection.execute(
            f"""update adaptations set status = %s, note = %s, changes = %s, decided_by = %s, decided_at = now(),
                    revision = revision + 1
                where tenant_id = %s and id = %s and revision = %s and status = 'proposed' returning {_COLUMNS}""",  # noqa: S608
            (
                status,
                note,
                Jsonb([dict(each) for each in changes]),
                self._context.user_id,
                self._context.tenant_id,
                adaptation.id,
                adaptation.revision,
            ),
        )
        if not rows:
            raise StaleRevision
        audit.record(self._connection, f"adaptation.{status}", "adaptation", adaptation.id, adaptation.user_id)
        return Adaptation(**rows[0])
