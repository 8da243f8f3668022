"""The command lines of the API and of a worker. They are started by name: nothing here imports them."""

import sys

from infra.local.ports import LOOPBACK

_SOURCES = ("api", "domain", "infra", "workers")


def api_command(port: int, *, reload: bool = False) -> list[str]:
    """The API on the loopback interface. No access log: FFP writes its own, without queries in the URLs."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app"]
    command += ["--host", LOOPBACK, "--port", str(port), "--no-access-log"]
    command += ["--timeout-graceful-shutdown", "5"]  # seconds; an event stream would hold it for ever
    if reload:
        command += ["--reload", *(word for source in _SOURCES for word in ("--reload-dir", source))]
    return command


def worker_command(*, reload: bool = False) -> list[str]:
    """One worker with its relay and sweeper."""
    if reload:
        work = f"{sys.executable} -m workers"
        return [sys.executable, "-m", "watchfiles", "--filter", "python", work, *_SOURCES]
    return [sys.executable, "-m", "workers"]
