"""The AWS emulator (ministack): SQS, S3, Cognito and SES on a loopback port, its state in the data directory.

It lives in a virtual environment of its own, because it pins botocore. It saves its state when it ends;
killed, it forgets what happened since its last start: its queues and users are looked for at every start.
"""

import json
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from infra.local.errors import LocalStackError
from infra.local.parts import Part
from infra.local.ports import LOOPBACK, free_port

REGION = "eu-west-2"
ACCESS_KEY = "local"
SECRET_KEY = "local"  # noqa: S105 # nosec B105 # opens nothing but the emulator on this machine
SERVICES = ("sqs", "s3", "cognito-idp", "ses", "sts", "secretsmanager")

_START_S = 20.0
_TRIES = 3
_direct = build_opener(ProxyHandler({}))  # never through a proxy: it is on this machine


def emulator_python() -> Path:
    """In `.venv-emulator`, beside the environment that this process runs in."""
    return Path(sys.prefix).with_name(".venv-emulator") / "bin" / "python"


class Emulator:
    """One emulator. `python` is the interpreter of the environment that ministack is installed in."""

    def __init__(self, directory: Path, *, python: Path | None = None, end_with_us: bool = False) -> None:
        self.directory = directory.resolve()
        self._python = python or emulator_python()
        self.part = Part(self.directory, "emulator", end_with_us=end_with_us)
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.part.record['port']}"

    def start(self) -> None:
        """Starts it if it does not run, and waits until it answers."""
        self.begin()
        self.finish()

    def begin(self) -> None:
        """The part of `start` before the waiting."""
        if not self._python.is_file():
            raise LocalStackError(f"the emulator is not installed (no {self._python}): run `make setup`")
        last: int | None = self.part.record.get("port")
        port = last if last and self.part.identity() else free_port(last)
        # Not by its own command, which has no option for how long a waiting receiver may hold up its end.
        command = [str(self._python), "-m", "hypercorn", "ministack.app:app", "--workers", "0"]
        command += ["--bind", f"{LOOPBACK}:{port}", "--keep-alive", "75", "--graceful-timeout", "1"]
        self.part.ensure(command, self._environment(port), port=port)

    def finish(self) -> None:
        """The waiting part of `start`. Tries another port when somebody took the free one first."""
        for left in reversed(range(_TRIES)):
            try:
                self.part.wait(self._answers, patience_s=_START_S)
            except LocalStackError:
                if not left or "in use" not in self.part.said():
                    raise
                self.begin()
            else:
                return

    def stop(self) -> None:
        """Lets it write its state down, then ends it."""
        self.part.stop()

    def save(self) -> None:
        """Makes it write its state down by stopping and starting it, if it has never done so.

        Done once after the first queues and users are made, so that they and the keys of their tokens survive
        an emulator that is killed later.
        """
        if not (self.directory / "emulator" / "state" / "cognito.json").is_file():
            self.stop()
            self.start()

    def _answers(self) -> bool:
        try:
            with _direct.open(f"{self.url}/_ministack/health", timeout=2) as answer:
                return "services" in json.load(answer)
        except (URLError, OSError, ValueError):
            return False

    def _environment(self, port: int) -> dict[str, str]:
        state = self.directory / "emulator"
        state.mkdir(mode=0o700, exist_ok=True)  # it holds the key that signs tokens
        (state / "tmp").mkdir(exist_ok=True)
        return {
            "PATH": os.defpath,
            "BIND_HOST": LOOPBACK,
            "GATEWAY_PORT": str(port),
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "MINISTACK_REGION": REGION,
            "SERVICES": ",".join(SERVICES),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state / "state"),
            "S3_DATA_DIR": str(state / "s3"),
            "TMPDIR": str(state / "tmp"),
            "LOG_LEVEL": "WARNING",
            # Nothing of the machine beyond this process: no container runtime, no listeners nobody asked for.
            "DOCKER_HOST": f"unix://{state / 'no-docker'}",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
