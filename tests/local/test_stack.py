"""The whole local stack: real processes, started and killed through the `ffp` command."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.layout import running
from infra.local.ports import free_port
from infra.local.postgres import EmbeddedPostgres
from infra.local.processes import stop
from tests.local.ffp import COMMAND, eventually, ffp, processes_of, stack_json

PARTS = ("postgres", "emulator", "api", "cdn", "worker-1")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One stack for all tests of this module; each leaves it up, or puts it up again."""
    found = tmp_path_factory.mktemp("stack") / "data"
    ffp("up", "--detach", "--port", "0", directory=found)
    yield found
    ffp("down", directory=found)


def kill(directory: Path, *parts: str) -> None:
    found = running(directory)
    for part in parts:
        identity = found[part]
        assert identity, part
        os.kill(identity.pid, signal.SIGKILL)


def test_stack_json_says_all_there_is_to_know_and_is_private(directory: Path):
    content = stack_json(directory)
    assert stat.S_IMODE((directory / "stack.json").stat().st_mode) == 0o600
    assert content["api_url"].startswith("http://127.0.0.1:")
    assert content["database_url"].startswith("postgresql://ffp_app:")
    assert content["admin_database_url"].startswith("postgresql://ffp_owner:")
    assert set(content["queues"]) >= {"scoring", "scoring-dlq", "generation", "generation-dlq"}
    assert all(url.startswith(content["sqs_endpoint_url"]) for url in content["queues"].values())
    assert set(content["cognito"]) == {"endpoint_url", "user_pool_id", "client_id"}
    users = content["demo_users"]
    assert all(set(user) == {"email", "password", "role", "tenant_id"} for user in users)
    assert len({user["tenant_id"] for user in users if user["tenant_id"]}) == 3
    assert [user["tenant_id"] for user in users if user["role"] == "operator"] == [None, None]
    pids = content["pids"]
    found = {name: identity.pid for name, identity in running(directory).items() if identity}
    assert [pids["postgres"], pids["emulator"], pids["api"], pids["cdn"], *pids["workers"]] == list(found.values())


def test_the_main_job_ends_with_a_program(directory: Path):
    shown = ffp("demo", directory=directory).stdout
    assert "succeeded" in shown
    assert "Disability (Roland-Morris, 0-24)" in shown
    assert "Program, week 1" in shown


def test_a_stack_that_lost_every_part_comes_back_with_its_data(directory: Path):
    before = stack_json(directory)
    ffp("demo", directory=directory)
    kept = programs(directory)
    kill(directory, *PARTS)
    assert ffp("status", directory=directory, check=False).returncode == 1
    ffp("up", "--detach", directory=directory)
    after = stack_json(directory)
    assert after | {"pids": None} == before | {"pids": None}, "the same addresses, secrets, pool and logins"
    assert programs(directory) == kept
    ffp("demo", directory=directory)
    assert programs(directory) == kept + 1


@pytest.mark.long
def test_people_sign_in_again_after_the_emulator_lost_all_it_knew(directory: Path):
    before = stack_json(directory)
    kill(directory, "emulator")
    shutil.rmtree(directory / "emulator")
    ffp("up", "--detach", directory=directory)
    after = stack_json(directory)
    assert after["cognito"]["user_pool_id"] != before["cognito"]["user_pool_id"]
    assert after["demo_users"] == before["demo_users"], "the same people in the same tenants"
    ffp("demo", directory=directory)


@pytest.mark.long
@pytest.mark.parametrize("part", PARTS)
def test_a_stack_that_lost_one_part_starts_that_one_only(directory: Path, part: str):
    before = running(directory)
    kill(directory, part)
    ffp("up", "--detach", directory=directory)
    after = running(directory)
    assert {name for name in before if before[name] != after[name]} == {part}
    ffp("demo", directory=directory)


def test_bringing_up_what_is_up_changes_nothing(directory: Path):
    before = running(directory)
    ffp("up", "--detach", directory=directory)
    assert running(directory) == before
    assert ffp("status", directory=directory).returncode == 0
    assert ffp("doctor", directory=directory).returncode == 0


def test_the_printed_environment_is_all_that_an_api_process_needs(directory: Path):
    lines = ffp("env", directory=directory).stdout.splitlines()
    environment = dict(line.split("=", 1) for line in lines)
    port = free_port()
    process = subprocess.Popen([COMMAND, "api", "--port", str(port)], env=environment, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(port))
    finally:
        process.terminate()
        process.wait(10)


def test_another_stack_runs_beside_it_and_goes_alone(directory: Path, tmp_path: Path):
    before = running(directory)
    other = tmp_path / "other"
    ffp("up", "--detach", "--no-api", "--no-workers", directory=other)
    content = stack_json(other)
    assert content["api_url"] is None
    assert content["pids"]["workers"] == []
    assert content["database_url"] != stack_json(directory)["database_url"]
    assert len(processes_of(other)) >= 1
    ffp("down", directory=other)
    assert not processes_of(other)
    assert not (other / "stack.json").exists()
    assert not any(running(other).values())
    assert running(directory) == before


def test_a_port_in_use_is_one_clear_line_and_starts_nothing(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = ffp("up", "--detach", "--port", str(port), directory=tmp_path / "data", check=False)
    assert done.returncode == 1
    assert done.stderr == f"ffp: port {port} is in use by another program: try --port 0, which takes a free one\n"
    assert not any(running(tmp_path / "data").values())


def test_a_start_that_fails_half_way_stops_what_it_started(tmp_path: Path):
    data = tmp_path / "data"
    (data / "logs").mkdir(parents=True)
    (data / "logs" / "emulator.log").mkdir()  # where its log should go
    done = ffp("up", "--detach", "--port", "0", directory=data, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("ffp: ")
    assert not processes_of(data)
    assert not EmbeddedPostgres(data).identity()


class Foreground:
    """`ffp up` or `ffp run` in a terminal of its own."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [COMMAND, *arguments, "--data-dir", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Whoever runs the tests in the background has told them to ignore Ctrl-C, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one thread here
        )
        self.said = ""

    def read_until(self, text: str) -> None:
        for line in self.process.stdout or ():
            self.said += line
            if text in line:
                return
        pytest.fail(self.said)

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        self.said += self.process.communicate(timeout=180)[0]
        return self.process.returncode


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    left = [identity for identity in running(tmp_path / "data").values() if identity]
    stop([*left, *processes_of(tmp_path / "data")])


def test_run_shows_the_main_job_and_ctrl_c_stops_everything(fresh: Path):
    shown = Foreground(fresh, "run", "--port", "0")
    shown.read_until("Serving until")
    assert "Program, week 1" in shown.said
    assert "owner@globex.example" in shown.said
    assert all(running(fresh).values())
    second = ffp("up", "--detach", directory=fresh, check=False)
    assert f"ffp: ffp (pid {shown.process.pid}) works on {fresh}" in second.stderr
    assert shown.end(signal.SIGINT) == 0
    assert not processes_of(fresh)
    assert not any(running(fresh).values())
    assert not (fresh / "stack.json").exists()


def test_in_the_foreground_a_part_that_dies_is_started_again_and_down_ends_all(fresh: Path):
    shown = Foreground(fresh, "up", "--no-api", "--workers", "1")
    shown.read_until("Serving until")
    before = running(fresh)["worker-1"]
    kill(fresh, "worker-1")
    eventually(lambda: running(fresh)["worker-1"] not in (None, before))
    ffp("down", directory=fresh)
    assert shown.process.wait(10) == 0
    assert "worker-1 ended: starting again" in shown.process.communicate()[0]
    assert not any(running(fresh).values())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child of its parent's death")
def test_a_killed_foreground_leaves_no_orphans(fresh: Path):
    shown = Foreground(fresh, "up", "--no-api", "--no-workers")
    shown.read_until("Serving until")
    shown.end(signal.SIGKILL)
    eventually(lambda: not any(running(fresh).values()))
    eventually(lambda: not processes_of(fresh))


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/health/ready", timeout=2) as answer:
            return bool(json.load(answer)["status"] == "ok")
    except OSError:
        return False


def programs(directory: Path) -> Any:
    with psycopg.connect(EmbeddedPostgres(directory).url("postgres", "ffp")) as connection:
        return connection.execute("select count(*) from programs").fetchone()[0]  # type: ignore[index]
