"""Bodies that are not strictly JSON, or not the right JSON: a 4xx problem, nothing changed, no value repeated."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.bodies import MAX_BODY_BYTES
from api.models import Body
from tests.api.problems import SECRET, assert_problem, nothing_changes
from tests.conftest import Database, Person

# name -> bytes, and the code in `errors`.
UNREADABLE: dict[str, tuple[bytes, str]] = {
    "cut off": (b'{"answers": {"nprs_now": ', "malformed_json"),
    "no JSON": (SECRET.encode(), "malformed_json"),
    "single quotes": (b"{'answers': {}}", "malformed_json"),
    "trailing comma": (b'{"answers": {},}', "malformed_json"),
    "two values": (b'{"answers": {}} {}', "malformed_json"),
    "byte order mark": (b'\xef\xbb\xbf{"answers": {}}', "malformed_json"),
    "UTF-16": ('{"answers": {}}'.encode("utf-16"), "malformed_json"),
    "latin-1": (f'{{"answers": {{"x": "{SECRET} é"}}}}'.encode("latin-1"), "malformed_json"),
    "surrogate in UTF-8": (b'{"answers": {"x": "\xed\xa0\x80"}}', "malformed_json"),
    "raw control character": (b'{"answers": {"x": "a\x00b"}}', "malformed_json"),
    "spaces only": (b"  \n ", "malformed_json"),
    "NaN": (b'{"answers": {"nprs_now": NaN}}', "not_a_number"),
    "Infinity": (b'{"answers": {"nprs_now": Infinity}}', "not_a_number"),
    "-Infinity": (b'{"answers": {"nprs_now": -Infinity}}', "not_a_number"),
    "1e999": (b'{"answers": {"nprs_now": 1e999}}', "number_too_large"),
    "-1e999": (b'{"answers": {"nprs_now": -1e999}}', "number_too_large"),
    "integer of 5,000 digits": (b'{"answers": {"nprs_now": ' + b"7" * 5000 + b"}}", "number_too_large"),
    "integer beyond 64 bits": (b'{"answers": {"nprs_now": 123456789012345678901}}', "number_too_large"),
    "key twice": (b'{"answers": {"nprs_now": 3, "nprs_now": 4}}', "duplicate_key"),
    "key twice, once escaped": (b'{"answers": {"nprs_now": 3, "\\u006eprs_now": 4}}', "duplicate_key"),
    "key twice at the top": (b'{"answers": {}, "answers": {}}', "duplicate_key"),
    "17 levels": (b'{"answers": {"x": ' + b"[" * 15 + b"]" * 15 + b"}}", "too_deep"),
    "10,000 levels of lists": (b'{"answers": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "too_deep"),
    "100,000 levels, never closed": (b"[" * 100_000, "too_deep"),
    "20,000 levels of objects": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "too_deep"),
    "NUL": (b'{"answers": {"x": "a\\u0000b"}}', "bad_text"),
    "NUL in a key": (b'{"answers": {"a\\u0000": 1}}', "bad_text"),
    "half a surrogate pair": (b'{"answers": {"x": "\\ud83d"}}', "bad_text"),
    "the other half": (b'{"answers": {"x": ["\\ude00"]}}', "bad_text"),
    "surrogate in a key": (b'{"answers": {"\\udfff": 1}}', "bad_text"),
}


@pytest.fixture
def operations(api_alone: TestClient, person: Callable[..., Person]) -> dict[str, Callable[..., Any]]:
    """Every operation that takes a body: `send(content, headers)`."""
    member = person("acme")
    started = api_alone.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=member.headers)
    path = started.headers["location"]
    usual = member.headers | {"If-Match": started.headers["etag"], "Content-Type": "application/json"}

    def of(method: str, url: str) -> Callable[..., Any]:
        def send(content: Any, **headers: str) -> Any:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return api_alone.request(method, url, content=content, headers=usual | names)

        return send

    return {
        "start": of("POST", "/v1/assessments"),
        "save": of("PATCH", path),
        "submit": lambda content, **headers: of("POST", f"{path}/submit")(
            content, **{"Idempotency_Key": "k-1", **headers}
        ),
        "login": of("POST", "/v1/auth/login"),
    }


def test_what_is_not_strictly_json_is_400(
    operations: dict[str, Callable[..., Any]], db: Database, subtests: pytest.Subtests
) -> None:
    with nothing_changes(db):
        for operation, send in operations.items():
            for name, (content, code) in UNREADABLE.items():
                with subtests.test(operation=operation, body=name):
                    body = assert_problem(send(content), 400, "malformed_request", pointer="")
                    assert [error["code"] for error in body["errors"]] == [code]


def test_a_body_over_the_limit_is_413_however_it_is_sent(
    operations: dict[str, Callable[..., Any]], db: Database, subtests: pytest.Subtests
) -> None:
    large = b'{"answers": {"x": "' + SECRET.encode() * (MAX_BODY_BYTES // 16) + b'"}}'
    assert len(large) > MAX_BODY_BYTES
    with nothing_changes(db):
        for operation, send in operations.items():
            with subtests.test(operation=operation, how="declared"):
                assert_problem(send(large), 413, "body_too_large")
            with subtests.test(operation=operation, how="in pieces"):
                pieces = (large[start : start + 1000] for start in range(0, len(large), 1000))
                assert_problem(send(pieces), 413, "body_too_large")
            with subtests.test(operation=operation, how="of another type"):
                assert send(large, Content_Type="text/plain").status_code in (413, 415)


def test_a_body_just_under_the_limit_is_read(operations: dict[str, Callable[..., Any]]) -> None:
    padded = b'{"answers": {}' + b" " * (MAX_BODY_BYTES - 15) + b"}"
    assert len(padded) == MAX_BODY_BYTES
    assert operations["save"](padded).status_code == 200


def test_only_json_is_taken(operations: dict[str, Callable[..., Any]], db: Database, subtests: pytest.Subtests) -> None:
    types = (
        "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/xml", "application/merge-patch+json", "application/jsonx", "json", "", ";", "application/json/x",
    )  # fmt: skip
    with nothing_changes(db):
        for operation, send in operations.items():
            for kind in types:
                with subtests.test(operation=operation, content_type=kind):
                    assert_problem(send(b'{"answers": {}}', Content_Type=kind), 415, "unsupported_media_type")
            with subtests.test(operation=operation, content_type="in pieces"):
                pieces = iter([b'{"answers"', b": {}}"])
                assert_problem(send(pieces, Content_Type="text/plain"), 415, "unsupported_media_type")


def test_json_with_a_parameter_or_in_capitals_is_json(operations: dict[str, Callable[..., Any]]) -> None:
    assert operations["save"](b'{"answers": {}}', Content_Type="Application/JSON; charset=utf-8").status_code == 200


def test_an_empty_body_is_a_missing_one(operations: dict[str, Callable[..., Any]], db: Database) -> None:
    with nothing_changes(db):
        for operation in ("start", "save", "login"):
            assert_problem(operations[operation](b""), 422, "invalid_request", pointer="")
        # A submit without last changes needs no body: the draft itself is judged.
        assert_problem(operations["submit"](b""), 422, "invalid_answers", pointer="/answers/nprs_now")


# body -> pointer, for each operation: wrong type for every field, fields nobody asked for, values out of bounds.
WRONG: dict[str, list[tuple[Any, str]]] = {
    "start": [
        *(([value], "") for value in ({"template_id": "low-back-pain"}, 1)),
        *((value, "") for value in (SECRET, 1, 1.5, True, None)),
        *(({"template_id": value}, "/template_id") for value in (1, 1.5, True, None, [], {}, ["low-back-pain"], "x" * 65)),
        ({}, "/template_id"),
        ({"template_id": "low-back-pain", SECRET: SECRET}, ""),
        ({"template_id": "low-back-pain", "user_id": "0"}, ""),
        ({"template_id": "low-back-pain", "tenant_id": "0"}, ""),
    ],
    "save": [
        *((value, "") for value in ([], [{"answers": {}}], SECRET, 1, False)),
        *(({"answers": value}, "/answers") for value in (None, [], [["nprs_now", 3]], SECRET, 1, True)),
        ({}, "/answers"),
        ({"answers": {}, "revision": 7}, ""),
        ({"answers": {f"a{number}": 1 for number in range(1001)}}, "/answers"),
    ],
    "submit": [
        *((value, "") for value in ([], [{"answers": {}}], SECRET, 1, False)),
        *(({"answers": value}, "/answers") for value in (None, [], [["nprs_now", 3]], SECRET, 1, True)),
        ({"answers": {}, "status": "succeeded"}, ""),
        ({"answers": {f"a{number}": 1 for number in range(1001)}}, "/answers"),
    ],
    "login": [
        *((value, "") for value in ([], SECRET, 1)),
        *(({"email": value, "password": SECRET}, "/email") for value in (None, 1, [], {}, "", "a", SECRET * 30)),
        *(({"email": "a@b.example", "password": value}, "/password") for value in (None, 1, [], {}, "", SECRET * 30)),
        ({}, "/email"),
        ({"email": "a@b.example", "password": SECRET, "role": "operator"}, ""),
    ],
}  # fmt: skip


def test_wrong_types_and_unknown_fields_are_422(
    operations: dict[str, Callable[..., Any]], db: Database, subtests: pytest.Subtests
) -> None:
    with nothing_changes(db):
        for operation, cases in WRONG.items():
            for value, pointer in cases:
                with subtests.test(operation=operation, body=str(value)[:60]):
                    answer = operations[operation](json.dumps(value).encode())
                    assert_problem(answer, 422, "invalid_request", pointer=pointer)


# answers -> pointer and code of the one issue.
BAD_ANSWERS: list[tuple[dict[str, Any], str, str]] = [
    ({"nprs_now": SECRET}, "/answers/nprs_now", "wrong_type"),
    ({"nprs_now": 3.5}, "/answers/nprs_now", "wrong_type"),
    ({"nprs_now": True}, "/answers/nprs_now", "wrong_type"),
    ({"nprs_now": [3]}, "/answers/nprs_now", "wrong_type"),
    ({"nprs_now": {"value": 3}}, "/answers/nprs_now", "wrong_type"),
    ({"nprs_now": 11}, "/answers/nprs_now", "out_of_range"),
    ({"nprs_now": -1}, "/answers/nprs_now", "out_of_range"),
    ({"nprs_now": 99999999999999999999}, "/answers/nprs_now", "out_of_range"),
    ({"sex": SECRET}, "/answers/sex", "unknown_option"),
    ({"sex": 1}, "/answers/sex", "wrong_type"),
    ({"date_of_birth": SECRET}, "/answers/date_of_birth", "not_a_date"),
    ({"date_of_birth": "1984-02-30"}, "/answers/date_of_birth", "not_a_date"),
    ({"date_of_birth": 19840517}, "/answers/date_of_birth", "wrong_type"),
    ({"rmdq": "2"}, "/answers/rmdq", "wrong_type"),
    ({"rmdq": ["2", "2"]}, "/answers/rmdq/1", "duplicate"),
    ({"rmdq": ["2", SECRET]}, "/answers/rmdq/1", "unknown_option"),
    ({"rmdq": ["none", "2"]}, "/answers/rmdq", "exclusive"),
    ({"psfs": [{"activity": SECRET, "score": 11}]}, "/answers/psfs/0/score", "out_of_range"),
    ({"psfs": [{"activity": "x", "score": 1, "extra": SECRET}]}, "/answers/psfs/0/extra", "unknown_question"),
    ({"psfs": SECRET}, "/answers/psfs", "wrong_type"),
    ({"psfs": [SECRET]}, "/answers/psfs/0", "wrong_type"),
    ({SECRET: 1}, "/answers", "unknown_question"),
    ({"no_such_question": SECRET}, "/answers/no_such_question", "unknown_question"),
]


def test_bad_answers_are_422_when_saved_and_when_submitted(
    operations: dict[str, Callable[..., Any]], db: Database, subtests: pytest.Subtests
) -> None:
    with nothing_changes(db):
        for answers, pointer, code in BAD_ANSWERS:
            for operation in ("save", "submit"):
                with subtests.test(operation=operation, answers=str(answers)):
                    answer = operations[operation](json.dumps({"answers": answers}).encode())
                    body = assert_problem(answer, 422, "invalid_answers", pointer=pointer)
                    assert {"pointer": pointer, "code": code} in [
                        {"pointer": error["pointer"], "code": error["code"]} for error in body["errors"]
                    ]


def test_text_that_only_looks_like_an_escape_is_kept(operations: dict[str, Callable[..., Any]]) -> None:
    odd = r"ends in \u0000 and \ud800, \\ and 🦴 é"
    answer = operations["save"](json.dumps({"answers": {"psfs": [{"activity": odd, "score": 1}]}}).encode())
    assert answer.status_code == 200, answer.text
    assert answer.json()["answers"]["psfs"][0]["activity"] == odd


def _lenient(schema: Any) -> Iterator[str]:
    """The numbers and truths in a core schema of pydantic that take a text, or one another."""
    if isinstance(schema, dict):
        if schema.get("type") in ("int", "float", "bool") and not schema.get("strict"):
            yield schema["type"]
        for inner in schema.values():
            yield from _lenient(inner)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            yield from _lenient(inner)


def _bodies(parent: type[Body] = Body) -> Iterator[type[Body]]:
    for body in parent.__subclasses__():
        yield body
        yield from _bodies(body)


def test_a_number_is_not_taken_from_a_text_nor_a_truth_from_a_number() -> None:
    """What the document calls a number is one: `"3"`, `true` for 1 and `"off"` are refused, in every request body."""
    create_app().openapi()  # loads every section
    assert len([*_bodies()]) > 20
    assert {body.__name__: found for body in _bodies() if (found := [*_lenient(body.__pydantic_core_schema__)])} == {}
