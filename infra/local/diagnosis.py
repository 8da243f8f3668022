"""What may be wrong with this machine or a stack on it, and how to mend it."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from infra.local import clients
from infra.local.binaries import postgres_programs
from infra.local.emulator import Emulator, emulator_python
from infra.local.environment import chosen_postgres
from infra.local.errors import LocalStackError
from infra.local.layout import read_stack, running
from infra.local.ports import is_free
from infra.local.postgres import EmbeddedPostgres

_LEAST_SPACE = 500 * 1024 * 1024  # bytes; a fresh data directory takes about 50 MB
_LATE_S = 60  # a job of the demo takes less than a second


@dataclass(frozen=True)
class Finding:
    """One check. `mend` says what to do about it, empty when all is well."""

    subject: str
    state: str
    mend: str = ""


def diagnose(directory: Path, port: int) -> list[Finding]:
    """Every check, whatever the ones before it found."""
    directory = directory.resolve()
    checks: list[tuple[str, Callable[[], Finding]]] = [
        ("Python", _python),
        ("PostgreSQL", _postgres),
        ("AWS emulator", _emulator),
        ("Data directory", lambda: _directory(directory)),
        ("Stack", lambda: _stack(directory, port)),
    ]
    if any(running(directory).values()):
        checks += [("Jobs", lambda: _jobs(directory)), ("Dead letters", lambda: _dead_letters(directory))]
    return [_safely(subject, check) for subject, check in checks]


def _safely(subject: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except LocalStackError as error:
        return Finding(subject, "not usable", str(error))
    except (OSError, subprocess.CalledProcessError, psycopg.Error) as error:
        return Finding(subject, "not usable", f"{type(error).__name__}: {error}".splitlines()[0])


def _python() -> Finding:
    return Finding("Python", sys.version.split()[0])


def _postgres() -> Finding:
    programs = postgres_programs(chosen_postgres())
    answer = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    return Finding("PostgreSQL", f"{answer.stdout.split()[2]} in {programs}")


def _emulator() -> Finding:
    python = emulator_python()
    if not python.is_file():
        return Finding("AWS emulator", "not installed", "run `make setup`")
    asked = "import importlib.metadata as m; print(m.version('ministack'))"
    answer = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    return Finding("AWS emulator", f"ministack {answer.stdout.strip()}")


def _directory(directory: Path) -> Finding:
    subject = "Data directory"
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < _LEAST_SPACE:
        return Finding(subject, f"{free // 1024**2} MB free", "make room, or choose another --data-dir")
    aside = sorted(directory.glob("postgres.unusable-*"))
    if aside:
        return Finding(
            subject,
            f"{len(aside)} unusable clusters were put aside",
            f"look into them, then remove {directory}/postgres.unusable-*",
        )
    return Finding(subject, f"{directory}, {free // 1024**3} GB free")


def _stack(directory: Path, port: int) -> Finding:
    parts = running(directory)
    lost = [name for name, identity in parts.items() if not identity]
    if len(lost) == len(parts):
        if not is_free(port):
            return Finding("Stack", f"down, and port {port} is in use", "start it with `ffp up --port 0`")
        return Finding("Stack", "down")
    if lost:
        return Finding("Stack", f"{', '.join(lost)} ended", f"`ffp up --detach`; the logs: {directory}/logs")
    return Finding("Stack", f"{len(parts)} processes run")


def _jobs(directory: Path) -> Finding:
    """Jobs that should have ended by now."""
    with psycopg.connect(EmbeddedPostgres(directory).url("ffp_ops"), connect_timeout=5) as connection:
        row = connection.execute(
            """select count(*), count(*) filter (where published_at is null) from jobs
               where status in ('queued', 'running', 'retrying')
               and created_at < now() - make_interval(secs => %s)""",
            [_LATE_S],
        ).fetchone()
    late, unpublished = row or (0, 0)
    if not late:
        return Finding("Jobs", f"none older than {_LATE_S} s waits")
    return Finding(
        "Jobs",
        f"{late} wait for more than {_LATE_S} s, {unpublished} of them not yet in a queue",
        f"start a worker (`ffp up --detach`); what it says: {directory}/logs/worker-1.log",
    )


def _dead_letters(directory: Path) -> Finding:
    client = clients.sqs(Emulator(directory).url)
    counts = {}
    for name, url in read_stack(directory).get("queues", {}).items():
        if name.endswith("-dlq"):
            asked = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
            counts[name] = int(asked["Attributes"]["ApproximateNumberOfMessages"])
    full = {name: count for name, count in counts.items() if count}
    if not full:
        return Finding("Dead letters", "none")
    said = ", ".join(f"{count} in {name}" for name, count in full.items())
    return Finding("Dead letters", said, f"why they failed: {directory}/logs/worker-1.log")
