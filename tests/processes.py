"""Real processes of ours, started with this test's environment and ended by it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

BUSY = 10


@dataclass
class Process:
    popen: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """SIGKILL: no goodbye of any kind. It, and what it has started."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(100)

    def signal(self, number: signal.Signals) -> None:
        """To it, and to what it has started: as a terminal does, or a container's end."""
        os.killpg(self.popen.pid, number)

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def running(arguments: list[str], log: Path, changes: Mapping[str, str] | None = None) -> Iterator[Process]:
    with log.open("ab") as output:
        popen = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, "FFP_LOG_FORMAT": "json", **(changes or {})},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    process = Process(popen, log)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait(100)


@contextmanager
def worker(directory: Path, **changes: str) -> Iterator[Process]:
    with running(["-m", "workers"], directory / "worker.log", changes) as process:
        yield process


@contextmanager
def api(directory: Path, **changes: str) -> Iterator[tuple[Process, httpx2.Client]]:
    """A uvicorn that is ready to serve, and a client of it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    arguments = ["-m", "api", "--host", "127.0.0.1", "--port", str(port)]
    with (
        running(arguments, directory / "api.log", changes) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        deadline = time.monotonic() + BUSY * 20
        while True:
            try:
                if client.get("/v1/health/live").status_code == 200:
                    break
            except httpx2.TransportError:
                pass
            assert process.popen.poll() is None, process.said()
            assert time.monotonic() < deadline, process.said()
            time.sleep(0.02)
        yield process, client


def until(condition: Callable[[], object], seconds: float, said: Callable[[], str] = str) -> None:
    """Wait for `condition()` to be true; where it does not become so, `said()` tells what the process had to say.

    `seconds` are those of a machine that has nothing else to do; one that has may take ten times as many.
    """
    deadline = time.monotonic() + BUSY * seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {BUSY * seconds} s. {said()}"
        time.sleep(0.03)
