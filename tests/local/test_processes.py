"""Whose pid is it, and is it gone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from infra.local.processes import LOG_LIMIT, Identity, launched, marked, start, stop

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def begun(log: Path) -> str:
    deadline = time.monotonic() + 10
    while not log.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return log.read_text().strip()


def test_a_pid_that_somebody_else_has_now_is_not_ours():
    ours = Identity.of(os.getpid())
    assert ours
    assert ours.alive()
    assert not Identity(ours.pid, ours.started - 60).alive()


def test_a_process_that_ends_is_not_alive_even_before_it_is_reaped(tmp_path: Path):
    identity = start(python("pass"), log=tmp_path / "log", environment={})
    deadline = time.monotonic() + 10
    while identity.alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert psutil.Process(identity.pid).status() == psutil.STATUS_ZOMBIE
    stop([identity])


def test_stopping_kills_what_does_not_listen_and_its_children(tmp_path: Path):
    log = tmp_path / "log"
    identity = start(python(STUBBORN), log=log, environment={})
    child = Identity.of(int(begun(log)))
    assert child
    stop([identity], patience_s=0.2)
    deadline = time.monotonic() + 10
    while identity.alive() or child.alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_marked_processes_are_found_and_no_others(tmp_path: Path):
    ours = start(python("import time; time.sleep(60)"), log=tmp_path / "a", environment={"MARK": "one"})
    other = start(python("import time; time.sleep(60)"), log=tmp_path / "b", environment={"MARK": "two"})
    try:
        assert marked("MARK", "one") == [ours]
    finally:
        stop([ours, other], signal.SIGKILL)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child of its parent's death")
def test_a_process_ends_with_its_parent_however_that_dies(tmp_path: Path):
    log = tmp_path / "log"
    command = launched(python("import time; time.sleep(60)"), end_with_us=signal.SIGTERM)
    code = f"""
import json, os, subprocess, time
command = {command!r}
options = json.loads(command[4]) | {{"parent": os.getpid()}}
child = subprocess.Popen([*command[:4], json.dumps(options), *command[5:]])
time.sleep(0.3)
print(child.pid, flush=True)
time.sleep(60)
"""
    parent = start(python(code), log=log, environment={})
    child = Identity.of(int(begun(log)))
    assert child
    assert child.alive()
    os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while child.alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stop([parent])


def test_a_long_log_is_put_aside(tmp_path: Path):
    log = tmp_path / "part.log"
    log.write_bytes(b"x" * (LOG_LIMIT + 1))
    stop([start(python("print('new')"), log=log, environment={})], patience_s=5)
    assert (tmp_path / "part.log.1").stat().st_size == LOG_LIMIT + 1
    assert log.stat().st_size < 10


def test_a_command_that_does_not_exist_is_an_error_here(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        start([str(tmp_path / "nothing")], log=tmp_path / "log", environment={})
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(launched(python("raise SystemExit(3)"), end_with_us=signal.SIGTERM), check=True)
