"""One PostgreSQL and one AWS emulator for a whole test run, shared by its parallel processes.

Whoever needs one first starts it; the process that began the run stops both. Every test gets its own database,
cloned from a migrated template, and its own queues.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.rows import dict_row

from infra import migrate, seed
from infra.declared import SETTINGS
from infra.local import clients
from infra.local.buckets import ensure_buckets
from infra.local.cdn_keys import ensure_keys
from infra.local.cluster import SUPERUSER
from infra.local.emulator import Emulator
from infra.local.mailbox import ensure_sender
from infra.local.postgres import OWNER, EmbeddedPostgres

_VARIABLE = "FFP_TEST_DIRECTORY"
RUNTIME_ROLES = ("ffp_app", "ffp_relay", "ffp_ops")
TEMPLATE = "ffp"
_PLENTY = 4 << 30  # bytes; a run takes a few hundred megabytes


def begin() -> None:
    """In the process that began the run: choose the directory that the others inherit."""
    directory = tempfile.mkdtemp(prefix="ffp-test-", dir=_in_memory())
    Path(directory).chmod(0o755)  # as root, the server runs as another user
    os.environ[_VARIABLE] = directory


def end() -> None:
    directory = Path(os.environ.pop(_VARIABLE))
    if (directory / "postgres.json").exists():
        EmbeddedPostgres(directory).stop()
    if (directory / "emulator.started").exists():
        Emulator(directory).stop()
    shutil.rmtree(directory, ignore_errors=True)


def _in_memory() -> Path | None:
    """Where files are kept in memory, if there is plenty: a clone is 600 files, and costs a disk twice as much."""
    found = Path("/dev/shm")
    if not os.access(found, os.W_OK) or psutil.virtual_memory().available < _PLENTY:
        return None
    return found if shutil.disk_usage(found).free > _PLENTY // 2 else None


def _directory() -> Path:
    return Path(os.environ[_VARIABLE])


@contextmanager
def _alone() -> Iterator[Path]:
    directory = _directory()
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory


def postgres() -> EmbeddedPostgres:
    """The running server; database `ffp` is migrated, seeded with the shipped content, and left alone."""
    with _alone() as directory:
        server = EmbeddedPostgres(directory, durable=False)
        if not (directory / "postgres.ready").exists():
            server.start()
            migrate.upgrade(server.url())
            seed.seed_templates(server.url())
            _sign_in_cheaply(server)
            (directory / "postgres.ready").touch()
    return server


def _sign_in_cheaply(server: EmbeddedPostgres) -> None:
    """A round of hashing for each connection, not the usual 4,096, which are a third of what a connection costs. They
    slow down who guesses, and nobody guesses a password of 256 bits.
    """
    with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        if connection.info.server_version >= 160_000:
            connection.execute("alter system set scram_iterations = 1")
            connection.execute("select pg_reload_conf()")
    server.set_passwords((SUPERUSER, OWNER, *RUNTIME_ROLES))


def emulator() -> Emulator:
    with _alone() as directory:
        found = Emulator(directory)
        if not (directory / "emulator.started").exists():
            found.start()
            ensure_buckets(clients.s3(found.url))
            ensure_keys(directory)
            ensure_sender(found.url, SETTINGS["FFP_MAIL_FROM"].default or "")
            (directory / "emulator.started").touch()
    return found


_kept: dict[str, psycopg.Connection[Any]] = {}


def superuser(url: str, name: str) -> psycopg.Connection[Any]:
    """This process's one connection to a test's database: tests look into it a thousand times."""
    if name not in _kept or _kept[name].closed:
        _kept[name] = psycopg.connect(url, row_factory=dict_row, autocommit=True)
    return _kept[name]


def let_go() -> None:
    for name in list(_kept):
        _let_go(name)


def _let_go(name: str) -> None:
    if connection := _kept.pop(name, None):
        connection.close()


@contextmanager
def cloned(name: str, template: str = TEMPLATE) -> Iterator[EmbeddedPostgres]:
    server = postgres()
    _let_go(template)
    _administer(server, f'create database "{name}" template "{template}" strategy file_copy')
    try:
        yield server
    finally:
        _let_go(name)
        _administer(server, f'drop database "{name}" with (force)')


def _administer(server: EmbeddedPostgres, statement: str) -> None:
    superuser(server.url(SUPERUSER, "postgres"), "postgres").execute(statement)
