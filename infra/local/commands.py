"""The command lines of the stack's own processes. They are started by name: nothing here imports them."""

import sys
from pathlib import Path

from infra.local.ports import LOOPBACK

_SOURCES = ("api", "domain", "infra", "workers")


def api_command(port: int, *, reload: bool = False) -> list[str]:
    """The API on the loopback interface."""
    command = [sys.executable, "-m", "api", "--host", LOOPBACK, "--port", str(port)]
    return [*command, "--reload"] if reload else command


def cdn_command(port: int, *, endpoint: str, bucket: str, keys: Path, origins: str) -> list[str]:
    """The stand-in for CloudFront. `keys` are public; `origins`, separated by commas, may read what it serves."""
    command = [sys.executable, "-m", "infra.local.cdn", "--port", str(port), "--endpoint", endpoint]
    return [*command, "--bucket", bucket, "--keys", str(keys), "--origins", origins]


def clips_command(directory: Path) -> list[str]:
    """Draws what is missing of the demonstration clips, and ends."""
    return [sys.executable, "-m", "infra.local.clips", str(directory)]


def worker_command(*, reload: bool = False) -> list[str]:
    """One worker with its relay and sweeper."""
    if reload:
        work = f"{sys.executable} -m workers"
        return [sys.executable, "-m", "watchfiles", "--filter", "python", work, *_SOURCES]
    return [sys.executable, "-m", "workers"]
