"""What people are told: to each their own, in fixed words."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from domain.notifications import TEXTS
from tests.answers import low_back_pain
from tests.api.problems import assert_problem, nothing_changes
from tests.conftest import Database, Person

Make = Callable[..., Any]


@pytest.fixture
def told(api: TestClient) -> Callable[..., list[dict[str, Any]]]:
    def read(who: Person, query: str = "") -> list[dict[str, Any]]:
        answer = api.get(f"/v1/notifications{query}", headers=who.headers)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        for item in items:
            assert (item["title"], item["text"]) == TEXTS[item["kind"]]
        return items

    return read


def test_a_referral_tells_its_person_and_the_clinicians_of_the_business(
    api: TestClient, person: Make, submit: Make, work: Make, told: Make
) -> None:
    member, neighbour, clinician, owner = (
        person("acme", r) for r in ("member", "member", "clinician", "business_owner")
    )
    foreign = person("globex", "clinician")
    job = submit(member, answers=low_back_pain(rf_ces_saddle="yes")).json()
    work()
    for who in (member, clinician, owner):
        [item] = told(who)
        result = job["links"]["result"]
        assert (item["kind"], item["read_at"]) == ("referral", None)
        assert item["subject"] == {"type": "assessment", "id": result.split("/")[3], "href": result}
        assert api.get(result, headers=who.headers).json()["outcome"] == "referral"
    assert told(neighbour) == told(foreign) == []


def test_a_review_tells_clinicians_first_and_the_member_when_it_is_decided(
    api: TestClient, person: Make, submit: Make, work: Make, told: Make
) -> None:
    clinician, member = person("acme", "clinician", review=True), person("acme")
    submit(member)
    work()
    [waiting] = told(clinician)
    program = waiting["subject"]["href"]
    assert (waiting["kind"], waiting["subject"]["type"]) == ("program_to_review", "program")
    assert told(member) == []
    headers = clinician.headers | {"If-Match": '"1"'}
    assert api.post(f"{program}/approve", headers=headers).status_code == 200
    [ready] = told(member)
    assert (ready["kind"], ready["subject"]["href"]) == ("program_ready", program)
    assert api.get(program, headers=member.headers).status_code == 200
    assert told(clinician) == [waiting]


def test_reading_is_remembered_once_and_is_only_one_s_own(
    api: TestClient, person: Make, submit: Make, work: Make, told: Make, db: Database
) -> None:
    member = person("acme")
    others = [person("acme"), person("acme", "clinician"), person("acme", "business_owner"), person("globex")]
    submit(member)
    work()
    [item] = told(member, "?unread=true")
    path = f"/v1/notifications/{item['id']}/read"
    with nothing_changes(db):
        for who in others:
            assert_problem(api.post(path, headers=who.headers), 404, "not_found")
            assert item["id"] not in [each["id"] for each in told(who)]
    read = api.post(path, headers=member.headers)
    assert (read.status_code, read.json()["id"]) == (200, item["id"])
    assert read.json()["read_at"] is not None
    assert told(member, "?unread=true") == []
    assert told(member) == [read.json()]
    with nothing_changes(db):
        assert api.post(path, headers=member.headers).json() == read.json()


def test_a_long_list_is_read_in_parts_both_ways_while_it_grows(
    api_alone: TestClient, person: Make, db: Database
) -> None:
    member = person("acme")

    def tell(count: int, ago: str) -> None:
        # Several at the same instant: the time alone does not order them.
        db.rows(
            """insert into notifications (tenant_id, id, user_id, kind, subject_type, subject_id, created_at, read_at)
               select %s, gen_random_uuid(), %s, 'program_ready', 'program', gen_random_uuid(),
                      date_trunc('hour', now()) - %s::interval - make_interval(mins => i / 3),
                      case when i %% 4 = 0 then now() end from generate_series(1, %s) i""",
            member.tenant_id, member.context.user_id, ago, count,
        )  # fmt: skip

    def page(**query: Any) -> dict[str, Any]:
        answer = api_alone.get("/v1/notifications", params=query, headers=member.headers)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        links = answer.headers.get("link", "")
        assert [f'rel="{way}"' in links for way in ("next", "prev")] == [
            body[way] is not None for way in ("next", "prev")
        ]
        return body

    tell(25, "1 day")
    pages = [page(limit=10)]
    tell(5, "0 days")  # newer ones do not push the others onto the next page once more
    while pages[-1]["next"]:
        pages.append(page(limit=10, cursor=pages[-1]["next"]))
    assert [len(each["items"]) for each in pages] == [10, 10, 5]
    seen = [item["id"] for each in pages for item in each["items"]]
    assert len(set(seen)) == 25
    times = [item["created_at"] for each in pages for item in each["items"]]
    assert times == sorted(times, reverse=True)
    back = page(limit=10, cursor=pages[2]["prev"])
    assert back["items"] == pages[1]["items"]
    back = page(limit=10, cursor=back["prev"])
    assert back["items"] == pages[0]["items"]
    newest = page(limit=10, cursor=back["prev"])
    assert (len(newest["items"]), newest["prev"]) == (5, None)

    unread = page(limit=10, unread=True)
    assert len(unread["items"]) == 10
    assert all(item["read_at"] is None for item in unread["items"])
    rest = page(limit=200, unread=True, cursor=unread["next"])
    assert (len(rest["items"]), rest["next"]) == (30 - 7 - 10, None)
    wrong = api_alone.get("/v1/notifications", params={"cursor": unread["next"]}, headers=member.headers)
    assert_problem(wrong, 400, "invalid_cursor")
