"""What a browser is told: exact origins may read answers, of every kind; nobody else may."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from starlette.testclient import TestClient

from tests.api.problems import assert_problem
from tests.conftest import Database, Person

APP = "https://app.ffp.example"
OTHERS = (
    "https://evil.example", "http://app.ffp.example", "https://app.ffp.example.evil.example", "https://APP.ffp.example",
    "https://app.ffp.example:8443", "https://app.ffp.example/", "null", "*", "",
)  # fmt: skip
NEEDED = {
    "authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "last-event-id", "prefer",
    "x-request-id", "traceparent",
}  # fmt: skip
READ = {
    "content-disposition", "etag", "idempotent-replayed", "link", "location", "preference-applied", "ratelimit",
    "ratelimit-policy", "retry-after", "x-request-id",
}  # fmt: skip


def names(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(",")}


@pytest.fixture
def client(db: Database, identity: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    from api.app import create_app

    monkeypatch.setenv("FFP_CORS_ORIGINS", f"{APP}, https://portal.ffp.example:8443")
    with closing(TestClient(create_app(), raise_server_exceptions=False)) as made:
        yield made


def test_a_preflight_says_what_the_application_may_send(client: TestClient) -> None:
    asked = {"Origin": APP, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}
    answer = client.options("/v1/assessments/x", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == APP
    assert names(answer.headers["access-control-allow-methods"]) == {"get", "post", "put", "patch", "delete"}
    assert names(answer.headers["access-control-allow-headers"]) == NEEDED
    assert answer.headers["access-control-max-age"] == "7200"
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", OTHERS)
def test_nobody_else_is_told_anything(client: TestClient, origin: str) -> None:
    for method, headers in (("OPTIONS", {"Access-Control-Request-Method": "GET"}), ("GET", {})):
        answer = client.request(method, "/v1/health/live", headers={"Origin": origin, **headers})
        assert not [name for name in answer.headers if name.startswith("access-control-")], origin
        assert "Origin" in answer.headers["vary"]


def test_every_kind_of_answer_can_be_read(client: TestClient, person: Callable[..., Person]) -> None:
    member = person("acme").headers
    kinds = {
        200: ("GET", "/v1/notifications", member, None),
        201: ("POST", "/v1/assessments", member, b'{"template_id": "low-back-pain"}'),
        400: ("POST", "/v1/assessments", member, b"{"),
        401: ("GET", "/v1/notifications", {}, None),
        404: ("GET", "/v1/nothing", member, None),
        405: ("DELETE", "/v1/notifications", member, None),
        413: ("POST", "/v1/assessments", member, b" " * 200_000),
        422: ("POST", "/v1/assessments", member, b"{}"),
    }
    for status, (method, path, headers, content) in kinds.items():
        sent = headers | {"Origin": "https://portal.ffp.example:8443", "Content-Type": "application/json"}
        answer = client.request(method, path, headers=sent, content=content)
        assert answer.status_code == status, answer.text
        assert answer.headers["access-control-allow-origin"] == "https://portal.ffp.example:8443"
        assert names(answer.headers["access-control-expose-headers"]) == READ
        assert "Origin" in answer.headers["vary"]


def test_an_error_of_ours_can_be_read_too(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FFP_DATABASE_URL")
    answer = client.get("/v1/health/ready", headers={"Origin": APP})
    assert answer.status_code >= 500
    assert answer.headers["access-control-allow-origin"] == APP


def test_an_options_that_no_browser_made_is_just_another_method(client: TestClient) -> None:
    assert_problem(client.options("/v1/health/live"), 405, "method_not_allowed")
    assert_problem(client.options("/v1/health/live", headers={"Origin": APP}), 405, "method_not_allowed")


@pytest.mark.parametrize("value", ["*", "https://*.example", "app.example", "https://app.example/", "https://a b"])
def test_origins_are_exact(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    from infra import settings

    monkeypatch.setenv("FFP_CORS_ORIGINS", value)
    with pytest.raises(settings.SettingMissing, match="exact origins"):
        settings.cors_origins()


def test_only_a_laptop_trusts_the_development_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from infra import settings

    monkeypatch.delenv("FFP_CORS_ORIGINS", raising=False)
    monkeypatch.delenv("FFP_ENV", raising=False)
    assert "http://localhost:5173" in settings.cors_origins()
    for where in ("dev", "staging", "prod"):
        monkeypatch.setenv("FFP_ENV", where)
        assert settings.cors_origins() == ()
