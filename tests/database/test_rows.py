"""Row-level security on every table that PostgreSQL's catalogue knows: a row is put into each, and looked for by those
whom it is not for. A new table is tried without being listed.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from domain.tenancy import CARE_ROLES, PEOPLE, Context
from tests.conftest import Database

# Whose rows a colleague who is a member sees all the same, each with its reason.
SHARED_INSIDE: dict[str, str] = {}
# Columns that say whose a row is, where it is not `user_id`.
OWNERS = {"users": "id", "audit_log": "subject_user_id"}
PLAIN = {
    "uuid": "gen_random_uuid()", "text": "'x'", "boolean": "true", "jsonb": "'{}'", "date": "current_date",
    "timestamp with time zone": "now()", "bytea": "'x'", "integer": "1", "bigint": "1", "numeric": "1",
    "double precision": "1", "smallint": "1", "text[]": "'{x}'", "uuid[]": "'{}'", "inet": "'127.0.0.1'",
    "interval": "'1 s'", "time without time zone": "'08:00'",
}  # fmt: skip
# Of no use to whoever looks: a policy shows them by their state, so the row is given the one that is shown.
STATES = {"programs": {"status": "active"}}


@pytest.fixture
def tables(db: Database) -> dict[str, dict[str, str]]:
    """Every table of tenants: its columns and their types."""
    found: dict[str, dict[str, str]] = {}
    for row in db.rows(
        """select c.relname, a.attname, format_type(a.atttypid, null) as kind
           from pg_class c join pg_attribute a on a.attrelid = c.oid
           where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0
               and not a.attisdropped and a.attgenerated = ''"""
    ):
        found.setdefault(row["relname"], {})[row["attname"]] = row["kind"]
    return {name: columns for name, columns in found.items() if "tenant_id" in columns}


@pytest.fixture
def rows(db: Database, tables: dict[str, dict[str, str]]) -> dict[str, UUID]:
    """One row in each table, of acme's member; keys and checks are put aside to write it."""
    acme, member = uuid4(), uuid4()
    with psycopg.connect(db.superuser_url) as connection:
        connection.execute("set session_replication_role = replica")
        for row in connection.execute(
            """select conrelid::regclass::text, conname from pg_constraint
               where contype = 'c' and connamespace = 'public'::regnamespace"""
        ).fetchall():
            connection.execute(sql.SQL("alter table {} drop constraint {}").format(*map(sql.Identifier, row)))
        for table, columns in tables.items():
            values = {name: _value(table, name, kind, acme, member) for name, kind in columns.items()}
            connection.execute(
                sql.SQL("insert into {} ({}) overriding system value values ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, values)),
                    sql.SQL(", ").join(values.values()),
                )
            )
    return {"tenant": acme, "member": member}


def _value(table: str, name: str, kind: str, tenant: UUID, member: UUID) -> sql.Composable:
    if name == "tenant_id":
        return sql.Literal(tenant)
    if name == OWNERS.get(table, "user_id"):
        return sql.Literal(member)
    if name in STATES.get(table, {}):
        return sql.Literal(STATES[table][name])
    assert kind in PLAIN, f"{table}.{name} is of type {kind}: say in PLAIN what a value of it is"
    return sql.SQL(PLAIN[kind])


@pytest.fixture
def as_app(db: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(db.app_url, autocommit=True) as connection:
        yield connection


def seen(connection: psycopg.Connection[Any], table: str, who: Context) -> int | None:
    """Rows of the table that somebody sees; None where the application may not ask."""
    try:
        with connection.transaction():
            connection.execute("select app.set_context(%s, %s, %s)", (who.tenant_id, who.user_id, who.role))
            row = connection.execute(
                sql.SQL("select count(*) from {} where tenant_id is not null").format(sql.Identifier(table))
            ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    assert row is not None
    found: int = row[0]
    return found


def test_no_role_of_another_tenant_sees_a_row(
    as_app: psycopg.Connection[Any], tables: dict[str, dict[str, str]], rows: dict[str, UUID], subtests: pytest.Subtests
) -> None:
    readable = set()
    for table in tables:
        for role in (*PEOPLE, "worker", "operator", "content_admin", "nobody"):
            with subtests.test(table=table, role=role):
                # Even with the member's own id: an id is unique, and a tenant is a tenant.
                for user in (uuid4(), rows["member"], None):
                    assert seen(as_app, table, Context(uuid4(), user, role)) in {0, None}
        worker = seen(as_app, table, Context(rows["tenant"], None, "worker"))
        if worker:
            readable.add(table)
    assert {"assessments", "submissions", "scores", "programs", "sessions", "jobs", "users", "audit_log"} <= readable


def test_a_member_sees_their_own_rows_and_no_colleagues(
    as_app: psycopg.Connection[Any], tables: dict[str, dict[str, str]], rows: dict[str, UUID], subtests: pytest.Subtests
) -> None:
    tried = set()
    for table, columns in tables.items():
        if OWNERS.get(table, "user_id") not in columns:
            continue
        tried.add(table)
        with subtests.test(table=table):
            for role in PEOPLE - CARE_ROLES:
                neighbour = seen(as_app, table, Context(rows["tenant"], uuid4(), role))
                assert neighbour in {0, None} or table in SHARED_INSIDE, f"{table} shows a {role} a colleague's row"
    assert {"assessments", "idempotency_keys", "notifications", "users", "audit_log"} <= tried
    for table in SHARED_INSIDE:
        assert seen(as_app, table, Context(rows["tenant"], uuid4(), "member")), f"{table} need not be an exception"
    # It is not that nobody sees anything.
    for table in (
        "assessments",
        "submissions",
        "scores",
        "programs",
        "sessions",
        "jobs",
        "notifications",
        "idempotency_keys",
    ):
        assert seen(as_app, table, Context(rows["tenant"], rows["member"], "member")) == 1, table


def test_nobody_sees_a_row_without_a_context(
    db: Database, as_app: psycopg.Connection[Any], tables: dict[str, dict[str, str]], rows: dict[str, UUID]
) -> None:
    for table in tables:
        assert db.value(f"select count(*) from {table} where tenant_id is not null") > 0, table
        try:
            row = as_app.execute(f"select count(*) from {table} where tenant_id is not null").fetchone()
        except psycopg.errors.InsufficientPrivilege:
            continue
        assert row == (0,), table
