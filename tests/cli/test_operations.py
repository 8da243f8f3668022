"""The operators' commands against a real API and a real worker: what they print, change, and how they end."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests import letters, processes
from tests.conftest import Database, Person
from tests.workers.conftest import submitted

Run = Callable[..., Result]
Make = Callable[..., Person]


@pytest.fixture
def served(tmp_path: Path, db: Database, identity: None, queues: dict[str, str]) -> Iterator[httpx2.Client]:
    with processes.api(tmp_path) as (_, client):
        yield client


@pytest.fixture
def run(served: httpx2.Client, db: Database, sign: Callable[..., str]) -> Run:
    """As an operator; `token=` as somebody else."""
    subject = str(uuid4())
    db.rows("insert into identity.principals (sub, staff_role) values (%s, 'operator')", subject)

    def command(*words: str, token: str | None = None, code: int = 0) -> Result:
        access = ["--api-url", str(served.base_url), "--token", token or sign(subject)]
        done = CliRunner().invoke(app, [*words, *access])
        assert done.exit_code == code, (done.exit_code, done.output, done.exception)
        return done

    return command


@pytest.fixture
def second(served: httpx2.Client, db: Database, sign: Callable[..., str]) -> str:
    db.rows("insert into identity.principals (sub, staff_role) values ('second', 'operator')")
    return sign("second")


def listed(done: Result) -> Any:
    return json.loads(done.stdout)


def test_limits_and_pauses(run: Run, tmp_path: Path) -> None:
    assert "0.5" in run("limits", "show").stdout
    paused = json.loads(run("queues", "pause", "generation", "--reason", "a bad release", "-o", "json").stdout)
    assert paused["limits"]["stages"]["generating"]["paused"]
    document = tmp_path / "limits.json"
    document.write_text(json.dumps(paused["limits"] | {"window": 5}))
    run("limits", "set", str(document), "--reason", "fewer at once")
    resumed = json.loads(run("kinds", "resume", "assessment", "-o", "json").stdout)
    assert not resumed["limits"]["stages"]["generating"]["paused"]
    assert resumed["limits"]["window"] == 5
    assert "fewer at once" in run("limits", "history").stdout
    run("queues", "pause", "nonsense", code=2)
    document.write_text('{"share": 7}')
    run("limits", "set", str(document), "--reason", "wrong", code=2)


def test_jobs(run: Run, db: Database, person: Make) -> None:
    waiting = submitted(person("acme"), publish=False)
    job, letter = letters.dead(db, person("globex"))
    table = run("jobs", "ls").stdout
    assert str(waiting.id) in table
    assert "globex" in table
    assert [each["id"] for each in listed(run("jobs", "ls", "--status", "dead", "-o", "json"))] == [str(job.id)]
    shown = run("jobs", "show", str(job.id)).stdout
    assert "ValidationError" in shown
    assert str(letter) in shown
    run("jobs", "show", str(uuid4()), code=3)
    assert "--execute" in run("jobs", "cancel", str(job.id)).stdout
    assert db.value("select status from jobs where id = %s", job.id) == "dead"
    assert "canceled" in run("jobs", "cancel", str(job.id), "--execute").stdout
    assert db.value("select status from jobs where id = %s", job.id) == "canceled"
    run("jobs", "cancel", str(job.id), "--execute", code=4)


def test_tail_says_each_change_once(run: Run, db: Database, person: Make) -> None:
    job = submitted(person("acme"), publish=False)

    def change() -> None:
        time.sleep(2)
        db.rows("update jobs set status = 'running', updated_at = now() where id = %s", job.id)

    changer = threading.Thread(target=change)
    changer.start()
    lines = run("jobs", "tail", "--every", "0.1", "--seconds", "4", "-o", "json").stdout.splitlines()
    changer.join()
    assert [(json.loads(line)["id"], json.loads(line)["status"]) for line in lines] == [(str(job.id), "running")]


def test_queues_and_top(run: Run, db: Database, person: Make) -> None:
    submitted(person("acme"), publish=False)
    letters.dead(db, person("globex"))
    assert "scoring" in run("queues").stdout
    found = {each["queue"]: each for each in listed(run("queues", "-o", "json"))}
    assert (found["scoring"]["waiting"], found["scoring"]["dead_letters"]) == (1, 1)
    top = run("top", "--once").stdout
    for part in ("Queues", "Groups", "Last changed jobs", "ValidationError", "acme"):
        assert part in top, part
    assert set(listed(run("top", "-o", "json"))) == {"queues", "groups", "replays", "jobs"}


def test_looking_at_dead_letters(run: Run, db: Database, person: Make) -> None:
    job, letter = letters.dead(db, person("acme"))
    letters.dead(db, person("globex"))
    letters.consume("<never ours>")
    [first, other] = listed(run("dlq", "groups", "-o", "json"))
    assert (first["letters"], first["tenants"], other["letters"]) == (2, 2, 1)
    assert first["value"] in run("dlq", "groups").stdout
    assert {each["label"] for each in listed(run("dlq", "groups", "--by", "tenant", "-o", "json"))} == {
        "acme",
        "globex",
        "none",
    }
    assert len(listed(run("dlq", "ls", "--fingerprint", first["value"], "-o", "json"))) == 2
    assert "acme" in run("dlq", "ls", "--queue", "scoring").stdout
    shown = run("dlq", "show", str(letter)).stdout
    assert "workers/work.py" in shown
    assert "'job_id': '***'" in shown
    assert db.rows("select 1 from audit_log where action = 'dead_letter.revealed'") == []
    [nobodys] = listed(run("dlq", "ls", "--code", "unreadable_message", "-o", "json"))
    assert "<never ours>" in run("dlq", "show", nobodys["id"], "--reveal", "who sends this").stdout
    assert db.value("select count(*) from audit_log where action = 'dead_letter.revealed'") == 1
    assert "1 -> 2" in run("dlq", "diff", str(letter)).stdout
    assert len(listed(run("dlq", "diff", str(letter), "-o", "json"))) == 4
    run("dlq", "show", "nonsense", code=3)
    assert job.id


def test_discard_and_restore_are_dry_until_told(run: Run, db: Database, person: Make) -> None:
    _, letter = letters.dead(db, person("acme"))
    state = "select state from dead_letters where id = %s"
    run("dlq", "discard", str(letter), code=2)  # takes a reason
    assert "--execute" in run("dlq", "discard", str(letter), "--reason", "a test").stdout
    assert db.value(state, letter) == "open"
    run("dlq", "discard", str(letter), "--reason", "a test", "--execute")
    assert db.value(state, letter) == "discarded"
    run("dlq", "discard", str(letter), "--reason", "a test", "--execute", code=4)
    run("dlq", "restore", str(letter), "--reason", "no test", "--execute")
    assert db.value(state, letter) == "open"


def test_from_the_group_to_the_effect(run: Run, db: Database, person: Make, tmp_path: Path) -> None:
    """A dry run, a shadow, then the replay, which is followed to its end; and a report of it all."""
    made = [letters.dead(db, person(tenant)) for tenant in ("acme", "globex")]
    [group] = listed(run("dlq", "groups", "-o", "json"))
    which = ("dlq", "replay", "--fingerprint", group["value"])
    assert "2 found, 2 would be replayed" in run(*which).stdout
    assert db.rows("select 1 from replays") == []
    run("dlq", "note", group["value"], "The template | was `broken`.")
    with processes.worker(tmp_path, FFP_RELAY_PERIOD_S="0.3", FFP_RELAY_GRACE_S="0.5"):
        tried = run(*which, "--shadow", "--rate", "100").stdout
        assert tried.count("would_succeed") >= 2
        assert db.value("select count(*) from scores") == 0
        run(*which, "--execute", code=2)  # takes a reason
        run(*which, "--execute", "--reason", "mended", "--expected-count", "3", code=4)
        done = run(*which, "--execute", "--reason", "mended", "--rate", "100")
        assert "2 succeeded" in done.stdout
    assert {db.value("select state from dead_letters where id = %s", letter) for _, letter in made} == {"resolved"}
    [shadow, replay] = sorted(listed(run("replays", "ls", "-o", "json")), key=lambda each: each["created_at"])
    assert (shadow["mode"], replay["mode"], replay["state"]) == ("shadow", "execute", "done")
    assert "2 succeeded" in run("replays", "watch", replay["id"]).stdout
    assert str(made[0][1]) in run("replays", "show", replay["id"]).stdout
    run("replays", "pause", replay["id"], code=4)
    run("dlq", "resolve", group["value"], "--release", "1.4.2")
    run("dlq", "export", group["value"], "--to", str(tmp_path / "incident.md"))
    text = (tmp_path / "incident.md").read_text()
    for part in (
        f"# Incident {group['value']}", "resolved in 1.4.2", "| acme | assessment | scoring |", "workers/work.py",
        "The template \\| was 'broken'.", f"execute {replay['id']} (done)", "2 succeeded. mended",
    ):  # fmt: skip
        assert part in text, part
    assert text == run("dlq", "export", group["value"]).stdout


def test_a_replay_that_does_not_come_out_well_says_so(run: Run, db: Database, person: Make, tmp_path: Path) -> None:
    job, letter = letters.dead(db, person("acme"))
    run("jobs", "cancel", str(job.id), "--execute")
    with processes.worker(tmp_path):
        ended = run("dlq", "replay", str(letter), "--execute", "--reason", "try", code=5)
    assert "1 skipped" in ended.stdout


def test_a_second_operator_confirms(run: Run, second: str, db: Database, person: Make) -> None:
    _, letter = letters.dead(db, person("acme"))
    db.rows("update dead_letters set replays = 3")
    run("dlq", "replay", str(letter), "--execute", "--reason", "try", code=5)  # it waits
    [replay] = listed(run("replays", "ls", "-o", "json"))
    assert replay["state"] == "waiting"
    run("replays", "confirm", replay["id"], code=4)
    assert "running" in run("replays", "confirm", replay["id"], token=second).stdout
    assert "paused" in run("replays", "pause", replay["id"]).stdout
    assert "running" in run("replays", "resume", replay["id"]).stdout
    assert "canceled" in run("replays", "cancel", replay["id"]).stdout


def test_wrong_usage(run: Run) -> None:
    for words in (
        ("dlq", "replay"), ("dlq", "replay", "--all", str(uuid4())), ("dlq", "replay", "--all", "--shadow", "--execute"),
        ("dlq", "replay", "--all", "--canary", "many"), ("dlq", "groups", "--by", "moon"), ("replays", "show"),
    ):  # fmt: skip
        run(*words, code=2)


def test_who_is_no_operator_is_refused(run: Run, person: Make, served: httpx2.Client) -> None:
    owner = person("acme", "business_owner")
    for words in (("jobs", "ls"), ("queues",), ("dlq", "groups"), ("replays", "ls"), ("top", "--once")):
        run(*words, token=owner.token, code=4)
    run("queues", token="nonsense", code=1)
    nobody = CliRunner().invoke(app, ["queues", "--api-url", "http://127.0.0.1:9", "--token", "x"])
    assert nobody.exit_code == 1
    assert "does not answer" in nobody.stderr
