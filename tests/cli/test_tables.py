"""What the operators' commands print, refuse before any server is asked, and make of one that is not well."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.incident import report
from cli.jobs import _COLUMNS, _row
from cli.letters import groups_table, letters_table
from cli.main import app
from cli.operations import Api, rows
from cli.replays import followed, replays_table

NOWHERE = ("--api-url", "http://127.0.0.1:1", "--token", "x")
AT = "2026-11-22T22:25:12.137684Z"


def printed(table: Any, width: int) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as caught:
        console.print(table, highlight=False)
    return caught.get()


def letter(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "tenant": "globex",
        "job_id": str(uuid4()),
        "kind": "assessment",
        "stage": "generating",
        "error_class": "ValidationError",
        "error_code": "unexpected_error",
        "fingerprint": "a6c5d8269fbeb2ac",
        "state": "replaying",
        "times_seen": 1,
        "replays": 0,
        "release": "1.4.1",
        "last_seen_at": AT,
        "frames": ["workers/work.py:37 _generate"],
        "attempts": [],
        "events": [],
        **changes,
    }


GROUP = {
    "value": "a6c5d8269fbeb2ac", "label": "unexpected_error RaiseException < " + "infra/jobs.py _fenced < " * 6,
    "state": "resolved", "open": 1200, "letters": 1800, "tenants": 12, "first_seen_at": AT, "last_seen_at": AT,
    "reopened_in": None, "resolved_in": "1.4.2", "notes": [],
}  # fmt: skip
JOB = letter(status="succeeded", attempt=1, max_attempts=5, replays=0, updated_at=AT, created_at=AT)
REPLAY = {
    "id": str(uuid4()), "mode": "execute", "state": "running", "total": 1000,
    "outcomes": {"pending": 900, "succeeded": 90, "died": 10}, "rate": 5.0, "operator_id": str(uuid4()),
    "created_at": AT, "reason": "Release 1.4.2 has the missing rule.",
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "whole"),
    [
        (letters_table([LETTER := letter()]), LETTER["id"]),
        (groups_table([GROUP]), GROUP["value"]),
        (rows(_COLUMNS, [_row(JOB)]), JOB["id"]),
        (replays_table([REPLAY]), REPLAY["id"]),
    ],
    ids=["letters", "groups", "jobs", "replays"],
)
def test_what_is_copied_stands_whole_on_eighty_columns(table: Any, whole: str) -> None:
    narrow = printed(table, 80)
    assert whole in narrow
    assert "…" not in narrow
    assert max(map(len, narrow.splitlines())) <= 80
    assert "Too narrow for" in narrow  # what is left out is said
    assert "Too narrow for" not in printed(table, 240)


def test_what_may_be_wrapped_is_wrapped_and_not_cut() -> None:
    reason = "x" * 200
    assert printed(rows("!id, why", [["1", reason]]), 80).replace("\n", "").replace(" ", "").endswith(reason)


@pytest.mark.parametrize(
    "words",
    [
        ("dlq", "show", "../jobs"),
        ("dlq", "show", "groups"),
        ("dlq", "show", "a\tb"),
        ("dlq", "show", ""),
        ("dlq", "discard", "x/../..", "--reason", "because", "--execute"),
        ("dlq", "export", "../groups"),
        ("dlq", "replay", "nonsense"),
        ("jobs", "cancel", "?", "--execute"),
        ("replays", "pause", ".."),
    ],
)
def test_what_is_no_id_becomes_no_address(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*words, *NOWHERE])
    assert (done.exit_code, done.exception.__class__) == (3, SystemExit), done.output
    assert "there is nothing with the id" in done.stderr


@pytest.mark.parametrize("canary", ["x", "0", "5:nan", "5:1", "5:-0.1", "5:inf"])
def test_a_canary_that_is_none_is_wrong_usage(canary: str) -> None:
    done = CliRunner().invoke(app, ["dlq", "replay", "--all", "--canary", canary, *NOWHERE])
    assert done.exit_code == 2, done.output


def test_a_report_tells_what_was_done_about_every_letter() -> None:
    done = {"at": AT, "action": "discarded", "operator_id": "o", "reason": "a copy"}
    found = [letter(), letter(events=[done])]
    text = report(GROUP, found, found, [])
    assert f"letter {found[1]['id']} discarded by o: a copy" in text
    assert text.count("workers/work.py:37 _generate") == 1  # they failed at the same place
    assert "The newest 2 letters" in text


Answer = tuple[int, bytes]
Answering = Callable[..., str]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """The address of a server that gives these answers one after the other, the last one for good."""
    servers = []

    def serve(*answers: Answer, wanted: str = "Bearer x") -> str:
        left = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.headers["Authorization"] == wanted
                status, body = (left.pop(0) if len(left) > 1 else left[0]) if known else (401, b"{}")
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((200, b"<html>"), 1),
        ((401, b'{"message": "Unauthorized"}'), 1),
        ((403, b"[]"), 4),
        ((502, b"<html>"), 1),
        ((503, b'{"message": "Service Unavailable"}'), 1),
    ],
)
def test_what_stands_before_the_api_is_a_line_and_no_traceback(answering: Answering, answer: Answer, code: int) -> None:
    done = CliRunner().invoke(app, ["queues", "--api-url", answering(answer), "--token", "x"])
    assert (done.exit_code, done.exception.__class__) == (code, SystemExit), done.output
    assert done.stderr.startswith("ffp: ")
    assert len(done.stderr.splitlines()) == 1


def test_who_signed_in_long_ago_signs_in_again(answering: Answering) -> None:
    url = answering((200, b'{"items": []}'), wanted="Bearer newer")
    assert Api(url, "older", lambda: "newer").get("queues") == {"items": []}
    done = CliRunner().invoke(app, ["queues", "--api-url", url, "--token", "older"])
    assert done.exit_code == 1


def test_a_replay_is_followed_over_an_answer_that_is_missing(answering: Answering) -> None:
    under_way = {"state": "running", "outcomes": {"pending": 1}, "settled": False}
    ended = {"state": "done", "outcomes": {"succeeded": 1}, "settled": True}
    url = answering(
        *((status, json.dumps(body).encode()) for status, body in ((200, under_way), (503, {}), (200, ended)))
    )
    said: list[str] = []
    assert followed(Api(url, "x"), "one", 0.01, said.append) == ended
    assert said == ["running: 1 pending", "done: 1 succeeded"]


def test_tail_says_what_is_committed_late(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change has the time of its transaction's beginning, so a later one may have been seen before it."""

    def page(*jobs: dict[str, Any]) -> Answer:
        return 200, json.dumps({"items": jobs, "next": None}).encode()

    pauses = iter([None, None])

    def pause(_: float) -> None:
        if next(pauses, pause) is pause:
            raise KeyboardInterrupt

    quick, late = JOB, JOB | {"id": str(uuid4()), "updated_at": "2026-11-22T22:25:11.000000Z"}
    url = answering(page(quick), page(quick), page(quick), page(quick, late))
    monkeypatch.setattr("cli.jobs.time.sleep", pause)
    done = CliRunner().invoke(app, ["jobs", "tail", "-o", "json", "--api-url", url, "--token", "x"])
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [late["id"]]
