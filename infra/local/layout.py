"""Which parts a data directory has, and stack.json, which tells tools and operators where they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.emulator import Emulator
from infra.local.errors import LocalStackError
from infra.local.files import read_json, write_private
from infra.local.parts import Part
from infra.local.postgres import EmbeddedPostgres
from infra.local.processes import Identity


def api_part(directory: Path, *, end_with_us: bool = False) -> Part:
    return Part(directory, "api", end_with_us=end_with_us)


def cdn_part(directory: Path, *, end_with_us: bool = False) -> Part:
    return Part(directory, "cdn", end_with_us=end_with_us)


def worker_part(directory: Path, number: int, *, end_with_us: bool = False) -> Part:
    """Workers are numbered from 1."""
    return Part(directory, f"worker-{number}", end_with_us=end_with_us)


def known_workers(directory: Path) -> list[Part]:
    """Every worker that was started and not given up since, whether it runs or not."""
    numbers = sorted(int(path.stem.split("-")[1]) for path in (directory / "run").glob("worker-*.json"))
    return [worker_part(directory, number) for number in numbers]


def running(directory: Path) -> dict[str, Identity | None]:
    """Every part of the stack, in the order of their start, with its process or None."""
    found = {
        "postgres": EmbeddedPostgres(directory).identity(),
        "emulator": Emulator(directory).part.identity(),
    }
    api = api_part(directory)
    if api.record:
        found["api"] = api.identity()
    cdn = cdn_part(directory)
    if cdn.record:
        found["cdn"] = cdn.identity()
    return found | {worker.name: worker.identity() for worker in known_workers(directory)}


def read_stack(directory: Path) -> dict[str, Any]:
    """The content of stack.json; empty when no stack is up."""
    return read_json(directory / "stack.json")


def stack_of(directory: Path) -> dict[str, Any]:
    """The content of stack.json. Raises LocalStackError when no stack is up."""
    content = read_stack(directory.resolve())
    if not content:
        raise LocalStackError(f"no stack is up in {directory.resolve()}: start one with `ffp up --detach`")
    return content


def write_stack(
    directory: Path,
    *,
    api_url: str | None,
    environment: Mapping[str, str],
    queues: Mapping[str, str],
    demo_users: list[dict[str, str | None]],
) -> dict[str, Any]:
    """Private, since it holds passwords. `environment` is what `ffp env` prints."""
    pids = {name: identity.pid if identity else None for name, identity in running(directory).items()}
    content = {
        "api_url": api_url,
        "cdn_url": environment["FFP_CDN_URL"] if api_url else None,
        "database_url": environment["FFP_DATABASE_URL"],
        "admin_database_url": environment["FFP_ADMIN_DATABASE_URL"],
        "sqs_endpoint_url": environment["AWS_ENDPOINT_URL_SQS"],
        "queues": dict(queues),
        "cognito": {
            "endpoint_url": environment["FFP_COGNITO_ENDPOINT_URL"],
            "user_pool_id": environment["FFP_COGNITO_USER_POOL_ID"],
            "client_id": environment["FFP_COGNITO_CLIENT_ID"],
        },
        "demo_users": demo_users,
        "pids": {
            **{name: pids.get(name) for name in ("postgres", "emulator", "api", "cdn")},
            "workers": [pid for name, pid in pids.items() if name.startswith("worker-")],
        },
        "environment": dict(environment),
    }
    write_private(directory / "stack.json", content)
    return content


def forget_stack(directory: Path) -> None:
    """No stack is up any more; its data stays."""
    (directory / "stack.json").unlink(missing_ok=True)
