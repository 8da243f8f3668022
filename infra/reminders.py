"""Reminders in PostgreSQL: whom something may be due of, and who has been reminded."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.reminders import Course, Kind, Person, Planned, Quiet, Reminder
from infra.outbox import transaction
from infra.rows import Row, TenantConnection

# PostgreSQL knows every time zone's rules; what goes on from here is the offset at this very moment.
_PEOPLE = """
    with people as (
        select p.id, p.user_id, p.reassess_on, p.created_at, u.preferences -> 'quiet_hours' as quiet, u.time_zone,
            extract(epoch from (%(now)s at time zone u.time_zone) - (%(now)s at time zone 'UTC'))::integer as offset_s,
            (%(now)s at time zone u.time_zone)::date as today
        from programs p join users u on u.tenant_id = p.tenant_id and u.id = p.user_id and u.status = 'active'
        where p.tenant_id = %(tenant)s and p.status = 'active' and (%(after)s::uuid is null or p.id > %(after)s)),
    found as (
        select people.*,
            (select array_agg(s.id order by s.week, s.number) from sessions s
             where s.tenant_id = %(tenant)s and s.program_id = people.id and s.status in ('planned', 'missed')
                and s.scheduled_on = people.today) as sessions,
            case when people.reassess_on <= people.today and not exists (
                select from submissions n where n.tenant_id = %(tenant)s and n.user_id = people.user_id
                    and n.submitted_at > people.created_at) then people.reassess_on end as asked_on
        from people)
    select found.*,
        (select max(r.on_day) from reminders r where r.tenant_id = %(tenant)s and r.user_id = found.user_id
            and r.kind = 'session') as told_session,
        (select max(r.on_day) from reminders r where r.tenant_id = %(tenant)s and r.user_id = found.user_id
            and r.kind = 'reassessment') as told_reassessment
    from found where sessions is not null or asked_on is not null order by id limit %(limit)s"""


class ReminderRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    def people(self, after: UUID | None, limit: int, now: datetime) -> list[Person]:
        rows = self._connection.execute(
            _PEOPLE, {"tenant": self._tenant_id, "after": after, "limit": limit, "now": now}
        )
        return [_person(row) for row in rows]

    def write(self, reminders: Sequence[Reminder]) -> int:
        """One call: the rows, the e-mails and their jobs are of one commit."""
        wanted = [
            {"person": str(each.user_id), "kind": each.kind, "on_day": str(each.on), "subject": str(each.subject_id)}
            for each in reminders
        ]
        [row] = self._connection.read("select app.remind(%s, %s, %s, %s) as made", (Jsonb(wanted),))
        made: int = row["made"]
        return made


def _person(row: Row) -> Person:
    told: dict[Kind, date | None] = {"session": row["told_session"], "reassessment": row["told_reassessment"]}
    sessions = tuple(Planned(number, row["today"]) for number in row["sessions"] or ())
    return Person(
        timezone(timedelta(seconds=row["offset_s"])),
        quiet_from(row["quiet"]),
        Course(row["id"], row["user_id"], sessions, row["asked_on"], {kind: day for kind, day in told.items() if day}),
    )


def quiet_from(stored: dict[str, str] | None) -> Quiet:
    """What somebody has chosen, or the default."""
    return Quiet(**{name: time.fromisoformat(value) for name, value in (stored or {}).items()})


def tenants(after: UUID | None, limit: int = 500) -> list[UUID]:
    """Tenants, by id, in which somebody does a program. As ffp_relay, which learns nothing else."""
    with transaction() as connection:
        rows = connection.execute("select tenant_id from app.tenants_to_remind(%s, %s)", (after, limit)).fetchall()
    return [row["tenant_id"] for row in rows]
