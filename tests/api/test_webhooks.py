"""A business's webhooks by HTTP: whose they are, what they hear of, and what nobody is ever shown again."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from domain.webhooks import MOST, is_public, next_try_s, refuse_url
from infra import webhook_secrets
from tests.answers import low_back_pain
from tests.api.problems import assert_problem
from tests.conftest import Database, Person

AT = "/v1/business/webhooks"
URL = "https://hooks.example.com/ffp?tenant=1"


def add(api: TestClient, who: Person, **changes: Any) -> Any:
    answer = api.post(AT, json={"url": URL} | changes, headers=who.headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def log(api: TestClient, who: Person, webhook: Any, **query: str) -> list[Any]:
    answer = api.get(f"{AT}/{webhook['id']}/deliveries", params=query, headers=who.headers)
    assert answer.status_code == 200, answer.text
    items: list[Any] = answer.json()["items"]
    return items


@pytest.fixture
def owner(person: Callable[..., Person]) -> Person:
    return person("acme", "business_owner")


@pytest.fixture
def other(person: Callable[..., Person]) -> Person:
    return person("globex", "business_owner")


def test_a_secret_is_shown_once_and_lies_sealed(api_alone: TestClient, owner: Person, db: Database) -> None:
    made = add(api_alone, owner, events=["job.succeeded"], description="Practice")
    secret = base64.b64decode(made["secret"].removeprefix("whsec_"))
    assert len(secret) == 32
    answer = api_alone.get(f"{AT}/{made['id']}", headers=owner.headers)
    shown = answer.json()
    assert {**shown, "secret": made["secret"]} == made
    assert answer.headers["ETag"] == '"1"'
    assert "secret" not in api_alone.get(AT, headers=owner.headers).json()["items"][0]
    [row] = db.rows("select secret from webhook_endpoints")
    assert secret not in row["secret"]
    assert webhook_secrets.unseal(owner.tenant_id, UUID(made["id"]), row["secret"]) == secret
    with pytest.raises(webhook_secrets.Unreadable):  # what is copied to another row opens nothing
        webhook_secrets.unseal(owner.tenant_id, uuid4(), row["secret"])


def test_without_a_key_there_are_none(
    api_alone: TestClient, owner: Person, monkeypatch: pytest.MonkeyPatch, db: Database
) -> None:
    monkeypatch.setenv("FFP_ENV", "dev")
    assert_problem(api_alone.post(AT, json={"url": URL}, headers=owner.headers), 503, "unavailable")
    assert db.value("select count(*) from webhook_endpoints") == 0
    monkeypatch.setenv("FFP_WEBHOOK_KEY", "0123456789abcdef0123456789abcdef")
    add(api_alone, owner)


def test_a_new_secret_keeps_the_one_before_for_a_day(api_alone: TestClient, owner: Person, db: Database) -> None:
    made = add(api_alone, owner)
    answer = api_alone.post(f"{AT}/{made['id']}/rotate", headers=owner.headers)
    assert answer.status_code == 200
    rotated = answer.json()
    assert rotated["secret"] != made["secret"]
    left = datetime.fromisoformat(rotated["previous_until"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24, minutes=1)
    [row] = db.rows("select secret, previous_secret from webhook_endpoints")
    opened = [webhook_secrets.unseal(owner.tenant_id, UUID(made["id"]), row[name]) for name in row]
    assert [f"whsec_{base64.b64encode(each).decode()}" for each in opened] == [rotated["secret"], made["secret"]]


def test_it_is_changed_with_the_revision_that_was_read(api_alone: TestClient, owner: Person) -> None:
    made = add(api_alone, owner)
    at = f"{AT}/{made['id']}"
    assert_problem(api_alone.patch(at, json={"enabled": False}, headers=owner.headers), 428, "revision_required")
    answer = api_alone.patch(at, json={"enabled": False}, headers=owner.headers | {"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["enabled"], answer.json()["url"]) == (200, False, URL)
    again = api_alone.patch(at, json={"enabled": True}, headers=owner.headers | {"If-Match": '"1"'})
    assert_problem(again, 412, "stale_revision")
    assert_problem(api_alone.post(f"{at}/test", headers=owner.headers), 409, "webhook_disabled")


def test_what_is_deleted_is_not_there_any_more(api_alone: TestClient, owner: Person, db: Database) -> None:
    made = add(api_alone, owner)
    at = f"{AT}/{made['id']}"
    assert api_alone.delete(at, headers=owner.headers).status_code == 204
    for method, path in (("get", at), ("delete", at), ("post", f"{at}/rotate"), ("get", f"{at}/deliveries")):
        assert_problem(api_alone.request(method, path, headers=owner.headers), 404, "not_found")
    [row] = db.rows("select secret, previous_secret, enabled from webhook_endpoints")
    assert row == {"secret": None, "previous_secret": None, "enabled": False}


def test_a_business_has_ten(api_alone: TestClient, owner: Person) -> None:
    for _ in range(MOST):
        last = add(api_alone, owner)
    assert_problem(api_alone.post(AT, json={"url": URL}, headers=owner.headers), 409, "too_many_webhooks")
    api_alone.delete(f"{AT}/{last['id']}", headers=owner.headers)
    add(api_alone, owner)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hooks.example.com/", "not_https"),
        ("ftp://hooks.example.com/", "not_https"),
        ("https://me:secret@hooks.example.com/", "credentials"),
        ("https://me@hooks.example.com/", "credentials"),
        ("https://hooks.example.com:8443/", "port"),
        ("https://hooks.example.com:99999/", "malformed"),
        ("https://hooks.example.com/#part", "fragment"),
        ("https://localhost/", "host"),
        ("https://metadata/", "host"),
        ("https://metadata.google.internal/", "host"),
        ("https://127.0.0.1/", "host"),
        ("https://127.1/", "host"),
        ("https://0x7f.0.0.1/", "host"),
        ("https://2130706433/", "host"),
        ("https://[::1]/", "host"),
        ("https://[::ffff:10.0.0.1]/", "host"),
        ("https://hooks.example.com.\\@127.0.0.1/", "malformed"),
        ("https://hooks.exämple.com/", "malformed"),
        ("https://hooks.example.com/a b", "malformed"),
        ("https://hooks.example.com/\r\nX: y", "malformed"),
        ("https:///path", "host"),
    ],
)
def test_an_address_that_cannot_be_anybodys_is_refused(
    api_alone: TestClient, owner: Person, url: str, reason: str
) -> None:
    answer = api_alone.post(AT, json={"url": url}, headers=owner.headers)
    assert_problem(answer, 422, "webhook_url_refused")
    assert [each["code"] for each in answer.json()["errors"]] == [reason]
    assert "example" not in answer.text


def test_internationalised_names_in_ascii() -> None:
    refuse_url("https://xn--exmple-cua.com/hook", allow_private=False)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("10.0.0.1", False), ("172.16.0.1", False), ("192.168.1.1", False), ("127.0.0.1", False), ("0.0.0.0", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False), ("255.255.255.255", False),
        ("192.0.2.1", False), ("198.18.0.1", False), ("192.88.99.1", False), ("240.0.0.1", False),
        ("::1", False), ("::", False), ("fe80::1", False), ("fe80::1%eth0", False), ("fd00:ec2::254", False),
        ("ff02::1", False), ("::ffff:8.8.8.8", False), ("64:ff9b::808:808", False), ("64:ff9b:1::1", False),
        ("2002:808:808::1", False), ("2001:0:808:808::1", False), ("2001:db8::1", False), ("::8.8.8.8", False),
        ("nonsense", False),
    ],
)  # fmt: skip
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_retries_go_on_for_days() -> None:
    waits = [next_try_s(tries, 0.5) for tries in range(1, 10)]
    assert waits == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert next_try_s(10, 0.5) is None
    assert (next_try_s(1, 0), next_try_s(1, 1)) == (4, 6)


def test_only_who_runs_the_business_sees_them_and_only_their_own(
    api_alone: TestClient, owner: Person, other: Person, person: Callable[..., Person], db: Database
) -> None:
    made = add(api_alone, owner)
    delivery = api_alone.post(f"{AT}/{made['id']}/test", headers=owner.headers).json()
    for role in ("clinician", "member"):
        assert_problem(api_alone.get(AT, headers=person("acme", role).headers), 403, "forbidden")
    assert api_alone.get(AT, headers=other.headers).json() == {"items": []}
    at = f"{AT}/{made['id']}"
    period = {"from": "2020-01-01T00:00:00Z", "to": "2040-01-01T00:00:00Z"}
    asked: list[tuple[str, str, Any]] = [
        ("get", at, None), ("patch", at, {"enabled": False}), ("delete", at, None), ("post", f"{at}/rotate", None),
        ("post", f"{at}/test", None), ("get", f"{at}/deliveries", None), ("post", f"{at}/replay", period),
        ("post", f"{at}/deliveries/{delivery['id']}/resend", None),
    ]  # fmt: skip
    for method, path, body in asked:
        answer = api_alone.request(method, path, json=body, headers=other.headers | {"If-Match": '"1"'})
        assert_problem(answer, 404, "not_found")
    theirs = add(api_alone, other)
    answer = api_alone.post(f"{AT}/{theirs['id']}/deliveries/{delivery['id']}/resend", headers=other.headers)
    assert_problem(answer, 404, "not_found")
    assert db.value("select count(*) from webhook_deliveries where tenant_id = %s", other.tenant_id) == 0


def test_an_event_is_written_for_who_wants_it_and_nobody_else(
    api: TestClient, owner: Person, other: Person, person: Callable[..., Person],
    submit: Callable[..., Response], work: Callable[[], int], db: Database,
) -> None:  # fmt: skip
    everything = add(api, owner)
    programs = add(api, owner, events=["program.ready", "program.to_review"])
    disabled = add(api, owner, enabled=False)
    theirs = add(api, other)
    member = person("acme", "member")
    job = submit(member).json()
    work()
    done = api.get(f"/v1/jobs/{job['id']}", headers=member.headers).json()
    heard = {(each["type"], each["subject_id"]) for each in log(api, owner, everything)}
    program = ("program.ready", done["result"]["id"])
    assert heard == {("job.succeeded", job["id"]), program, ("member.joined", str(member.context.user_id))}
    assert {(each["type"], each["subject_id"]) for each in log(api, owner, programs)} == {program}
    assert {each["status"] for each in log(api, owner, disabled)} == {"skipped"}
    assert log(api, other, theirs) == []
    written = json.dumps(db.rows("select * from webhook_deliveries"), default=str)
    assert "nprs" not in written
    assert member.email not in written


def test_a_referral_and_a_review_are_told(
    api: TestClient, person: Callable[..., Person], submit: Callable[..., Response], work: Callable[[], int]
) -> None:
    owner = person("acme", "business_owner", review=True)
    hook = add(api, owner, events=["referral.made", "program.to_review", "program.ready"])
    referred = submit(person("acme"), answers=low_back_pain(rf_ces_saddle="not_sure")).json()
    submit(person("acme"))
    work()
    heard = {each["type"]: each["subject_id"] for each in log(api, owner, hook)}
    assert heard.keys() == {"referral.made", "program.to_review"}
    assert f"/v1/assessments/{heard['referral.made']}" == referred["links"]["assessment"]
    waiting = heard["program.to_review"]
    approved = api.post(f"/v1/programs/{waiting}/approve", json={}, headers=owner.headers | {"If-Match": '"1"'})
    assert approved.status_code == 200, approved.text
    assert ("program.ready", waiting) in {(each["type"], each["subject_id"]) for each in log(api, owner, hook)}


def test_resend_and_replay_put_back_in_line_what_did_not_arrive(
    api_alone: TestClient, owner: Person, person: Callable[..., Person], db: Database
) -> None:
    hook = add(api_alone, owner)
    at = f"{AT}/{hook['id']}"
    people = [person("acme") for _ in range(4)]
    states = dict(zip(("delivered", "failed", "skipped", "pending"), people, strict=True))
    for status, who in states.items():
        db.rows(
            "update webhook_deliveries set status = %s, attempt = 3, next_at = null where subject_id = %s",
            status, who.context.user_id,
        )  # fmt: skip
    before = {each["subject_id"]: each for each in log(api_alone, owner, hook)}
    now = datetime.now(UTC)
    period = {"from": (now - timedelta(hours=1)).isoformat(), "to": (now + timedelta(hours=1)).isoformat()}
    past = {"from": "2020-01-01T00:00:00Z", "to": (now - timedelta(hours=1)).isoformat()}
    assert api_alone.post(f"{at}/replay", json=past, headers=owner.headers).json() == {"replayed": 0}
    answer = api_alone.post(f"{at}/replay", json=period, headers=owner.headers)
    assert (answer.status_code, answer.json()) == (202, {"replayed": 2})
    assert {each["subject_id"] for each in log(api_alone, owner, hook, status="delivered")} == {
        str(states["delivered"].context.user_id)
    }
    delivered = before[str(states["delivered"].context.user_id)]
    answer = api_alone.post(f"{at}/deliveries/{delivered['id']}/resend", headers=owner.headers)
    assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (202, delivered["id"], "pending")
    assert {each["status"] for each in log(api_alone, owner, hook)} == {"pending"}
    wrong = api_alone.post(f"{at}/replay", json={"from": period["to"], "to": period["from"]}, headers=owner.headers)
    assert_problem(wrong, 422, "invalid_request")


def test_what_is_done_to_it_is_on_record(api_alone: TestClient, owner: Person, db: Database) -> None:
    hook = add(api_alone, owner)
    at = f"{AT}/{hook['id']}"
    for path in (f"{at}/rotate", f"{at}/test"):
        api_alone.post(path, headers=owner.headers)
    api_alone.patch(at, json={"description": "x"}, headers=owner.headers | {"If-Match": '"2"'})
    api_alone.delete(at, headers=owner.headers)
    actions = [
        row["action"] for row in db.rows("select action from audit_log where subject_type = 'webhook' order by id")
    ]
    assert actions == [f"webhook.{each}" for each in ("added", "rotated", "tested", "changed", "deleted")]
