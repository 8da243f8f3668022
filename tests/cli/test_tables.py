"""What the operators' commands print and refuse before any server is asked."""

from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.incident import report
from cli.jobs import _COLUMNS, _row
from cli.letters import groups_table, letters_table
from cli.main import app
from cli.operations import rows
from cli.replays import replays_table

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
