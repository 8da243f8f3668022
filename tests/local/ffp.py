"""The `ffp` command as a person or a tool runs it: a process, its output, its exit status."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.local.parts import MARK
from infra.local.processes import Identity, marked

COMMAND = str(Path(sys.executable).with_name("ffp"))


def ffp(*arguments: str, directory: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [COMMAND, *arguments, "--data-dir", str(directory)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def stack_json(directory: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((directory / "stack.json").read_text())
    return content


def processes_of(directory: Path) -> list[Identity]:
    return marked(MARK, str(directory))


def eventually(holds: Callable[[], object], *, within_s: float = 200) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
