"""The chain of the audit log: sealed without holding anybody up, and broken by whatever is done to it afterwards."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from typer.testing import CliRunner

from cli.main import app
from domain.audit import COLUMNS, AuditRow, genesis, row_hash
from infra import audit_chain, audit_verify, tables
from infra.audit_verify import Verdict
from tests.conftest import Database, Person
from workers import sealer, sweeper

Make = Callable[..., Person]
_INSERT = """insert into audit_log (tenant_id, actor_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
    values (%s, %s, %s, %s, 'assessment', %s, %s, %s)"""


def write(db: Database, tenant: UUID | None, count: int = 1, action: str = "assessment.read") -> None:
    role = "content_admin" if tenant is None else "clinician"
    for number in range(count):
        db.rows(_INSERT, tenant, uuid4(), role, action, uuid4(), uuid4() if number % 2 else None, f"request-{number}")


def verdicts(db: Database, **options: Any) -> dict[UUID | None, Verdict]:
    with audit_verify.reading(db.owner_url) as connection:
        return {each: audit_verify.verify(connection, each, **options) for each in audit_verify.tenants(connection)}


@pytest.fixture
def tenants(db: Database, person: Make) -> tuple[UUID, UUID]:
    """Two, with a sealed log each; and what staff did has one too."""
    acme, globex = person("acme").tenant_id, person("globex").tenant_id
    for tenant in (acme, globex, None):
        write(db, tenant, 12)
    audit_chain.seal()
    return acme, globex


@pytest.fixture
def unguarded(db: Database) -> Callable[[str], None]:
    """A superuser who has taken the triggers away; the rest is up to the chain."""

    def run(statement: str, **values: Any) -> None:
        with psycopg.connect(db.superuser_url, cursor_factory=psycopg.ClientCursor) as connection:
            for table in ("audit_log", "audit_chain", "audit_heads"):
                connection.execute(f"alter table {table} disable trigger all")
            connection.execute(statement, values)
            for table in ("audit_log", "audit_chain", "audit_heads"):
                connection.execute(f"alter table {table} enable always trigger {table}_guard")
            connection.execute("alter table audit_log enable always trigger audit_log_queue")

    return run


def test_every_committed_row_is_sealed_once_and_in_its_tenants_own_chain(
    db: Database, tenants: tuple[UUID, UUID]
) -> None:
    found = verdicts(db)
    assert set(found) == {*tenants, None}
    assert all(verdict.holds for verdict in found.values()), found
    assert {verdict.entries for verdict in found.values()} == {12}
    assert db.value("select count(*) from audit_unsealed") == 0
    assert audit_chain.seal() == 0
    write(db, tenants[0], 2)
    assert audit_chain.seal() == 2
    assert {tenant: verdict.length for tenant, verdict in verdicts(db).items()} == {
        tenants[0]: 14,
        tenants[1]: 12,
        None: 12,
    }


def test_both_compute_the_same_bytes(db: Database, person: Make) -> None:
    acme = person("acme").tenant_id
    odd = "über:7,\\'\"-\n" + "é" * 20
    for request in (None, "", "-", "3:abc", odd):
        for actor in (None, uuid4()):
            db.rows(_INSERT, acme, actor, "clinician", "assessment.read", uuid4(), None, request)
    db.rows("alter table audit_log disable trigger audit_log_guard")
    db.rows("update audit_log set at = '1969-12-31 23:59:59.000001Z' where id = (select min(id) from audit_log)")
    rows = db.rows(f"select {', '.join(COLUMNS)}, app.audit_row_hash(l) as theirs from audit_log l")
    assert len(rows) == 10
    hashes = set()
    for row in rows:
        theirs = row.pop("theirs")
        assert row_hash(AuditRow(**row)) == theirs, row
        hashes.add(theirs)
    assert len(hashes) == 10
    for tenant in (acme, None):
        assert db.value("select app.audit_genesis(%s)", tenant) == genesis(tenant)


def test_no_column_is_left_out_of_the_hash_and_none_holds_a_person(db: Database) -> None:
    there = db.rows("select column_name, data_type from information_schema.columns where table_name = 'audit_log'")
    assert {row["column_name"] for row in there} == set(COLUMNS) == {c.name for c in tables.audit.audit_log.columns}
    # Ids, words of ours and a time. A text column that took people's words would outlive their erasure.
    texts = {
        row["column_name"] for row in there if row["data_type"] not in {"uuid", "bigint", "timestamp with time zone"}
    }
    assert texts == {"actor_role", "action", "subject_type", "request_id"}


TAMPERED = {
    "a column changed": ("update audit_log set actor_id = gen_random_uuid() where id = %(row)s", "altered_row", 5),
    "a time changed": ("update audit_log set at = at - interval '1 microsecond' where id = %(row)s", "altered_row", 5),
    "null to empty": ("update audit_log set request_id = null where id = %(row)s", "altered_row", 5),
    "a row deleted": ("delete from audit_log where id = %(row)s", "missing_row", 5),
    "a row given to another tenant": ("update audit_log set tenant_id = %(other)s where id = %(row)s", "foreign_row", 5),
    "a row and its entry deleted": (
        "with e as (delete from audit_chain where audit_id = %(row)s) delete from audit_log where id = %(row)s",
        "missing_entry", 5,
    ),
    "an entry given to another tenant": (
        "update audit_chain set tenant_id = %(other)s, position = 13 where audit_id = %(row)s", "missing_entry", 5,
    ),
    "the first entry deleted": ("delete from audit_chain where tenant_id = %(acme)s and position = 1", "missing_entry", 1),
    "a row changed and its hash with it": (
        """with r as (update audit_log set action = 'x' where id = %(row)s returning app.audit_row_hash(audit_log) as h)
           update audit_chain c set row_hash = r.h from r where c.audit_id = %(row)s""",
        "broken_link", 5,
    ),
    "and the hash of the entry as well": (
        """with r as (update audit_log set action = 'x' where id = %(row)s returning app.audit_row_hash(audit_log) as h)
           update audit_chain c set row_hash = r.h, hash = sha256((select p.hash from audit_chain p
               where p.tenant_id = c.tenant_id and p.position = c.position - 1) || r.h) from r where c.audit_id = %(row)s""",
        "broken_link", 6,
    ),
    "two entries exchanged": (
        """update audit_chain set position = 0 where tenant_id = %(acme)s and position = 5;
           update audit_chain set position = 5 where tenant_id = %(acme)s and position = 8;
           update audit_chain set position = 8 where tenant_id = %(acme)s and position = 0""",
        "reordered", 5,
    ),
    "two rows exchanged in their entries": (
        """update audit_chain set audit_id = 0 where audit_id = %(row)s;
           update audit_chain set audit_id = %(row)s where tenant_id = %(acme)s and position = 8;
           update audit_chain set audit_id = %(row)s + 3 where audit_id = 0""",
        "altered_row", 5,
    ),
    "an entry put in between": (
        """update audit_chain set position = position + 100 where tenant_id = %(acme)s and position >= 5;
           update audit_chain set position = position - 99 where tenant_id = %(acme)s and position >= 105;
           insert into audit_log (tenant_id, actor_role, action, subject_type, subject_id)
               values (%(acme)s, 'x', 'x', 'x', gen_random_uuid());
           insert into audit_chain (tenant_id, position, audit_id, row_hash, hash)
               select tenant_id, 5, id, app.audit_row_hash(l), sha256((select hash from audit_chain
                   where tenant_id = %(acme)s and position = 4) || app.audit_row_hash(l))
               from audit_log l where action = 'x';
           delete from audit_unsealed""",
        "broken_link", 6,
    ),
    "the end of the log and of the chain cut": (
        """with e as (delete from audit_chain where tenant_id = %(acme)s and position > 9 returning audit_id)
           delete from audit_log using e where id = e.audit_id""",
        "truncated", 10,
    ),
    "everything of a tenant deleted but its head": (
        """with e as (delete from audit_chain where tenant_id = %(acme)s)
           delete from audit_log where tenant_id = %(acme)s""",
        "truncated", 1,
    ),
    "the head deleted": ("delete from audit_heads where tenant_id = %(acme)s", "wrong_head", 12),
    "the head of another time": ("update audit_heads set hash = sha256('x') where tenant_id = %(acme)s", "wrong_head", 12),
    "a shorter head": ("update audit_heads set length = 11 where tenant_id = %(acme)s", "wrong_head", 12),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERED)
def test_tampering_is_found_where_it_was_done(
    db: Database, tenants: tuple[UUID, UUID], unguarded: Callable[..., None], how: str
) -> None:
    acme, globex = tenants
    statement, wrong, position = TAMPERED[how]
    row = db.value("select audit_id from audit_chain where tenant_id = %s and position = 5", acme)
    unguarded(statement, acme=acme, other=globex, row=row)
    found = verdicts(db)
    broken = found[acme].broken
    assert broken is not None
    assert (broken.wrong, broken.position) == (wrong, position)
    assert not found[acme].holds
    assert found[None].holds
    assert found[globex].holds or "another tenant" in how


def test_a_chain_made_anew_holds_in_itself_and_not_against_what_was_anchored(
    db: Database, tenants: tuple[UUID, UUID], unguarded: Callable[..., None]
) -> None:
    acme, _ = tenants
    with audit_verify.reading(db.ops_url) as connection:
        kept: dict[UUID | None, dict[int, bytes]] = {
            head.tenant_id: {head.length: bytes.fromhex(head.hash)} for head in audit_verify.heads(connection)
        }
    write(db, acme, 3)
    audit_chain.seal()
    assert all(verdict.holds for verdict in verdicts(db, anchors=kept).values())
    unguarded(
        """update audit_log set action = 'x' where id = (select min(id) from audit_log);
           delete from audit_chain where tenant_id = %(acme)s;
           delete from audit_heads where tenant_id = %(acme)s;
           insert into audit_unsealed select tenant_id, id from audit_log where tenant_id = %(acme)s""",
        acme=acme,
    )
    audit_chain.seal()
    assert verdicts(db)[acme].holds
    broken = verdicts(db, anchors=kept)[acme].broken
    assert broken is not None
    assert (broken.wrong, broken.position) == ("other_anchor", 12)
    # Cut with its head, and whole.
    unguarded(
        """delete from audit_log l using audit_chain c
               where c.tenant_id = %(acme)s and c.position > 9 and (l.tenant_id, l.id) = (c.tenant_id, c.audit_id);
           delete from audit_chain where tenant_id = %(acme)s and position > 9;
           update audit_heads h set length = 9, hash = c.hash from audit_chain c
               where h.tenant_id = %(acme)s and c.tenant_id = h.tenant_id and c.position = 9""",
        acme=acme,
    )
    assert verdicts(db)[acme].holds
    broken = verdicts(db, anchors=kept)[acme].broken
    assert broken is not None
    assert (broken.wrong, broken.position) == ("truncated", 10)


def test_a_row_that_commits_late_is_sealed_late(db: Database, tenants: tuple[UUID, UUID]) -> None:
    acme, globex = tenants
    with psycopg.connect(db.superuser_url) as slow:
        slow.execute(_INSERT, (acme, uuid4(), "clinician", "late", uuid4(), None, None))
        write(db, acme, 3)
        assert audit_chain.seal() == 3
        slow.execute(_INSERT, (globex, uuid4(), "clinician", "rolled.back", uuid4(), None, None))
        slow.execute("delete from audit_unsealed where tenant_id = %s", (globex,))  # this transaction's own
    with psycopg.connect(db.superuser_url) as undone:
        undone.execute(_INSERT, (acme, uuid4(), "clinician", "undone", uuid4(), None, None))
        undone.rollback()
    assert audit_chain.seal() == 1
    late = db.value("select position from audit_chain c join audit_log l on l.id = c.audit_id where l.action = 'late'")
    assert late == 16
    assert verdicts(db)[acme].holds


def test_rows_that_nobody_seals_are_told(db: Database, tenants: tuple[UUID, UUID]) -> None:
    acme, globex = tenants
    old = datetime.now(UTC) - timedelta(minutes=6)
    db.rows(
        """insert into audit_log (tenant_id, at, actor_role, action, subject_type, subject_id)
           values (%s, %s, 'clinician', 'assessment.read', 'assessment', gen_random_uuid())""",
        acme, old,
    )  # fmt: skip
    write(db, globex)  # not for five minutes
    found = verdicts(db)
    assert (found[acme].unsealed, found[acme].broken, found[acme].holds) == (1, None, False)
    assert found[acme].first_unsealed == db.value("select max(id) from audit_log where tenant_id = %s", acme)
    assert found[globex].holds
    audit_chain.seal()
    assert verdicts(db)[acme].holds


def test_many_writers_and_many_sealers_make_one_chain_each(db: Database, person: Make) -> None:
    names = [person(f"tenant-{number}").tenant_id for number in range(4)]
    done = threading.Event()

    def writer(number: int) -> None:
        with psycopg.connect(db.superuser_url) as connection:
            for turn in range(40):
                for tenant in names:
                    connection.execute(_INSERT, (tenant, uuid4(), "clinician", f"a.{number}", uuid4(), None, None))
                (connection.rollback if turn % 5 == 4 else connection.commit)()

    def sealing() -> int:
        total = 0
        while not done.is_set():
            total += audit_chain.seal()
        return total

    with ThreadPoolExecutor(7) as threads:
        sealers = [threads.submit(sealing) for _ in range(3)]
        for each in [threads.submit(writer, number) for number in range(4)]:
            each.result()
        done.set()
        sealed = sum(each.result() for each in sealers) + audit_chain.seal()
    assert sealed == 4 * 32 * 4
    found = verdicts(db)
    assert {tenant: verdict.entries for tenant, verdict in found.items()} == dict.fromkeys(names, 128)
    assert all(verdict.holds for verdict in found.values())


def test_a_batch_does_not_end_in_the_middle(db: Database, person: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("acme", "globex"):
        write(db, person(name).tenant_id, 25)
    monkeypatch.setattr(audit_chain, "_BATCH", 7)
    assert audit_chain.seal() == 50
    assert [verdict.entries for verdict in verdicts(db).values()] == [25, 25]


@pytest.mark.parametrize("table", ["audit_log", "audit_chain", "audit_heads"])
def test_nothing_is_changed_or_taken_away(db: Database, tenants: tuple[UUID, UUID], table: str) -> None:
    changes = {"audit_log": "action = 'x'", "audit_chain": "hash = ''", "audit_heads": "hash = ''"}
    statements = [f"update {table} set {changes[table]}", f"delete from {table}", f"truncate {table} cascade"]
    for url in (db.app_url, db.relay_url, db.ops_url):
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
    # By the triggers, for whoever has every right.
    for role in (None, "ffp_owner"):
        with psycopg.connect(db.superuser_url, autocommit=True) as connection:
            if role:
                connection.execute(f"set role {role}")
            else:
                connection.execute("set session_replication_role = replica")
            for statement in statements if table != "audit_heads" else statements[1:]:  # sealing moves the head
                with pytest.raises(psycopg.Error, match="only ever added to"):
                    connection.execute(statement)
                connection.execute("select set_config('app.retiring_audit', 'on', false)")
                if role is None or "delete" not in statement:
                    with pytest.raises(psycopg.Error, match="only ever added to"):
                        connection.execute(statement)
                connection.execute("select set_config('app.retiring_audit', '', false)")


def test_no_service_writes_a_chain_or_seals_by_itself(db: Database, tenants: tuple[UUID, UUID]) -> None:
    for url in (db.app_url, db.relay_url, db.ops_url):
        with psycopg.connect(url, autocommit=True) as connection:
            for table in ("audit_chain", "audit_heads", "audit_unsealed"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"insert into {table} default values")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select app.retire_audit(null, now() - interval '2 years', 10)")
            if url != db.relay_url:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("select app.seal_audit(1)")
            if url != db.ops_url:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("select * from audit_chain")


def test_retention_takes_the_beginning_and_the_rest_still_holds(
    db: Database, person: Make, unguarded: Callable[..., None]
) -> None:
    acme, globex = person("acme").tenant_id, person("globex").tenant_id
    insert = """insert into audit_log (tenant_id, at, actor_role, action, subject_type, subject_id)
        values (%s, now() - make_interval(days => %s), 'clinician', 'assessment.read', 'assessment', gen_random_uuid())"""
    for days in (900, 800, 700, 20, 600, 10):  # the 600 days old was sealed after a young one, and stays with it
        db.rows(insert, acme, days)
    db.rows(insert, globex, 900)
    audit_chain.seal()
    cut = datetime.now(UTC) - timedelta(days=500)
    assert audit_verify.retire(db.owner_url, acme, cut) == 3
    assert audit_verify.retire(db.owner_url, acme, cut) == 0
    audit_chain.seal()
    verdict = verdicts(db)[acme]
    assert (verdict.holds, verdict.retired, verdict.entries, verdict.length) == (True, 3, 4, 7)
    [said] = db.rows("select * from audit_log where action = 'audit.retired'")
    assert (said["tenant_id"], said["subject_id"], said["actor_role"]) == (acme, acme, "operator")
    assert verdicts(db)[globex].entries == 1
    with pytest.raises(audit_verify.TooYoung):
        audit_verify.retire(db.owner_url, acme, datetime.now(UTC) - timedelta(days=300))
    # All of it, and on from there.
    assert audit_verify.retire(db.owner_url, globex, cut) == 1
    audit_chain.seal()
    assert verdicts(db)[globex].holds
    unguarded("update audit_log set action = 'x' where action = 'audit.retired'")
    assert not verdicts(db)[globex].holds


def test_since_trusts_what_was_sealed_before(
    db: Database, tenants: tuple[UUID, UUID], unguarded: Callable[..., None]
) -> None:
    acme, _ = tenants
    unguarded("update audit_chain set sealed_at = sealed_at - interval '1 day'")
    now = datetime.now(UTC) - timedelta(hours=1)
    write(db, acme, 5)
    audit_chain.seal()
    unguarded(
        "update audit_log set action = 'x' where id = (select min(id) from audit_log where tenant_id = %(t)s)", t=acme
    )
    found = verdicts(db, since=now)[acme]
    assert (found.holds, found.entries, found.length) == (True, 5, 17)
    assert not verdicts(db)[acme].holds
    unguarded(
        "update audit_log set action = 'x' where id = (select max(id) from audit_log where tenant_id = %(t)s)", t=acme
    )
    assert not verdicts(db, since=now)[acme].holds


def test_the_sweeper_seals_and_tells_the_ends_once_an_hour(
    db: Database, tenants: tuple[UUID, UUID], unguarded: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    acme, globex = tenants

    def told() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        return [line for line in lines if line["event"] == "audit_head"]

    write(db, acme, 2)
    assert sweeper.handler({}, None)["sealed"] == 2
    first = told()
    assert {(line.get("tenant_id"), line["length"]) for line in first} == {
        (str(acme), 14), (str(globex), 12), (None, 12),
    }  # fmt: skip
    write(db, acme, 1)
    assert sealer.seal() == 1
    assert told() == []
    unguarded("update audit_heads set announced_at = announced_at - interval '61 minutes'")
    sealer.seal()
    assert [(line.get("tenant_id"), line["length"]) for line in told()] == [(str(acme), 15)]


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["audit", *arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def test_the_command_says_what_is_wrong_and_where(
    db: Database,
    tenants: tuple[UUID, UUID],
    unguarded: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acme, globex = tenants
    assert run("verify").count("holds") == 3
    kept = tmp_path / "heads"
    kept.write_text("not a line of ours\n" + run("heads"))
    monkeypatch.delenv("FFP_ADMIN_DATABASE_URL")  # an operator's connection is enough
    report = json.loads(run("verify", "--format", "json", "--anchors", str(kept)))
    assert report["holds"]
    assert [each["tenant"] for each in report["chains"]] == ["ffp", "acme", "globex"]
    assert {each["entries"] for each in report["chains"]} == {12}
    unguarded(
        "update audit_log set action = 'x' where id = (select max(id) from audit_log where tenant_id = %(t)s)", t=acme
    )
    assert "position 12 " in run("verify", code=1)
    [chain] = json.loads(run("verify", "--tenant", "acme", "--format", "json", code=1))["chains"]
    assert (chain["holds"], chain["entries"], chain["broken"]["wrong"], chain["broken"]["position"]) == (
        False, 11, "altered_row", 12,
    )  # fmt: skip
    for name in ("globex", str(globex), str(globex).upper(), "ffp"):
        run("verify", "--tenant", name)
    run("verify", "--tenant", "nobody", code=1)
    run("retire", "--before", "2020-01-01", code=1)  # not with an operator's


def test_a_tenant_that_is_gone_altogether_is_missed(
    db: Database, tenants: tuple[UUID, UUID], unguarded: Callable[..., None], tmp_path: Path
) -> None:
    acme, _ = tenants
    kept = tmp_path / "heads"
    kept.write_text(run("heads"))
    for table in ("audit_chain", "audit_heads", "audit_log"):
        unguarded(f"delete from {table} where tenant_id = %(acme)s", acme=acme)
    run("verify")
    assert "its end is gone" in run("verify", "--anchors", str(kept), code=1)
    assert "0 rows" in run("retire", "--before", "2020-01-01")
