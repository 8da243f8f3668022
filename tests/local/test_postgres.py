"""The embedded server after everything that can happen to its directory, its process and its port."""

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from infra.local.errors import LocalStackError
from infra.local.postgres import DATABASE, OWNER, EmbeddedPostgres


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path / "data", durable=False) as found:
        yield found


def again(server: EmbeddedPostgres) -> EmbeddedPostgres:
    return EmbeddedPostgres(server.directory, durable=False)


def ask(server: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(server.url()) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def test_a_killed_server_comes_back_with_its_data(server: EmbeddedPostgres):
    with psycopg.connect(server.url()) as connection:
        connection.execute("create table kept as select 42 as answer")
    before = server.identity()
    assert before
    os.kill(before.pid, signal.SIGKILL)
    assert (server.cluster / "postmaster.pid").exists()
    after = again(server)
    after.start()
    assert after.identity() != before
    assert ask(after, "select answer from kept") == 42


def test_starting_a_running_server_adopts_it(server: EmbeddedPostgres):
    second = again(server)
    second.start()
    assert second.identity() == server.identity()
    assert second.url() == server.url()


def test_a_stale_lock_whose_pid_is_somebody_elses_now(server: EmbeddedPostgres):
    server.stop()
    lock = f"{os.getpid()}\n{server.cluster}\n1\n1\n\n127.0.0.1\n1 1\nready\n"
    (server.cluster / "postmaster.pid").write_text(lock)
    assert server.identity() is None
    after = again(server)
    after.start()
    assert after.identity()


def test_a_directory_that_initdb_left_half_made_is_made_again(tmp_path: Path):
    half = tmp_path / "data" / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path / "data", durable=False) as found:
        assert ask(found, "select 1") == 1
        assert not half.exists()


def test_an_unusable_cluster_is_put_aside_not_removed(tmp_path: Path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "precious").write_text("somebody's")
    (tmp_path / "postgres.json").write_text('{"secret": "s"}')
    with EmbeddedPostgres(tmp_path, durable=False) as found:
        assert ask(found, "select 1") == 1
    [aside] = tmp_path.glob("postgres.unusable-*")
    assert (aside / "precious").read_text() == "somebody's"


def test_the_port_stays_unless_somebody_took_it(server: EmbeddedPostgres):
    address = server.address
    server.stop()
    server.start()
    assert server.address == address
    server.stop()
    with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))):
        server.start()
        assert server.address != address
        assert ask(server, "select 1") == 1


def test_the_secret_is_private_and_the_owner_no_superuser(server: EmbeddedPostgres):
    assert stat.S_IMODE((server.directory / "postgres.json").stat().st_mode) == 0o600
    assert ask(server, f"select rolsuper or rolbypassrls from pg_roles where rolname = '{OWNER}'") is False
    wrong = server.url().replace(f"{OWNER}:", f"{OWNER}:x")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    assert server.url().endswith(f"/{DATABASE}")


def test_durable_is_the_default(tmp_path: Path, server: EmbeddedPostgres):
    assert ask(server, "show fsync") == "off"
    with EmbeddedPostgres(tmp_path / "durable") as durable:
        assert ask(durable, "show fsync") == "on"
        assert ask(durable, "show full_page_writes") == "on"


def test_a_lost_secret_is_one_clear_line(server: EmbeddedPostgres):
    server.stop()
    (server.directory / "postgres.json").unlink()
    with pytest.raises(LocalStackError, match="holds the database's secret, is gone"):
        again(server).start()


def test_another_major_version_is_one_clear_line(server: EmbeddedPostgres):
    server.stop()
    (server.cluster / "PG_VERSION").write_text("12\n")
    with pytest.raises(LocalStackError, match="was made by PostgreSQL 12"):
        again(server).start()


def test_programs_that_are_not_there_are_one_clear_line(tmp_path: Path):
    with pytest.raises(LocalStackError, match="FFP_POSTGRES_BIN"):
        EmbeddedPostgres(tmp_path / "data", programs=tmp_path).start()


@pytest.mark.skipif(os.getuid() != 0, reason="only root has somebody else run PostgreSQL")
def test_root_runs_it_as_nobody_even_where_only_root_may_enter(tmp_path: Path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with EmbeddedPostgres(private / "data", durable=False) as found:
        identity = found.identity()
        assert identity
        assert psutil.Process(identity.pid).username() == "nobody"
        assert ask(found, "select 1") == 1
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
