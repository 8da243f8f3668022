"""Reminders on a real database: once, where people live, with the e-mail in the same commit."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.services import reminders
from domain.tenancy import worker_context
from infra.database import unit_of_work
from tests.conftest import Database, Person
from workers.reminders import remind

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)  # a Tuesday
Doing = Callable[..., tuple[Person, UUID]]


def on(db: Database, program: UUID, day: datetime) -> UUID:
    """The first session of the program, on this day, and no other one near it."""
    db.rows("update sessions set scheduled_on = %s where program_id = %s", day + timedelta(days=100), program)
    found: UUID = db.value(
        """update sessions set scheduled_on = %s where program_id = %s and week = 1 and number = 1 returning id""",
        day.date(), program,
    )  # fmt: skip
    return found


def sent(db: Database) -> list[tuple[str, Any]]:
    rows = db.rows(
        """select e.kind, e.user_id from emails e join jobs j on j.subject_id = e.id and j.kind = 'email'
           where e.kind in ('session_due', 'reassessment_due') order by e.created_at"""
    )
    return [(row["kind"], row["user_id"]) for row in rows]


def test_a_session_is_reminded_of_once_with_its_email_and_for_the_business_as_an_event(
    doing: Doing, db: Database
) -> None:
    (who, program), (other, elsewhere) = doing("acme"), doing("globex")
    session = on(db, program, NOON)
    on(db, elsewhere, NOON + timedelta(days=1))
    db.rows(
        """insert into webhook_endpoints (tenant_id, id, url, secret)
           select id, gen_random_uuid(), 'https://hooks.example.com', 'x' from tenants"""
    )
    assert remind(NOON - timedelta(hours=6))["reminded"] == 0  # 06:00 is quiet
    assert remind(NOON, chunk=1)["reminded"] == 1
    assert remind(NOON + timedelta(hours=3))["reminded"] == 0
    assert sent(db) == [("session_due", who.context.user_id)]
    [event] = db.rows("select type, subject_id, tenant_id from webhook_deliveries where type like '%%due'")
    assert event == {"type": "session.due", "subject_id": session, "tenant_id": who.tenant_id}
    assert remind(NOON + timedelta(days=1))["reminded"] == 1
    assert sent(db)[1:] == [("session_due", other.context.user_id)]


def test_what_is_done_paused_or_unwanted_is_not_written_of(doing: Doing, db: Database) -> None:
    (_, done), (_, paused), (quiet, unwanted) = (doing("acme") for _ in range(3))
    for program in (done, paused, unwanted):
        on(db, program, NOON)
    db.rows("update sessions set status = 'done' where program_id = %s", done)
    db.rows("update programs set status = 'paused_safety' where id = %s", paused)
    db.rows('update users set preferences = \'{"email": {"session_due": false}}\' where id = %s', quiet.context.user_id)
    assert remind(NOON)["reminded"] == 1  # the event of the business is sent all the same
    assert sent(db) == []


def test_a_new_assessment_is_asked_for_each_week_until_there_is_one(doing: Doing, db: Database) -> None:
    who, program = doing("acme")
    db.rows("update programs set reassess_on = %s where id = %s", NOON.date(), program)
    db.rows("update sessions set scheduled_on = '2027-12-01' where program_id = %s", program)
    days = [day for day in range(-1, 40) if remind(NOON + timedelta(days=day))["reminded"]]
    assert days == [0, 7, 14, 21]
    assert sent(db) == [("reassessment_due", who.context.user_id)] * 4
    db.rows("delete from reminders")
    db.rows("update programs set created_at = created_at - interval '1 year'")
    assert remind(NOON)["reminded"] == 0  # a newer submission than the program is there


def test_told_by_whoever_else_counts(doing: Doing, db: Database) -> None:
    """After a gap the look for missed sessions asks for a new assessment: the reminder does not say it again."""
    who, program = doing("acme")
    today = datetime.now(UTC)
    db.rows("update programs set reassess_on = %s where id = %s", today.date(), program)
    db.rows("update sessions set scheduled_on = '2036-12-01' where program_id = %s", program)
    with unit_of_work(worker_context(who.tenant_id)) as uow:
        uow.adaptations.tell("reassessment_due", program, who.context.user_id)
    assert remind(today.replace(hour=12))["reminded"] == 0
    assert len(sent(db)) == 1


def test_killed_before_the_commit_it_is_done_again_and_after_it_never(doing: Doing, db: Database) -> None:
    """Two runs have read the same; and one was killed before its commit."""
    who, program = doing("acme")
    on(db, program, NOON)
    context = worker_context(who.tenant_id)
    with unit_of_work(context) as uow:
        planned = reminders.plan(reminders.read(uow, None, 10, NOON), NOON)
    with pytest.raises(KeyboardInterrupt), unit_of_work(context) as uow:
        uow.profile.knows_time_zone("UTC")  # the transaction has begun, so nothing commits by itself
        assert reminders.write(uow, planned) == 1
        raise KeyboardInterrupt
    assert (sent(db), db.rows("select 1 from reminders")) == ([], [])
    for expected in (1, 0):
        with unit_of_work(context) as uow:
            assert reminders.write(uow, planned) == expected
    assert len(sent(db)) == 1


def test_the_day_is_the_one_where_somebody_lives(doing: Doing, db: Database) -> None:
    who, program = doing("acme")
    db.rows("update users set time_zone = 'Pacific/Kiritimati' where id = %s", who.context.user_id)  # UTC+14
    on(db, program, datetime(2026, 12, 2, tzinfo=UTC))
    assert remind(datetime(2026, 12, 1, 17, 59, tzinfo=UTC))["reminded"] == 0  # 07:59 there
    assert remind(datetime(2026, 12, 1, 18, 1, tzinfo=UTC))["reminded"] == 1
