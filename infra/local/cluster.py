"""The files of a PostgreSQL server: made once, and either whole or made again."""

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from infra.local.accounts import server_account
from infra.local.errors import LocalStackError
from infra.local.files import write_private
from infra.local.processes import last_lines, launched, open_log

SUPERUSER = "postgres"


def ensure_cluster(
    cluster: Path,
    programs: Path,
    password: str,
    *,
    log: Path,
    environment: Mapping[str, str],
    durable: bool,
) -> None:
    """Leaves a whole cluster under this name: initdb works under another one and is renamed at its end.

    Anything else found under the name is put aside, not removed: it is not ours.
    """
    if cluster.exists():
        if (cluster / "PG_VERSION").is_file() and (cluster / "global" / "pg_control").is_file():
            _check_version(cluster, programs)
            return
        cluster.rename(cluster.with_name(f"{cluster.name}.unusable-{time.time_ns()}"))
    new = cluster.with_name(f"{cluster.name}.new")
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(parents=True, mode=0o700)
    _initdb(new, programs, password, log=log, environment=environment, durable=durable)
    new.rename(cluster)


def _initdb(
    new: Path, programs: Path, password: str, *, log: Path, environment: Mapping[str, str], durable: bool
) -> None:
    password_file = new.with_name("postgres.password")
    write_private(password_file, password)
    account = server_account(new, programs / "postgres")
    if account:
        for path in (new, password_file):
            shutil.chown(path, account.uid, account.gid)
    command = [
        str(programs / "initdb"),
        *("--pgdata", str(new), "--username", SUPERUSER, "--pwfile", str(password_file)),
        # No locale of the machine decides how text sorts.
        *("--encoding", "UTF8", "--locale", "C", "--auth", "scram-sha-256"),
        *(() if durable else ("--no-sync",)),
    ]
    before = log.stat().st_size if log.exists() else 0
    with open_log(log) as output:
        done = subprocess.run(
            launched(command, account=account, end_with_us=signal.SIGTERM),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            check=False,
        )
    password_file.unlink()
    if done.returncode != 0:
        raise LocalStackError(f"initdb failed: {last_lines(log, before)}")


def _check_version(cluster: Path, programs: Path) -> None:
    made_by = (cluster / "PG_VERSION").read_text().strip()
    answer = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    ours = answer.stdout.split()[2].split(".")[0]  # "postgres (PostgreSQL) 18.6"
    if made_by != ours:
        raise LocalStackError(
            f"{cluster} was made by PostgreSQL {made_by}, this is {ours}: choose another --data-dir, or remove it"
        )
