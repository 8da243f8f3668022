"""What imports and bulk actions do to programs is what single requests do to them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.services import training
from domain.sessions.events import Event
from domain.tenancy import worker_context
from infra.database import unit_of_work
from infra.ids import new_id
from infra.import_effects import ImportEffects
from tests.conftest import Database

Archive = Callable[[ImportEffects, UUID, UUID], object]


@pytest.mark.parametrize(
    "archive",
    [
        lambda effects, person, _: effects.archive([person], person, "business_owner", "test"),
        lambda effects, _, program: effects.archive_one(program),
    ],
    ids=["of people", "one"],
)
def test_what_was_done_before_a_program_was_put_aside_can_still_be_told(
    archive: Archive, doing: Callable[..., Any], db: Database
) -> None:
    """From a telephone that was offline; and adherence ends with the program, not before it."""
    who, program = doing()
    done_at = datetime.now(UTC) - timedelta(hours=3)
    db.rows("update programs set status_at = now() - interval '3 days', next_due = current_date where id = %s", program)
    with unit_of_work(worker_context(who.tenant_id)) as uow:
        assert archive(uow.import_effects, who.context.user_id, program)
    [row] = db.rows("select status, status_at > now() - interval '1 hour' as now, next_due from programs")
    assert row == {"status": "archived", "now": True, "next_due": None}
    session = db.value("select id from sessions where program_id = %s order by week, number limit 1", program)
    with unit_of_work(who.context) as uow:
        found = training.report(uow, session, [Event(uuid4(), done_at, "started")], datetime.now(UTC), new_id())
    assert (found.taken.refused, found.status) == ((), "started")
