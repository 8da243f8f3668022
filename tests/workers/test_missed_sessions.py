"""Missed sessions, on everybody's own calendar: moved once a day, in one tenant's way, and nothing else is touched."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.programs.checking.adapted import check_adapted
from domain.services import catching_up
from domain.services.edits import plan_of
from domain.sessions.missed import STRATEGIES
from domain.tenancy import worker_context
from infra.content import load_library
from infra.database import unit_of_work
from tests.conftest import Database, Person
from workers.tenants import TenantsFailed
from workers.training import catch_up

Doing = Callable[..., tuple[Person, UUID]]
MONDAY = date(2026, 11, 23)  # where a program of these tests begins


def noon(day: int) -> datetime:
    """UTC, `day` days after the first session."""
    return datetime(2026, 11, 23, 12, tzinfo=UTC) + timedelta(days=day)


def sessions(db: Database, program: UUID) -> list[dict[str, Any]]:
    return db.rows(
        "select id, week, number, scheduled_on, planned_on, status, misses from sessions where program_id = %s"
        " order by week, number",
        program,
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_tenants_strategy_moves_its_own_and_again_changes_nothing(strategy: str, doing: Doing, db: Database) -> None:
    (who, program), (_, other) = doing("acme"), doing("globex")
    db.rows(
        "update tenants set settings = settings || jsonb_build_object('missed_sessions', %s::text) where id = %s",
        strategy, who.tenant_id,
    )  # fmt: skip
    before = sessions(db, program)
    assert catch_up(noon(0))["sessions_moved"] == 0
    assert sessions(db, program) == before
    assert catch_up(noon(1))["sessions_moved"] > 0
    once = sessions(db, program)
    revision = db.value("select revision from programs where id = %s", program)
    assert catch_up(noon(1)) == {"programs": 0, "sessions_moved": 0, "eased": 0}
    assert sessions(db, program) == once
    assert db.value("select revision from programs where id = %s", program) == revision == 2
    first, second = once[0], once[1]
    assert (first["scheduled_on"], first["planned_on"], first["misses"]) == (MONDAY + timedelta(days=1), MONDAY, 1)
    assert first["status"] == ("missed" if strategy == "accumulate" else "planned")
    assert (second["scheduled_on"] == before[1]["scheduled_on"]) == (strategy == "accumulate")
    assert len(once) == len(before)
    # The other tenant's way is the default.
    assert [row["scheduled_on"] - MONDAY for row in sessions(db, other)[:2]] == [timedelta(days=1), timedelta(days=3)]


def test_a_week_that_was_left_out_stays_left_out(doing: Doing, db: Database) -> None:
    who, program = doing()
    db.rows(
        """update tenants set settings = settings || '{"missed_sessions": "flexible"}' where id = %s""", who.tenant_id
    )
    for day in (8, 9, 10):
        catch_up(noon(day))
        found = sessions(db, program)
        [gone] = {row["week"] for row in found if row["status"] == "dropped"}
        late = {row["scheduled_on"] - row["planned_on"] for row in found if row["week"] < gone}
        after = {row["scheduled_on"] - row["planned_on"] for row in found if row["week"] > gone}
        assert (late, after) == ({timedelta(days=day)}, {timedelta(days=day - 7)})


def test_what_is_wrong_with_one_tenant_keeps_nobody_elses_day_from_beginning(doing: Doing, db: Database) -> None:
    made = dict(sorted((who.tenant_id, program) for who, program in (doing("acme"), doing("globex"))))
    [first, second] = made
    broken = """{"missed_sessions": "of another release"}"""
    db.rows("update tenants set settings = settings || %s::jsonb where id = %s", broken, first)
    with pytest.raises(TenantsFailed):
        catch_up(noon(1))
    assert [sessions(db, made[tenant])[0]["misses"] for tenant in (first, second)] == [0, 1]


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("UTC", "2026-11-23T23:59:59Z", "2026-11-24T00:00:00Z"),
        ("Pacific/Auckland", "2026-11-23T10:59:59Z", "2026-11-23T11:00:00Z"),
        ("America/Los_Angeles", "2026-11-24T07:59:59Z", "2026-11-24T08:00:00Z"),
        # The day before summer time begins, and the day it ends, which has 25 hours.
        ("Europe/London", "2027-03-28T22:59:59Z", "2027-03-28T23:00:00Z"),
        ("Europe/London", "2026-10-25T23:59:59Z", "2026-10-26T00:00:00Z"),
    ],
)
def test_a_day_ends_where_its_person_lives(zone: str, before: str, after: str, doing: Doing, db: Database) -> None:
    who, program = doing()
    day = datetime.fromisoformat(before)
    db.rows("update users set time_zone = %s where id = %s", zone, who.context.user_id)
    on = db.value("select (%s::timestamptz at time zone %s)::date", day, zone)
    db.rows(
        "update sessions set scheduled_on = scheduled_on + (%s - %s::date) where program_id = %s", on, MONDAY, program
    )
    db.rows("update programs set start_on = %s where id = %s", on, program)
    assert catch_up(day)["sessions_moved"] == 0
    assert catch_up(datetime.fromisoformat(after))["sessions_moved"] > 0
    assert sessions(db, program)[0]["scheduled_on"] == on + timedelta(days=1)


def test_what_is_done_or_paused_stays_where_it_is(doing: Doing, db: Database) -> None:
    (_, program), (_, paused) = doing(), doing()
    first, second = sessions(db, program)[:2]
    db.rows("update programs set status = 'paused_safety' where id = %s", paused)
    still = sessions(db, paused)
    context = worker_context(db.value("select tenant_id from programs where id = %s", program))
    with unit_of_work(context) as uow:
        strategy, due = catching_up.read(uow, None, 10, noon(1))
    assert [each.program_id for each in due] == [program]
    # Reported between the reading and the writing: what is done or begun is not moved.
    db.rows("update sessions set status = 'done', finished_at = now() where id = %s", first["id"])
    db.rows("update sessions set status = 'started', started_at = now() where id = %s", second["id"])
    with unit_of_work(context) as uow:
        uow.missed_sessions.write(catching_up.plan(due, strategy))
    done, begun, third = sessions(db, program)[:3]
    assert (done["scheduled_on"], done["status"]) == (first["scheduled_on"], "done")
    assert (begun["scheduled_on"], begun["status"]) == (second["scheduled_on"], "started")
    assert third["misses"] == 0
    assert third["planned_on"] < third["scheduled_on"]
    assert sessions(db, paused) == still


def test_the_way_back_after_two_weeks_is_stored_and_checked_and_made_once(doing: Doing, db: Database) -> None:
    who, program = doing()
    with unit_of_work(who.context) as uow:
        whole = plan_of(uow.programs.read(program))
    assert catch_up(noon(14))["eased"] == 4 * whole.spec.days
    with unit_of_work(who.context) as uow:
        back = plan_of(uow.programs.read(program))
    assert check_adapted(whole, back, load_library()) == []
    assert back != whole
    assert db.value("select gap_from from programs where id = %s", program) == MONDAY
    assert catch_up(noon(14))["eased"] == 0
    assert catch_up(noon(15))["eased"] == 0  # moved on, and not made smaller again
    with unit_of_work(who.context) as uow:
        assert plan_of(uow.programs.read(program)) == back
    # Trained, and away again: the next four weeks, from what they were before.
    db.rows(
        "update sessions set status = 'done', finished_at = %s where id = %s", noon(16), sessions(db, program)[0]["id"]
    )
    db.rows("update programs set next_due = null where id = %s", program)
    assert catch_up(noon(31))["eased"] > 0
    with unit_of_work(who.context) as uow:
        again = plan_of(uow.programs.read(program))
    assert check_adapted(whole, again, load_library()) == []
    # A long gap asks for an assessment, once, where none is due already.
    db.rows("update programs set reassess_on = date '2027-06-01' where id = %s", program)
    catch_up(noon(16 + 28))
    catch_up(noon(16 + 29))
    assert db.value("select count(*) from notifications where kind = 'reassessment_due'") == 1


def test_fewer_days_are_offered_once_in_two_weeks(doing: Doing, db: Database) -> None:
    _, program = doing()
    [first, *_] = sessions(db, program)
    db.rows("update sessions set status = 'done', finished_at = %s where id = %s", noon(13), first["id"])
    db.rows("update programs set next_due = null where id = %s", program)
    for day in (15, 16, 17):
        catch_up(noon(day))
    assert db.value("select count(*) from notifications where kind = 'fewer_days_offered'") == 1
    assert db.value("select count(*) from emails where kind = 'fewer_days_offered'") == 1


def test_in_small_chunks_as_in_one(doing: Doing, db: Database) -> None:
    programs = [doing()[1] for _ in range(3)]
    assert catch_up(noon(1), chunk=1)["programs"] == 3
    assert {sessions(db, each)[0]["scheduled_on"] for each in programs} == {MONDAY + timedelta(days=1)}
