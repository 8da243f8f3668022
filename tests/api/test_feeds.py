"""Calendars: a secret address, the same session under the same UID, and nothing for who has no address."""

from collections.abc import Callable
from typing import Any

import pytest
from icalendar import Calendar
from starlette.testclient import TestClient

from tests.api.problems import assert_problem
from tests.conftest import Database, Person

Make = Callable[..., Any]


@pytest.fixture
def feed(api: TestClient) -> Make:
    def make(who: Person, **body: str) -> dict[str, Any]:
        answer = api.post("/v1/me/feeds", json=body, headers=who.headers)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return make


def read(api: TestClient, path: str) -> list[Any]:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return list(Calendar.from_ical(answer.content).walk("VEVENT"))


def test_a_calendar_shows_the_sessions_and_no_word_on_health(
    api: TestClient, person: Make, submit: Make, work: Make, db: Database, feed: Make
) -> None:
    who, other, stranger = person("acme"), person("acme"), person("globex")
    for each in (who, stranger):
        submit(each)
    work()
    db.rows("update users set time_zone = 'Europe/London' where id = %s", who.context.user_id)
    whole, timed, empty = feed(who), feed(who, starts_at="18:30"), feed(other)
    own = {row["id"]: row["scheduled_on"] for row in db.rows(
        "select id, scheduled_on from sessions where user_id = %s", who.context.user_id)}  # fmt: skip
    events = read(api, whole["path"])
    assert {str(event["UID"]): event.start for event in events} == {f"{n}@ffp": day for n, day in own.items()}
    assert {str(event["SUMMARY"]) for event in events} == {"Session"}
    assert {key for event in events for key in event} <= {
        "SUMMARY", "DTSTART", "DTEND", "DURATION", "DTSTAMP", "UID", "SEQUENCE", "TRANSP",
    }  # fmt: skip
    assert read(api, empty["path"]) == []
    event = read(api, timed["path"])[0]
    assert f"{event.start:%H:%M}" == "18:30"
    assert event["DTSTART"].params["TZID"] == "Europe/London"
    assert b"BEGIN:VTIMEZONE" in api.get(timed["path"]).content

    first = api.get(whole["path"])
    assert first.headers["content-type"].startswith("text/calendar")
    known = {"If-None-Match": first.headers["etag"]}
    assert api.get(whole["path"], headers=known).status_code == 304
    db.rows("update sessions set planned_on = scheduled_on, scheduled_on = scheduled_on + 1 where user_id = %s",
            who.context.user_id)  # fmt: skip
    moved = api.get(whole["path"], headers=known)
    assert moved.status_code == 200
    again = list(Calendar.from_ical(moved.content).walk("VEVENT"))
    assert {str(each["UID"]) for each in again} == {str(each["UID"]) for each in events}
    assert {int(each["SEQUENCE"]) for each in again} == {1}
    db.rows("update programs set status = 'paused_safety' where user_id = %s", who.context.user_id)
    assert read(api, whole["path"]) == []  # what is paused for safety is in no calendar


def test_an_address_is_its_owner_s_and_nobody_learns_which_ones_there_were(
    api: TestClient, person: Make, db: Database, feed: Make
) -> None:
    who, clinician, stranger = person("acme"), person("acme", "clinician"), person("globex")
    made, kept = feed(who), feed(who)
    token = made["path"].removeprefix("/v1/feeds/").removesuffix(".ics")
    stored = db.rows("select * from feeds")
    assert token not in repr(stored)
    assert "path" not in api.get("/v1/me/feeds", headers=who.headers).json()["items"][0]
    for other in (clinician, stranger):
        assert api.get("/v1/me/feeds", headers=other.headers).json() == {"items": []}
        assert_problem(api.delete(f"/v1/me/feeds/{made['id']}", headers=other.headers), 404, "not_found")
    assert api.delete(f"/v1/me/feeds/{made['id']}", headers=who.headers).status_code == 204
    assert_problem(api.delete(f"/v1/me/feeds/{made['id']}", headers=who.headers), 404, "not_found")
    revoked, unknown = api.get(made["path"]), api.get(f"/v1/feeds/{token[::-1]}.ics")
    for answer in (revoked, unknown):
        assert_problem(answer, 404, "not_found")
    told = [
        {k: v for k, v in each.json().items() if k not in {"instance", "request_id"}} for each in (revoked, unknown)
    ]
    assert told[0] == told[1]
    assert [each["id"] for each in api.get("/v1/me/feeds", headers=who.headers).json()["items"]] == [kept["id"]]
    db.rows("update users set status = 'suspended' where id = %s", who.context.user_id)
    assert_problem(api.get(kept["path"]), 404, "not_found")


def test_ten_addresses_at_the_most_and_not_too_often(
    api: TestClient, person: Make, feed: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = person("acme")
    made = [feed(who) for _ in range(10)]
    assert_problem(api.post("/v1/me/feeds", json={}, headers=who.headers), 409, "too_many_feeds")
    monkeypatch.setenv("FFP_AUTH_QUOTAS", "feed=2/100/3600")
    answers = [api.get(made[0]["path"]).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert api.get(made[1]["path"]).status_code == 200
