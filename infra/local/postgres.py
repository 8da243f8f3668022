"""A PostgreSQL server of our own in a data directory, from program files that a wheel brought along.

    with EmbeddedPostgres(directory, durable=False) as postgres:
        psycopg.connect(postgres.url())

`directory` holds the cluster (`postgres/`), its secret and port (`postgres.json`), its log
(`logs/postgres.log`).
"""

import hmac
import secrets
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
from psycopg import sql

from infra.local.accounts import server_account
from infra.local.binaries import postgres_programs
from infra.local.cluster import SUPERUSER, ensure_cluster
from infra.local.errors import LocalStackError
from infra.local.files import read_json, write_private
from infra.local.ports import LOOPBACK, free_port
from infra.local.processes import Identity, last_lines, start, stop

OWNER = "ffp_owner"
DATABASE = "ffp"

_START_S = 60.0  # crash recovery replays the log first
_PAUSE_S = 0.01
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PGTZ": "UTC"}
_NOT_DURABLE = ("fsync=off", "full_page_writes=off")  # a killed server still loses nothing, a power cut does


class EmbeddedPostgres:
    """One server. `durable=False` is faster and survives a killed server, not a power cut: for tests.

    `programs` is a directory with other PostgreSQL programs (15 or later). `end_with_us` lets the server
    stop when this process dies without having stopped it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool = True,
        programs: Path | None = None,
        end_with_us: bool = False,
    ) -> None:
        self.directory = directory.resolve()
        self.cluster = self.directory / "postgres"
        self.log = self.directory / "logs" / "postgres.log"
        self._settings_file = self.directory / "postgres.json"
        self._chosen = programs
        self._durable = durable
        self._end_with_us = signal.SIGINT if end_with_us else None
        self._launched: Identity | None = None
        self._log_start = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Makes the cluster if there is none, starts its server if none runs, waits until it answers."""
        self.begin()
        self.finish()

    def begin(self) -> None:
        """The part of `start` before the waiting, so that other things can start meanwhile."""
        if not read_json(self._settings_file):
            if self.cluster.exists():
                raise LocalStackError(
                    f"{self._settings_file}, which holds the database's secret, is gone: "
                    f"put it back, or remove {self.cluster} with all its data"
                )
            write_private(self._settings_file, {"secret": secrets.token_hex(32)})
        ensure_cluster(
            self.cluster,
            self._programs,
            self._password(SUPERUSER),
            log=self.log,
            environment=_ENVIRONMENT,
            durable=self._durable,
        )
        if not self.identity():
            self._launch()

    def finish(self) -> None:
        """The waiting part of `start`."""
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if time.monotonic() > deadline:
                raise LocalStackError(f"PostgreSQL did not start within {_START_S:.0f} s: see {self.log}")
            if self._launched is None and not self.identity():
                self._launch()  # the server that `begin` found was being killed
            elif self._launched and not self._launched.alive():
                self._launch_again()
            time.sleep(_PAUSE_S)
        self._ensure_owner()

    def stop(self) -> None:
        """Disconnects everybody, writes everything down, ends. Nothing to do if it does not run."""
        if identity := self.identity() or self._launched:  # just launched, it has no lock file yet
            stop([identity], signal.SIGINT, patience_s=30)

    def identity(self) -> Identity | None:
        """The running server of this cluster, whoever started it.

        The lock file may be stale and its pid somebody else's; a working directory tells the truth.
        """
        lock = self._lock()
        try:
            if not lock or psutil.Process(int(lock[0])).cwd() != str(self.cluster):
                return None
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        identity = Identity.of(int(lock[0]))
        return identity if identity and identity.alive() else None

    def url(self, role: str = OWNER, database: str = DATABASE) -> str:
        """For `role`, which must have got its password: the owner has, others through `set_passwords`."""
        port = read_json(self._settings_file)["port"]
        return f"postgresql://{role}:{self._password(role)}@{LOOPBACK}:{port}/{database}"

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{read_json(self._settings_file)['port']}"

    def set_passwords(self, roles: Iterable[str]) -> None:
        """Lets roles that a migration made sign in."""
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            for role in roles:
                connection.execute(
                    sql.SQL("alter role {} login password {}").format(sql.Identifier(role), self._password(role))
                )

    @property
    def _programs(self) -> Path:
        return postgres_programs(self._chosen)

    def _password(self, role: str) -> str:
        """One secret gives every role a password of its own, the same at every start."""
        secret: str = read_json(self._settings_file)["secret"]
        return hmac.digest(secret.encode(), role.encode(), "sha256").hex()

    def _lock(self) -> list[str]:
        """postmaster.pid: pid, data directory, start, port, socket directory, address, memory key, state."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [line.strip() for line in lines]

    def _answers(self) -> bool:
        return self._lock()[7:8] == ["ready"] and self.identity() is not None

    def _launch(self) -> None:
        """Starts the server, on the port it had last time if that is free."""
        lock = self._lock()
        if lock and psutil.pid_exists(int(lock[0])):
            # Left by a server that was killed, and its pid is somebody else's now: PostgreSQL would take that
            # for a running server and refuse. Where the pid is free it sorts the file out itself, and safely.
            (self.cluster / "postmaster.pid").unlink()
        settings = read_json(self._settings_file)
        settings["port"] = free_port(settings.get("port"))
        write_private(self._settings_file, settings)
        options = [
            f"port={settings['port']}",
            f"listen_addresses={LOOPBACK}",
            "unix_socket_directories=",
            "timezone=UTC",
            "log_timezone=UTC",
            "log_checkpoints=off",
            "log_error_verbosity=terse",  # the detail of a refused row is the row
            *(() if self._durable else _NOT_DURABLE),
        ]
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._launched = start(
            [
                str(self._programs / "postgres"),
                *("-D", str(self.cluster)),
                *(word for option in options for word in ("-c", option)),
            ],
            log=self.log,
            environment=_ENVIRONMENT,
            account=server_account(self.cluster, self._programs / "postgres"),
            end_with_us=self._end_with_us,
        )

    def _launch_again(self) -> None:
        """Two ends are worth another try.

        The port went to somebody else just now, or the children of a server that was killed have not noticed
        yet and still hold its memory.
        """
        said = last_lines(self.log, self._log_start, count=20)
        if "Address already in use" not in said and "still in use" not in said:
            raise LocalStackError(f"PostgreSQL did not start: {last_lines(self.log, self._log_start)}")
        time.sleep(0.2)
        self._launch()

    def _ensure_owner(self) -> None:
        """The owner is no superuser, as on Amazon RDS: what it may not do there it may not do here."""
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            found = connection.execute("select rolname from pg_roles where rolname = %s", [OWNER]).fetchone()
            if not found:
                connection.execute(
                    sql.SQL("create role {} login createdb createrole password {}").format(
                        sql.Identifier(OWNER), self._password(OWNER)
                    )
                )
            found = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
            if not found:
                connection.execute(
                    sql.SQL("create database {} owner {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )
