"""What every error answer has in common, and proof that nothing was changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from httpx2 import Response

from tests.conftest import Database

_FIELDS = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
# A value that no message of ours contains: where it turns up, an input was echoed.
SECRET = "zq7-sciatica-zq7"


def assert_problem(answer: Response, status: int, code: str, pointer: str | None = None) -> dict[str, Any]:
    """RFC 9457 with all our fields, under our media type, and without any input value. Returns the body."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) == _FIELDS
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/v1/errors/{code}")
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["instance"] == f"urn:request:{body['request_id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert SECRET not in answer.text
    assert SECRET not in str(answer.headers)
    for error in body["errors"]:
        assert set(error) == {"pointer", "code", "message"}
        assert error["message"]
    if pointer is not None:
        assert pointer in [error["pointer"] for error in body["errors"]], body["errors"]
    return body


def everything(db: Database) -> dict[str, tuple[int, str]]:
    """Every row of every table, as a count and a digest."""
    tables = db.rows(
        "select schemaname, tablename from pg_tables where schemaname in ('public', 'identity')"
        " and tablename <> 'buckets'"  # every request is counted there
    )
    query = " union all ".join(
        f"select '{t['tablename']}' as name, count(*) as rows, md5(string_agg(t::text, '|' order by t::text)) as digest"
        f" from {t['schemaname']}.{t['tablename']} t"
        for t in tables
    )
    return {row["name"]: (row["rows"], row["digest"]) for row in db.rows(query)}


def sent(answer: Response) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """All that a client gets, but for what is left of its tenant's quota: to compare two answers by."""
    return answer.content, [header for header in answer.headers.raw if header[0].lower() != b"ratelimit"]


@contextmanager
def nothing_changes(db: Database) -> Iterator[None]:
    before = everything(db)
    yield
    after = everything(db)
    assert after == before, {name: (before[name], after[name]) for name in before if before[name] != after[name]}
