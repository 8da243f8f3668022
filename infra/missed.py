"""Missed sessions in PostgreSQL: which programs have some, and the days that they move to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.sessions.missed import DEFAULT, Course, Due, Moved, Place, Strategy
from infra.outbox import transaction
from infra.rows import Row, TenantConnection

# "Today" is the person's: PostgreSQL knows their time zone's rules, so a day of 23 or 25 hours is one day.
_DUE = """
    with due as (
        select p.id, p.user_id, (p.spec ->> 'days')::integer as days, coalesce(p.counted_from, p.start_on) as since,
            p.gap_from, p.fewer_days_on, p.reassess_on, u.time_zone, (%(now)s at time zone u.time_zone)::date as today
        from programs p join users u on u.tenant_id = p.tenant_id and u.id = p.user_id and u.status = 'active'
        where p.tenant_id = %(tenant)s and p.status = 'active' and (%(after)s::uuid is null or p.id > %(after)s)
            and (p.next_due is null or p.next_due < (%(now)s at time zone u.time_zone)::date)
        order by p.id limit %(limit)s)
    select due.*, s.* from due cross join lateral (
        select max((s.finished_at at time zone due.time_zone)::date) filter (where s.status = 'done') as last_done,
            count(*) filter (where s.status = 'done'
                and (s.finished_at at time zone due.time_zone)::date > due.today - 14) as done,
            array_agg(distinct s.week) filter (where s.status = 'dropped') as dropped,
            array_agg(s.id order by s.week, s.number)
                filter (where s.status in ('planned', 'started', 'missed')) as ids,
            array_agg(s.week order by s.week, s.number)
                filter (where s.status in ('planned', 'started', 'missed')) as weeks,
            array_agg(s.deload order by s.week, s.number)
                filter (where s.status in ('planned', 'started', 'missed')) as easier,
            array_agg(s.scheduled_on order by s.week, s.number)
                filter (where s.status in ('planned', 'started', 'missed')) as days_on,
            array_agg(coalesce(s.planned_on, s.scheduled_on) order by s.week, s.number)
                filter (where s.status in ('planned', 'started', 'missed')) as planned,
            array_agg(s.status order by s.week, s.number)
                filter (where s.status in ('planned', 'started', 'missed')) as statuses
        from sessions s where s.tenant_id = %(tenant)s and s.program_id = due.id) s
    order by due.id"""
# What somebody has begun or done meanwhile is theirs: only what still is as it was read moves.
_MOVE = """
    update sessions s set planned_on = coalesce(s.planned_on, r.was), scheduled_on = r.on_day, status = r.status,
        misses = s.misses + r.missed
    from unnest(%s::uuid[], %s::date[], %s::text[], %s::date[], %s::text[], %s::integer[])
        as r (id, was, was_status, on_day, status, missed)
    where s.tenant_id = %s and s.id = r.id and s.scheduled_on = r.was and s.status = r.was_status"""
_NOTE = """
    update programs p set next_due = coalesce(r.next_due, 'infinity'::date), revision = p.revision + r.changed,
        fewer_days_on = coalesce(r.offered, p.fewer_days_on), reassess_on = coalesce(r.reassess, p.reassess_on),
        gap_from = coalesce(r.gap_from, p.gap_from)
    from unnest(%s::uuid[], %s::date[], %s::integer[], %s::date[], %s::date[], %s::date[])
        as r (id, next_due, changed, offered, reassess, gap_from)
    where p.tenant_id = %s and p.id = r.id and p.status = 'active'"""


class MissedRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._tenant_id = connection.context.tenant_id

    def strategy(self) -> Strategy:
        """The tenant's choice, or the default."""
        [row] = self._connection.execute(
            "select settings ->> 'missed_sessions' as strategy from tenants where id = %s", (self._tenant_id,)
        )
        found: Strategy = row["strategy"] or DEFAULT
        return found

    def due(self, after: UUID | None, limit: int, now: datetime) -> list[Due]:
        """Active programs, by id, whose first open session is past on their person's calendar, or has to be looked up.
        Nothing is locked.
        """
        rows = self._connection.execute(_DUE, {"tenant": self._tenant_id, "after": after, "limit": limit, "now": now})
        return [Due(row["id"], row["user_id"], _course(row)) for row in rows]

    def write(self, moved: Sequence[Moved]) -> int:
        """Returns how many sessions were moved or dropped."""
        places = [
            (old.id, old.on, old.status, new.on, new.status, int(new.id in each.outcome.newly_missed))
            for each in moved
            for was in [{place.id: place for place in each.due.course.places}]
            for new in each.outcome.changed
            for old in [was[new.id]]
        ]
        if places:
            self._connection.execute(_MOVE, (*map(list, zip(*places, strict=True)), self._tenant_id))
        notes = [
            (
                each.due.program_id,
                each.outcome.next_due,
                int(bool(each.outcome.changed)),
                each.due.course.today if each.outcome.offer_fewer_days else None,
                each.due.course.today if each.outcome.reassess else None,
                each.outcome.reentry_from,
            )
            for each in moved
        ]
        if notes:
            self._connection.execute(_NOTE, (*map(list, zip(*notes, strict=True)), self._tenant_id))
        for each in moved:
            if each.outcome.offer_fewer_days:
                self._tell(each, "fewer_days_offered")
            if each.outcome.reassess:
                self._tell(each, "reassessment_due")
        return len(places)

    def bases(self, program_id: UUID) -> dict[tuple[UUID, int], dict[str, Any]]:
        """The doses of a program's lines before they were made smaller, by session and position."""
        rows = self._connection.execute(
            """select i.session_id, i.position, i.base from sessions s
               join prescribed_exercises i on i.tenant_id = s.tenant_id and i.session_id = s.id
               where s.tenant_id = %s and s.program_id = %s and i.base is not null and i.base <> 'null'""",
            (self._tenant_id, program_id),
        )
        return {(row["session_id"], row["position"]): row["base"] for row in rows}

    def _tell(self, moved: Moved, kind: str) -> None:
        self._connection.execute(
            "select app.notify_user(%s, %s, 'program', %s)", (moved.due.user_id, kind, moved.due.program_id)
        )


def _course(row: Row) -> Course:
    lists = ("ids", "weeks", "easier", "days_on", "planned", "statuses")
    places = tuple(Place(*place) for place in zip(*(row[name] or () for name in lists), strict=True))
    return Course(
        today=row["today"],
        days_a_week=row["days"],
        since=row["since"],
        last_done=row["last_done"],
        done=row["done"],
        places=places,
        left_out=frozenset(row["dropped"] or ()) - {place.week for place in places},
        gap_from=row["gap_from"],
        fewer_days_on=row["fewer_days_on"],
        reassess_on=row["reassess_on"],
    )


def tenants(now: datetime, after: UUID | None, limit: int = 500) -> list[UUID]:
    """Tenants, by id, in which there may be something to do. As ffp_relay, which learns nothing else."""
    with transaction() as connection:
        rows = connection.execute(
            "select tenant_id from app.tenants_to_catch_up(%s, %s, %s)", (now, after, limit)
        ).fetchall()
    return [row["tenant_id"] for row in rows]
