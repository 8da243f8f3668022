"""A release before goes on serving while the schema is already the next one's: between the migration and the shift of
traffic, and for as long as both serve. Whatever it may use stays as it was (docs/deploy.md, "Rolling releases").
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from infra import migrate, revisions
from infra.local.cluster import SUPERUSER
from tests import cluster

# What is served somewhere while the next one is made: a step that takes away, in a release of its own, moves it.
RELEASED = "0020"
RUNTIME = ("ffp_app", "ffp_relay", "ffp_ops")
Catalogue = dict[str, dict[str, Any]]
Connection = psycopg.Connection[dict[str, Any]]

# What a runtime role may use, and how: tables and columns by what it may do there, functions by their arguments.
_COLUMNS = """
select n.nspname || '.' || c.relname || '.' || a.attname as name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
       a.attnotnull and not a.atthasdef and a.attidentity = '' as wanted,
       array(select r || ' ' || p from unnest(%(roles)s::text[]) r, unnest('{SELECT,INSERT,UPDATE}'::text[]) p
             where has_column_privilege(r, c.oid, a.attnum, p)
             union select r || ' DELETE' from unnest(%(roles)s::text[]) r where has_table_privilege(r, c.oid, 'DELETE')
            ) as rights
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
where c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
"""
_FUNCTIONS = """
select n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name,
       pg_get_function_result(p.oid) as type,
       coalesce(p.proargnames::text, '') || p.pronargdefaults as called,
       array(select r from unnest(%(roles)s::text[]) r where has_function_privilege(r, p.oid, 'EXECUTE')) as rights
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema')
  and not exists (select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""


def catalogue(connection: Connection) -> Catalogue:
    rows = [
        row
        for query in (_COLUMNS, _FUNCTIONS)
        for row in connection.execute(query, {"roles": list(RUNTIME)}).fetchall()
    ]
    return {row["name"]: row | {"rights": set(row["rights"])} for row in rows if row["rights"]}


def taken_away(before: Catalogue, after: Catalogue) -> list[str]:
    """What a release that knows `before` misses in `after`, one line each."""
    found = []
    for name, was in before.items():
        now = after.get(name)
        if now is None:
            found.append(f"{name} is gone")
            continue
        if now["type"] != was["type"]:
            found.append(f"{name} gives {now['type']}, no more {was['type']}")
        if now.get("called") != was.get("called"):
            found.append(f"{name} has other names or defaults of its arguments")
        found += [f"{name}: no more {right}" for right in sorted(was["rights"] - now["rights"])]
        if now.get("wanted") and not was.get("wanted"):
            found.append(f"{name} may not be left out any more")
    filled = {
        name.rpartition(".")[0]
        for name, was in before.items()
        if any(right.endswith("INSERT") for right in was["rights"])
    }
    for name, now in after.items():
        if now.get("wanted") and name not in before and name.rpartition(".")[0] in filled:
            found.append(f"{name} is new, and may not be left out")
    return sorted(found)


@pytest.fixture(scope="module")
def released() -> Iterator[Connection]:
    """A database as the release before has it."""
    name, server = f"t_{uuid4().hex}", cluster.postgres()
    with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as admin:
        admin.execute(f'create database "{name}" owner ffp_owner template template0')
        migrate.upgrade(server.url(database=name), RELEASED)
        with psycopg.connect(server.url(SUPERUSER, name), autocommit=True, row_factory=dict_row) as connection:
            yield connection
        admin.execute(f'drop database "{name}" with (force)')


def test_the_release_before_finds_everything_it_uses(released: Connection) -> None:
    before = catalogue(released)
    assert {"public.jobs.status", "public.assessments.id"} <= set(before)
    assert any(name.startswith("app.") for name in before)
    url = cluster.postgres().url(database=released.info.dbname)
    migrate.upgrade(url, revisions.plan(RELEASED, "expand").to or RELEASED)
    assert taken_away(before, catalogue(released)) == [], "expand first, contract in a later release: docs/deploy.md"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alter table notifications drop column read_at cascade", "public.notifications.read_at is gone"),
        ("alter table emails alter column address type varchar(400)", "public.emails.address gives character varying"),
        ("revoke insert on jobs from ffp_app", "no more ffp_app INSERT"),
        ("alter table jobs add column whose text not null", "public.jobs.whose is new, and may not be left out"),
        ("drop function app.tenant_id() cascade", "app.tenant_id() is gone"),
    ],
)
def test_what_is_taken_away_is_seen(released: Connection, change: str, said: str) -> None:
    before = catalogue(released)
    with released.transaction(force_rollback=True):
        released.execute(change)
        assert any(said in line for line in taken_away(before, catalogue(released)))
