"""The schema: made from nothing, by several at once, and equal to what the code believes it is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from domain.jobs import MOVES
from infra import migrate, seed, tables
from infra.local.cluster import SUPERUSER
from tests import cluster
from tests.conftest import Database


@pytest.fixture
def empty() -> Iterator[str]:
    """An empty database that the owner may migrate."""
    name = f"t_{uuid4().hex}"
    server = cluster.postgres()
    with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute(f'create database "{name}" owner ffp_owner template template0')
        yield server.url(database=name)
        connection.execute(f'drop database "{name}" with (force)')


def test_from_nothing_by_several_at_once(empty: str) -> None:
    assert migrate.current(empty) is None
    with ThreadPoolExecutor(4) as runners:
        list(runners.map(migrate.upgrade, [empty] * 4))
    engine = create_engine(empty.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        newest = ScriptDirectory.from_config(migrate.config(connection)).get_current_head()
    engine.dispose()
    assert migrate.current(empty) == newest
    seed.seed_templates(empty)
    seed.seed_templates(empty)


def test_the_tables_in_code_are_the_tables_in_the_database(db: Database) -> None:
    engine = create_engine(db.superuser_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        config = migrate.config(connection)
        config.attributes["target_metadata"] = tables.metadata
        command.check(config)
    engine.dispose()


def test_the_database_allows_the_same_moves_as_the_domain(db: Database) -> None:
    states = sorted({state for move in MOVES for state in move} | {"failed", "succeeded"})
    allowed = db.rows(
        """select f, t from unnest(%s::text[]) f cross join unnest(%s::text[]) t where app.job_may_move(f, t)""",
        states, states,
    )  # fmt: skip
    assert {(row["f"], row["t"]) for row in allowed} == MOVES


def test_a_published_version_never_changes(db: Database) -> None:
    with pytest.raises(psycopg.Error, match="does not change"):
        db.rows("update templates set content_hash = 'another' where slug = 'low-back-pain'")
    db.rows("alter table templates disable trigger templates_guard")
    db.rows("update templates set content_hash = 'another' where slug = 'low-back-pain'")
    with pytest.raises(ValueError, match=r"low-back-pain .* raise its version"):
        seed.seed_templates(db.owner_url)
