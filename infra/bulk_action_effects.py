"""What bulk actions cause for many members at once: one statement a table. Programs are archived and made by
infra/import_effects.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from infra.rows import TenantConnection

_ROWS = """jsonb_to_recordset(%(rows)s) as r (person uuid, kind text, subject uuid, assessment uuid, letter uuid,
    job uuid)"""
_ASSIGN = f"""
    insert into assessments (tenant_id, id, user_id, template_id, assigned_at)
    select %(tenant)s, r.assessment, r.person, %(template)s, now() from {_ROWS}
    on conflict (tenant_id, user_id, template_id) where status = 'draft' do nothing returning id, user_id"""  # noqa: S608 - our own words
_REMIND = f"""
    insert into reminders (tenant_id, user_id, kind, on_day, subject_id)
    select %(tenant)s, r.person, r.kind, (now() at time zone u.time_zone)::date, r.subject
    from {_ROWS} join users u on u.tenant_id = %(tenant)s and u.id = r.person
    on conflict do nothing returning user_id"""  # noqa: S608
_NOTIFY = f"""
    insert into notifications (tenant_id, id, user_id, kind, subject_type, subject_id)
    select %(tenant)s, gen_random_uuid(), r.person,
        case r.kind when 'assessment' then 'assessment_due' else 'reassessment_due' end,
        case r.kind when 'assessment' then 'assessment' else 'program' end, r.subject
    from {_ROWS} where r.kind <> 'session' and r.person = any(%(people)s)"""  # noqa: S608
# As app.email_user does for one: to whom has not asked to be spared this kind.
_LETTERS = f"""
    insert into emails (tenant_id, id, user_id, address, kind, params)
    select %(tenant)s, r.letter, u.id, u.email, k.kind, jsonb_build_object('subject', r.subject)
    from {_ROWS} join users u on u.tenant_id = %(tenant)s and u.id = r.person and u.status = 'active'
        cross join lateral (select r.kind || '_due' as kind) k
    where r.person = any(%(people)s) and coalesce((u.preferences -> 'email' ->> k.kind)::boolean, true)
    returning id"""  # noqa: S608
_JOBS = f"""
    insert into jobs (tenant_id, id, user_id, kind, stage, subject_id, correlation_id)
    select %(tenant)s, r.job, r.person, 'email', 'sending', r.letter, %(correlation)s
    from {_ROWS} where r.letter = any(%(letters)s)"""  # noqa: S608
_NOTE = """
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id,
        request_id)
    select %(tenant)s, %(actor)s, %(role)s, %(action)s, %(type)s, s.id, s.person, %(correlation)s
    from unnest(%(subjects)s::uuid[], %(people)s::uuid[]) as s (id, person)"""

Who = tuple[UUID, str, str]


class BulkActionEffects:
    """`who`: actor, role and correlation id. Rows have `person`, `kind` (what is due: assessment, reassessment or
    session), `subject`, and new ids `letter` and `job`.
    """

    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    def assign(self, rows: Sequence[Mapping[str, Any]], template_id: UUID, who: Who) -> dict[UUID, UUID]:
        """Each with its `assessment`, which is the `subject` too. Who has one open already is left alone. It counts as
        a reminder of it: nobody is reminded on the day on which they got it.
        """
        values = self._values(rows, who) | {"template": template_id}
        made = {row["user_id"]: row["id"] for row in self._connection.execute(_ASSIGN, values)}
        self._connection.execute(_REMIND, values | {"rows": _of(rows, made)})
        self._tell(rows, list(made), values)
        self._note("assessment.assigned", "assessment", list(made.values()), list(made), values)
        return made

    def remind(self, rows: Sequence[Mapping[str, Any]], who: Who) -> set[UUID]:
        """Whoever has been reminded of the same meanwhile is not again."""
        values = self._values(rows, who)
        told = [row["user_id"] for row in self._connection.execute(_REMIND, values)]
        self._tell(rows, told, values)
        self._note("member.reminded", "user", told, told, values)
        return set(told)

    def _values(self, rows: Sequence[Mapping[str, Any]], who: Who) -> dict[str, Any]:
        actor, role, correlation = who
        common = {"tenant": self._tenant_id, "actor": actor, "role": role, "correlation": correlation}
        return common | {"rows": Jsonb(list(rows))}

    def _tell(self, rows: Sequence[Mapping[str, Any]], people: list[UUID], values: Mapping[str, Any]) -> None:
        if not people:
            return
        told = {**values, "rows": _of(rows, people), "people": people}
        self._connection.execute(_NOTIFY, told)
        letters = [row["id"] for row in self._connection.execute(_LETTERS, told)]
        self._connection.execute(_JOBS, told | {"letters": letters})

    def _note(
        self, action: str, kind: str, subjects: list[UUID], people: list[UUID], values: Mapping[str, Any]
    ) -> None:
        if people:
            noted = {**values, "action": action, "type": kind, "subjects": subjects, "people": people}
            self._connection.execute(_NOTE, noted)


def _of(rows: Sequence[Mapping[str, Any]], people: Any) -> Jsonb:
    """The rows of these people."""
    wanted = {str(each) for each in people}
    return Jsonb([row for row in rows if row["person"] in wanted])
