"""The local stack: PostgreSQL, the AWS emulator, the API and its workers, in one data directory.

`Stack.up` makes the stack what was asked for: it leaves alone what already runs that way and starts the rest,
so it is also what mends a stack that lost a part.
"""

import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from infra import settings
from infra.local.buckets import VIDEOS
from infra.local.cdn_keys import ensure_keys, private_file, public_file
from infra.local.commands import api_command, cdn_command, clips_command, worker_command
from infra.local.emulator import Emulator
from infra.local.environment import chosen_postgres, inherited, stack_environment
from infra.local.errors import LocalStackError
from infra.local.layout import api_part, cdn_part, known_workers, worker_part, write_stack
from infra.local.parts import Part
from infra.local.ports import LOOPBACK, free_port, is_free
from infra.local.postgres import EmbeddedPostgres

DEFAULT_PORT = 8000
_API_START_S = 30.0
_WORKER_START_S = 5.0
_direct = build_opener(ProxyHandler({}))  # never through a proxy: it is on this machine


@dataclass(frozen=True)
class Wanted:
    """What a stack shall be. `port` 0 is any free one, None that of last time or 8000."""

    port: int | None = None
    api: bool = True
    workers: int = 1
    reload: bool = False


class Progress(Protocol):
    """Whoever shows a person what is going on."""

    def begin(self, part: str) -> None: ...

    def done(self, part: str, detail: str) -> None: ...


class Stack:
    """`end_with_us`: its processes stop when this one dies without having stopped them (Linux)."""

    def __init__(self, directory: Path, progress: Progress, *, end_with_us: bool = False) -> None:
        self.directory = directory.resolve()
        self.postgres = EmbeddedPostgres(self.directory, programs=chosen_postgres(), end_with_us=end_with_us)
        self.emulator = Emulator(self.directory, end_with_us=end_with_us)
        self.api = api_part(self.directory, end_with_us=end_with_us)
        self.cdn = cdn_part(self.directory, end_with_us=end_with_us)
        self._progress = progress
        self._end_with_us = end_with_us

    def up(self, wanted: Wanted) -> dict[str, Any]:
        """Returns the content of stack.json. Where it fails it stops again what it started."""
        with ExitStack() as undo:
            port, cdn_port = self._api_port(wanted), self._cdn_port()
            self._begin(undo)
            # These take a while to import, in which PostgreSQL and the emulator start.
            from infra.local.content import demo_users, ensure_content  # noqa: PLC0415
            from infra.local.services import ensure_services  # noqa: PLC0415

            self.postgres.finish()
            self._progress.done("PostgreSQL", self.postgres.address)
            self.emulator.finish()
            services = ensure_services(self.emulator)
            self._progress.done("AWS emulator", services.endpoint.removeprefix("http://"))
            self._progress.begin("Schema and data")
            revision = ensure_content(self.postgres, services.subs)
            self._progress.done("Schema and data", f"revision {revision}, {len(services.subs)} logins")
            ensure_keys(self.directory)
            cdn = (f"http://{LOOPBACK}:{cdn_port}", private_file(self.directory))
            environment = stack_environment(self.postgres, services.endpoint, services.queues, services.pool, cdn)
            self._serve_videos(wanted, cdn_port, environment, undo)
            workers = self._processes(wanted, port, environment, undo)
            self._wait(wanted, port, workers)
            content = write_stack(
                self.directory,
                api_url=f"http://{LOOPBACK}:{port}" if wanted.api else None,
                environment=environment,
                queues=services.queues,
                demo_users=demo_users(self.postgres),
            )
            if wanted.api:
                self._draw(environment)
            undo.pop_all()
            return content

    def _serve_videos(self, wanted: Wanted, port: int, environment: Mapping[str, str], undo: ExitStack) -> None:
        if not wanted.api:
            self.cdn.give_up()
            return
        origins = ",".join(settings.cors_origins())
        endpoint, keys = environment["AWS_ENDPOINT_URL"], public_file(self.directory)
        command = cdn_command(port, endpoint=endpoint, bucket=VIDEOS, keys=keys, origins=origins)
        if self.cdn.ensure(command, {}, inherited=inherited(), port=port):
            undo.callback(self.cdn.stop)

    def _draw(self, environment: Mapping[str, str]) -> None:
        """Beside everything else: nobody waits for the demonstration clips."""
        clips = Part(self.directory, "clips", end_with_us=self._end_with_us)
        clips.ensure(clips_command(self.directory / "clips"), environment, inherited=inherited())

    def _wait(self, wanted: Wanted, port: int, workers: Iterable[Part]) -> None:
        if wanted.api:
            self.api.wait(lambda: _ready(port), patience_s=_API_START_S)
            self._progress.done("API", f"{LOOPBACK}:{port}")
            self.cdn.wait(lambda: _listens(self.cdn.record["port"]), patience_s=_API_START_S)
        for worker in workers:
            worker.wait(worker.runs, patience_s=_WORKER_START_S)

    def _api_port(self, wanted: Wanted) -> int:
        """Before anything starts: a port in use is the most likely mistake, and cheap to find."""
        last: int | None = self.api.record.get("port")
        ours = last if self.api.identity() else None
        if not wanted.api:
            return 0
        if wanted.port == 0:
            return ours or free_port(last)
        port = wanted.port or last or DEFAULT_PORT
        if port != ours and not is_free(port):
            raise LocalStackError(f"port {port} is in use by another program: try --port 0, which takes a free one")
        return port

    def _cdn_port(self) -> int:
        """That of last time, so that addresses stay the same."""
        last: int | None = self.cdn.record.get("port")
        return last if last and self.cdn.identity() else free_port(last)

    def _begin(self, undo: ExitStack) -> None:
        """What waits for nothing else, side by side."""
        self._progress.begin("PostgreSQL")
        if not self.postgres.identity():
            undo.callback(self.postgres.stop)
        self.postgres.begin()
        self._progress.begin("AWS emulator")
        if not self.emulator.part.identity():
            undo.callback(self.emulator.stop)
        self.emulator.begin()

    def _processes(self, wanted: Wanted, port: int, environment: Mapping[str, str], undo: ExitStack) -> list[Part]:
        """Starts the API and the workers, and stops those that are not wanted any more."""
        if wanted.api:
            self._progress.begin("API")
            if self.api.ensure(api_command(port, reload=wanted.reload), environment, inherited=inherited(), port=port):
                undo.callback(self.api.stop)
        else:
            self.api.give_up()
        for surplus in known_workers(self.directory)[wanted.workers :]:
            surplus.give_up()
        workers = [
            worker_part(self.directory, number, end_with_us=self._end_with_us)
            for number in range(1, wanted.workers + 1)
        ]
        for worker in workers:
            if worker.ensure(worker_command(reload=wanted.reload), environment, inherited=inherited()):
                undo.callback(worker.stop)
        return workers


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _ready(port: int) -> bool:
    try:
        with _direct.open(f"http://{LOOPBACK}:{port}/v1/health/ready", timeout=2):
            return True
    except (URLError, OSError):
        return False
