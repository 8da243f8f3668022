"""What rows of an import cause: many at once, in one statement a table, or by the function that single requests use."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.imports.people import Newcomer
from infra import audit
from infra.rows import TenantConnection

_NEWCOMERS = """jsonb_to_recordset(%(rows)s) as r (number integer, invitation uuid, person uuid, email text, name text,
    role text, external_id text, letter uuid, job uuid, params jsonb)"""
_ADD = f"""
    insert into users (tenant_id, id, email, display_name, role, parent_business_id, external_id)
    select %(tenant)s, person, email, name, role, %(actor)s, external_id from {_NEWCOMERS} where person is not null
    on conflict do nothing returning id"""  # noqa: S608 - our own words
_INVITE = f"""
    insert into invitations (tenant_id, id, email, name, role, invited_by, expires_at, external_id, imported)
    select %(tenant)s, invitation, email, name, role, %(actor)s, %(until)s, external_id, true from {_NEWCOMERS}
    on conflict (tenant_id, lower(email)) where status = 'open' do nothing returning id"""  # noqa: S608
_LETTERS = f"""
    insert into emails (tenant_id, id, address, kind, params)
    select %(tenant)s, letter, email, 'invitation', params from {_NEWCOMERS} where invitation = any(%(made)s)"""  # noqa: S608
_JOBS = f"""
    insert into jobs (tenant_id, id, user_id, kind, stage, subject_id, correlation_id)
    select %(tenant)s, job, %(actor)s, 'email', 'sending', letter, %(correlation)s
    from {_NEWCOMERS} where invitation = any(%(made)s)"""  # noqa: S608
_NOTE = """
    insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id,
        request_id)
    select %(tenant)s, %(actor)s, %(role)s, %(action)s, %(type)s, s.id, s.person, %(correlation)s
    from unnest(%(subjects)s::uuid[], %(people)s::uuid[]) as s (id, person)"""
_NEWEST = """
    select distinct on (s.user_id) s.user_id, s.id, s.template_slug as slug, s.answers, p.id as program_id,
        p.status as program_status,
        case when exists (select from programs q where q.tenant_id = s.tenant_id and q.user_id = s.user_id
                and q.status = 'paused_safety') then 'paused_safety'
            when (select j.result_type from jobs j where j.tenant_id = s.tenant_id and j.user_id = s.user_id
                    and j.kind = 'assessment' and j.result_type in ('program', 'referral')
                order by j.finished_at desc limit 1) = 'referral' then 'referral' end as stopped
    from submissions s left join programs p on p.tenant_id = s.tenant_id and p.submission_id = s.id
    where s.tenant_id = %s and s.user_id = any(%s) and s.template_slug = coalesce(%s, s.template_slug)
    order by s.user_id, s.submitted_at desc, s.attempt_number desc"""


class ImportEffects:
    """`actor` and `actor_role` are of whoever ordered the import: the audit log names them, as for a single request."""

    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    def until(self, days: int) -> datetime:
        """When an invitation of now ends."""
        [row] = self._connection.execute("select now() + make_interval(days => %s) as until", (days,))
        found: datetime = row["until"]
        return found

    def bring_in(
        self, people: Sequence[Newcomer], until: datetime, actor: UUID, actor_role: str, correlation: str
    ) -> set[int]:
        """Add who is to be added, and invite them all. Returns the numbers of the rows for which it was done."""
        values = {
            "rows": Jsonb([each.as_json() for each in people]), "tenant": self._tenant_id, "actor": actor,
            "until": until, "correlation": correlation, "role": actor_role,
        }  # fmt: skip
        self._connection.execute(
            """update invitations set status = 'expired', decided_at = expires_at
               where tenant_id = %s and lower(email) = any(%s) and status = 'open' and expires_at <= now()""",
            (self._tenant_id, [each.email for each in people]),
        )
        added = {row["id"] for row in self._connection.execute(_ADD, values)}
        wanted = [each for each in people if each.person is None or each.person in added]
        values["rows"] = Jsonb([each.as_json() for each in wanted])
        made = {row["id"] for row in self._connection.execute(_INVITE, values)}
        values["made"] = list(made)
        self._connection.execute(_LETTERS, values)
        self._connection.execute(_JOBS, values)
        who = (actor, actor_role, correlation)
        self._note("member.added", "user", [(each, each) for each in added], who)
        self._note("invitation.made", "invitation", [(each, None) for each in made], who)
        return {each.number for each in wanted if each.invitation in made or each.person in added}

    def rename(self, changes: Sequence[Mapping[str, Any]], actor: UUID, actor_role: str, correlation: str) -> set[UUID]:
        """Set name and external id of people: `id`, `name`, `external_id`. Returns who was changed."""
        rows = self._connection.execute(
            """update users u set display_name = r.name, external_id = r.external_id
               from jsonb_to_recordset(%s) as r (id uuid, name text, external_id text)
               where u.tenant_id = %s and u.id = r.id and u.status in ('active', 'suspended') returning u.id""",
            (Jsonb(list(changes)), self._tenant_id),
        )
        found = {row["id"] for row in rows}
        who = (actor, actor_role, correlation)
        self._note("member.changed", "user", [(each, each) for each in found], who)
        return found

    def submit(
        self, rows: Sequence[Mapping[str, Any]], actor: UUID, actor_role: str, engine: str, worker: str, *, again: bool
    ) -> dict[int, str | None]:
        """Rows as app.import_assessments takes them. Returns the code of each that could not be, None of the others."""
        if not rows:
            return {}
        answer = self._connection.read(
            "select number, code from app.import_assessments(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (actor, actor_role, engine, again, 60.0, worker, Jsonb(list(rows))),
        )
        return {row["number"]: row["code"] for row in answer}

    def solved(self, hashes: Sequence[str], known: Sequence[str]) -> dict[str, dict[str, Any] | None]:
        """The plans that are there, None instead of one that is `known`."""
        rows = self._connection.execute(
            """select input_hash, case when input_hash <> all(%s) then plan end as plan
               from solved_specs where input_hash = any(%s)""",
            (list(known), list(hashes)),
        )
        return {row["input_hash"]: row["plan"] for row in rows}

    def keep_plans(self, plans: Sequence[Mapping[str, Any]]) -> None:
        self._connection.execute(
            """insert into solved_specs (input_hash, plan) select p ->> 'input_hash', p from jsonb_array_elements(%s) p
               on conflict do nothing""",
            (Jsonb(list(plans)),),
        )

    def active_programs(self, people: Sequence[UUID]) -> dict[UUID, UUID]:
        rows = self._connection.execute(
            "select user_id, id from programs where tenant_id = %s and user_id = any(%s) and status = 'active'",
            (self._tenant_id, list(people)),
        )
        return {row["user_id"]: row["id"] for row in rows}

    def newest(self, people: Sequence[UUID], slug: str | None) -> dict[UUID, dict[str, Any]]:
        """What each has handed in last, of this template or of any, and the program that came of it.

        `stopped`: why there is to be no program of it until a clinician has looked, or they hand in something new.
        """
        rows = self._connection.execute(_NEWEST, (self._tenant_id, list(people), slug))
        return {row["user_id"]: row for row in rows}

    def archive(self, people: Sequence[UUID], actor: UUID, actor_role: str, correlation: str) -> dict[UUID, UUID]:
        """Put aside the active program of each. Returns it by person."""
        rows = self._connection.execute(
            """update programs set status = 'archived', status_at = now(), next_due = null, revision = revision + 1
               where tenant_id = %s and user_id = any(%s) and status = 'active' returning id, user_id""",
            (self._tenant_id, list(people)),
        )
        done = {row["user_id"]: row["id"] for row in rows}
        pairs = [(program, person) for person, program in done.items()]
        self._note("program.archived", "program", pairs, (actor, actor_role, correlation))
        return done

    def activate(
        self, program_id: UUID, person: UUID, actor: UUID, actor_role: str, correlation: str, *, tell: bool = True
    ) -> bool:
        """Make an archived program the active one. False: it is not archived any more."""
        self._connection.execute("select app.archive_program(%s)", (person,))
        rows = self._connection.execute(
            """update programs set status = 'active', status_at = now(), revision = revision + 1
               where tenant_id = %s and id = %s and status = 'archived' returning 1""",
            (self._tenant_id, program_id),
        )
        if rows:
            pair = [(program_id, person)]
            self._note("program.assigned", "program", pair, (actor, actor_role, correlation))
            if tell:
                self._connection.execute(
                    "select app.notify_user(%s, 'program_ready', 'program', %s)", (person, program_id)
                )
        return bool(rows)

    # --- back again ---

    def uninvite(self, invitation: UUID, person: UUID | None) -> bool:
        """False where somebody has come: by the invitation, or with anything of theirs here."""
        if person is not None and self._connection.execute(
            """select 1 from assessments where tenant_id = %s and user_id = %s
               union all select 1 from consents where tenant_id = %s and user_id = %s limit 1""",
            (self._tenant_id, person, self._tenant_id, person),
        ):
            return False
        rows = self._connection.execute(
            """update invitations set status = 'revoked', decided_at = now()
               where tenant_id = %s and id = %s and status = 'open' returning 1""",
            (self._tenant_id, invitation),
        )
        if not rows:
            return False
        audit.record(self._connection, "invitation.revoked", "invitation", invitation, None)
        if person is not None:
            self._connection.execute(
                "update users set status = 'removed', external_id = null where tenant_id = %s and id = %s",
                (self._tenant_id, person),
            )
            audit.record(self._connection, "member.removed", "user", person, person)
        return True

    def rename_back(self, person: UUID, name: str, external_id: str | None, set_name: str) -> bool:
        """False where the name has been changed again since."""
        rows = self._connection.execute(
            """update users set display_name = %s, external_id = %s
               where tenant_id = %s and id = %s and display_name = %s returning 1""",
            (name, external_id, self._tenant_id, person, set_name),
        )
        if rows:
            audit.record(self._connection, "member.changed", "user", person, person)
        return bool(rows)

    def withdraw_program(self, assessment: UUID) -> tuple[bool, UUID | None]:
        """Take back the program of an assessment that nobody has looked at as their own yet: whether there is none in
        use, and whose it was. The answers and their score stay, as any that were handed in.
        """
        rows = self._connection.execute(
            """update programs p set status = case when p.status = 'pending_review' then 'rejected' else 'archived' end,
                   status_at = now(), next_due = null, revision = p.revision + 1
               from submissions s
               where s.tenant_id = p.tenant_id and s.id = p.submission_id and p.tenant_id = %s and s.assessment_id = %s
                   and p.revision = 1 and p.status in ('pending_review', 'active')
               returning p.id, p.user_id, p.job_id, p.status""",
            (self._tenant_id, assessment),
        )
        if not rows:
            has = self._connection.execute(
                """select 1 from submissions s join programs p on p.tenant_id = s.tenant_id and p.submission_id = s.id
                   where s.tenant_id = %s and s.assessment_id = %s""",
                (self._tenant_id, assessment),
            )
            return not has, None
        [row] = rows
        if row["status"] == "rejected":
            self._connection.execute(
                """update jobs set review = 'rejected', revision = revision + 1, updated_at = now()
                   where tenant_id = %s and id = %s and review = 'pending'""",
                (self._tenant_id, row["job_id"]),
            )
        audit.record(self._connection, "program.withdrawn", "program", row["id"], row["user_id"])
        return True, row["user_id"]

    def archive_one(self, program_id: UUID) -> bool:
        rows = self._connection.execute(
            """update programs set status = 'archived', status_at = now(), next_due = null, revision = revision + 1
               where tenant_id = %s and id = %s and status = 'active' returning user_id""",
            (self._tenant_id, program_id),
        )
        if rows:
            audit.record(self._connection, "program.archived", "program", program_id, rows[0]["user_id"])
        return bool(rows)

    def _note(
        self, action: str, kind: str, subjects: Sequence[tuple[UUID, UUID | None]], who: tuple[UUID, str, str]
    ) -> None:
        """One audit row a subject, each with whose it is. `who`: actor, role and correlation id."""
        if not subjects:
            return
        actor, role, correlation = who
        values = {
            "tenant": self._tenant_id, "actor": actor, "role": role, "action": action, "type": kind,
            "correlation": correlation, "subjects": [each for each, _ in subjects],
            "people": [person for _, person in subjects],
        }  # fmt: skip
        self._connection.execute(_NOTE, values)
