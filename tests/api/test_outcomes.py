"""Outcomes over HTTP: what they are made of, whose they are, what they cost."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from infra import pools
from tests.answers import low_back_pain
from tests.api.problems import assert_problem
from tests.api.test_training import Athlete
from tests.conftest import Database, Person, forget
from tests.statements import Recorder

Make = Callable[..., Any]
MINE = "/v1/me/outcomes"


@pytest.fixture
def trained(api: TestClient, submit: Make, work: Make, db: Database) -> Callable[[Person], None]:
    """Somebody with two attempts, the second one better, and a session just done that hurt at 3 of 10."""

    def make(who: Person) -> None:
        submit(who, answers=low_back_pain(nprs_now=6))
        work()
        submit(who, answers=low_back_pain(nprs_now=3))
        work()
        program = db.value("select id from programs where user_id = %s and status = 'active'", who.context.user_id)
        athlete = Athlete(api, who, str(program))
        session = athlete.calendar()[0]["id"]
        at = datetime.now(UTC) - timedelta(minutes=40)  # not today, soon after midnight
        db.rows("update sessions set scheduled_on = %s where id = %s", at.date(), session)
        athlete.report(session, *athlete.do(session, at, pain_during=3))

    return make


def test_scores_adherence_and_pain(
    api: TestClient, person: Make, trained: Make, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, clinician = person("acme"), person("acme", "clinician")
    neighbour, stranger, outsider = person("acme"), person("globex", "clinician"), person("globex")
    trained(who)
    found = api.get(MINE, headers=who.headers).json()
    nprs = next(each for each in found["instruments"] if each["series"][0]["value"] == 6)
    assert [(point["attempt"], point["value"]) for point in nprs["series"]] == [(1, 6), (2, 3)]
    assert nprs["since_first"] == {"change": -3, "percent": 50, "improved": True, "matters": True}
    assert nprs["since_first"] == nprs["since_previous"]
    assert nprs["minimal_change"]["absolute"] == 2
    assert found["adherence"]["done"] == 1
    assert [week["done"] for week in found["adherence"]["weeks"] if week["done"]] == [1]
    assert [point["value"] for point in found["pain"]["during"]] == [3]
    assert found["pain"]["after_24h"] == []

    of_them = f"/v1/business/members/{who.context.user_id}/outcomes"
    same = {name: found[name] for name in ("instruments", "adherence", "pain", "user_id")}
    with Recorder(db.app_url) as recorder:
        monkeypatch.setenv("FFP_DATABASE_URL", recorder.url)
        forget()
        pools.is_ready()
        with recorder.count() as asked:
            assert api.get(MINE, headers=who.headers).status_code == 200
        assert (asked.statements, asked.round_trips) == (2, 2), asked.texts  # who it is; everything else
        with recorder.count() as asked:
            theirs = api.get(of_them, headers=clinician.headers).json()
        assert asked.statements == 2, asked.texts
        monkeypatch.setenv("FFP_DATABASE_URL", db.app_url)
        forget()
    assert same.items() <= theirs.items()
    assert db.rows("select actor_id, subject_user_id from audit_log where action = 'outcomes.read'") == [
        {"actor_id": clinician.context.user_id, "subject_user_id": who.context.user_id}
    ]

    for ending in ("", ".svg"):
        assert_problem(api.get(of_them + ending, headers=neighbour.headers), 403, "forbidden")
        assert_problem(api.get(of_them + ending, headers=stranger.headers), 404, "not_found")
    for other in (neighbour, outsider):
        empty = api.get(MINE, headers=other.headers).json()
        assert (empty["instruments"], empty["adherence"]["weeks"], empty["pain"]["during"]) == ([], [], [])

    image = api.get(f"{of_them}.svg", headers=clinician.headers)
    assert image.headers["content-type"].startswith("image/svg+xml")
    assert image.headers["cache-control"] == "no-store"
    assert image.headers["content-security-policy"].startswith("default-src 'none'")  # it runs no script
    assert ET.fromstring(image.text).tag.endswith("svg")
