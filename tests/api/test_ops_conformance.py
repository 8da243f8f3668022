"""Operators' operations answer as the API's own document says, whatever they are asked."""

from collections import Counter
from typing import Any

import pytest
import requests

from tests import letters
from tests.api.test_conformance import World, _call, _operations, world

__all__ = ["world"]


@pytest.fixture
def operator(world: World) -> dict[str, str]:
    """Somebody who has letters of two tenants, a replay and a message that nobody can read."""
    world.headers("member")  # somebody who signs in, and becomes staff
    world.db.rows(
        """update identity.principals set staff_role = 'operator', tenant_id = null, user_id = null
           where user_id = %s""",
        world.people["member"].context.user_id,
    )
    headers = world.tokens["member"]
    for tenant in ("acme", "globex"):
        letters.dead(world.db, world.make(tenant))
    letters.consume("nonsense")
    order = {"selector": {"filter": {}}, "mode": "shadow", "reason": "for the test"}
    answer = requests.post(
        f"{world.url}/v1/ops/replays", json=order, headers=headers | {"Idempotency-Key": "k"}, timeout=30
    )
    assert answer.status_code == 202, answer.text
    wanted = {
        "letter_id": "select id::text as id from dead_letters",
        "fingerprint": "select fingerprint as id from dead_letter_groups",
        "replay_id": "select id::text as id from replays",
        "job_id": "select id::text as id from jobs",
    }
    for name, query in wanted.items():
        world.known[name] = [row["id"] for row in world.db.rows(query)]
    return headers


def test_every_operation_answers_an_operator_as_documented(
    world: World, operator: dict[str, str], subtests: pytest.Subtests
) -> None:
    answered: Counter[tuple[str, int]] = Counter()
    ours: list[Any] = [each for each in _operations(world.schema) if each.path.startswith("/v1/ops/")]
    assert len(ours) > 20
    with requests.Session() as session:
        for operation in ours:
            with subtests.test(operation=operation.label):
                _call(world, session, operation, operator, 12, answered)
    reached = {label for label, status in answered if status < 400}
    assert len(reached) > len(ours) * 2 // 3, sorted(answered)
