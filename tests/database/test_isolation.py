"""Two tenants on the same connection, as the application's own role."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from domain.errors import Unavailable
from domain.tenancy import Context
from infra import pools
from infra.database import unit_of_work
from tests import cluster
from tests.conftest import Database, Person

Row = dict[str, object]


@pytest.fixture
def as_app(db: Database) -> Iterator[psycopg.Connection[Row]]:
    with psycopg.connect(db.app_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def set_context(connection: psycopg.Connection[Row], context: Context) -> None:
    connection.execute("select app.set_context(%s, %s, %s)", (context.tenant_id, context.user_id, context.role))


def an_assessment(db: Database, who: Person) -> UUID:
    assessment_id = uuid4()
    db.rows(
        """insert into assessments (tenant_id, id, user_id, template_id, answers)
           select %s, %s, %s, id, '{"nprs_now": 7}' from templates where slug = 'low-back-pain'""",
        who.context.tenant_id, assessment_id, who.context.user_id,
    )  # fmt: skip
    return assessment_id


def test_without_a_context_there_are_no_rows(
    db: Database, as_app: psycopg.Connection[Row], person: Callable[..., Person]
) -> None:
    acme = person("acme")
    an_assessment(db, acme)
    assert as_app.execute("select * from assessments").fetchall() == []
    with as_app.transaction():
        set_context(as_app, acme.context)
        assert len(as_app.execute("select * from assessments").fetchall()) == 1
    # After such a transaction the setting is '' and not null: still no rows, and no error.
    assert as_app.execute("select * from assessments").fetchall() == []
    assert as_app.execute("select count(*) from templates where tenant_id is null").fetchone() != {"count": 0}


def test_the_context_ends_with_its_transaction_even_inside_savepoints(
    db: Database, as_app: psycopg.Connection[Row], person: Callable[..., Person]
) -> None:
    acme = person("acme")
    an_assessment(db, acme)
    with as_app.transaction():
        with as_app.transaction():
            set_context(as_app, acme.context)
        assert len(as_app.execute("select * from assessments").fetchall()) == 1
    assert as_app.execute("select * from assessments").fetchall() == []
    with pytest.raises(RuntimeError), as_app.transaction():
        set_context(as_app, acme.context)
        raise RuntimeError
    assert as_app.execute("select * from assessments").fetchall() == []


def test_a_row_of_another_tenant_cannot_be_read_changed_or_written(
    db: Database, as_app: psycopg.Connection[Row], person: Callable[..., Person]
) -> None:
    acme, globex = person("acme", "business_owner"), person("globex", "business_owner")
    theirs = an_assessment(db, acme)
    with as_app.transaction():
        set_context(as_app, globex.context)
        assert as_app.execute("select * from assessments where id = %s", (theirs,)).fetchall() == []
        assert as_app.execute("update assessments set answers = '{}' where id = %s", (theirs,)).rowcount == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_app.transaction():
        set_context(as_app, globex.context)
        as_app.execute(
            "insert into assessments (tenant_id, id, user_id, template_id) select %s, %s, %s, id from templates limit 1",
            (acme.context.tenant_id, uuid4(), acme.context.user_id),
        )
    with pytest.raises(psycopg.errors.ForeignKeyViolation), as_app.transaction():
        set_context(as_app, globex.context)
        as_app.execute(
            "insert into assessments (tenant_id, id, user_id, template_id) select %s, %s, %s, id from templates limit 1",
            (globex.context.tenant_id, uuid4(), globex.context.user_id),
        )
        as_app.execute(
            """insert into jobs (tenant_id, id, user_id, kind, assessment_id, correlation_id)
               values (%s, %s, %s, 'assessment', %s, 'c')""",
            (globex.context.tenant_id, uuid4(), globex.context.user_id, theirs),
        )


def test_a_template_of_another_tenant_is_not_there(
    db: Database, as_app: psycopg.Connection[Row], person: Callable[..., Person]
) -> None:
    acme, globex = person("acme", "business_owner"), person("globex", "business_owner")
    template = uuid4()
    db.rows(
        """insert into templates (id, tenant_id, slug, version, content_hash, document, status)
           values (%s, %s, 'ours', '1.0.0', 'x', '{}', 'published')""",
        template, acme.context.tenant_id,
    )  # fmt: skip
    with as_app.transaction():
        set_context(as_app, globex.context)
        assert as_app.execute("select * from templates where id = %s", (template,)).fetchall() == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_app.transaction():
        set_context(as_app, globex.context)
        as_app.execute(
            "insert into assessments (tenant_id, id, user_id, template_id) values (%s, %s, %s, %s)",
            (globex.context.tenant_id, uuid4(), globex.context.user_id, template),
        )


@pytest.mark.parametrize(
    ("role", "sees"),
    [("member", 1), ("individual", 1), ("clinician", 2), ("business_owner", 2), ("business_admin", 2), ("nobody", 1)],
)
def test_members_see_their_own_rows_and_staff_the_tenant(
    db: Database, as_app: psycopg.Connection[Row], person: Callable[..., Person], role: str, sees: int
) -> None:
    me, other = person("acme"), person("acme")
    an_assessment(db, me)
    an_assessment(db, other)
    with as_app.transaction():
        set_context(as_app, Context(me.context.tenant_id, me.context.user_id, role))
        assert len(as_app.execute("select * from assessments").fetchall()) == sees


def test_the_relay_sees_job_metadata_and_nothing_of_a_person(db: Database, person: Callable[..., Person]) -> None:
    an_assessment(db, person("acme"))
    with psycopg.connect(db.relay_url, autocommit=True) as relay:
        assert relay.execute("select id, status from jobs").fetchall() == []
        for table in ("assessments", "submissions", "scores", "programs", "users", "audit_log"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                relay.execute(f"select * from {table}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            relay.execute("select user_id from jobs")


def test_what_is_immutable_cannot_be_changed_by_the_application(as_app: psycopg.Connection[Row]) -> None:
    for table in ("submissions", "scores", "audit_log"):
        for statement in (f"update {table} set tenant_id = tenant_id", f"delete from {table}", f"truncate {table}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                as_app.execute(statement)


def test_a_unit_of_work_carries_nothing_to_the_next(
    db: Database, person: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the one pooled connection: work as acme, fail half-way, then as globex."""
    monkeypatch.setenv("FFP_POOL_SIZE", "1")
    acme, globex = person("acme", "business_owner"), person("globex", "business_owner")
    theirs = an_assessment(db, acme)
    for _ in range(3):
        with unit_of_work(acme.context) as uow:
            assert uow.assessments.read(theirs).id == theirs
        with pytest.raises(RuntimeError), unit_of_work(acme.context) as uow:
            uow.assessments.save(theirs, 1, {"nprs_now": 1})
            raise RuntimeError
        with pytest.raises(Exception, match="no such resource"), unit_of_work(globex.context) as uow:
            uow.assessments.read(theirs)
    assert db.value("select answers ->> 'nprs_now' from assessments") == "7"
    assert pools.pool().get_stats()["pool_size"] == 1


def test_a_unit_of_work_whose_failure_was_caught_does_not_pass_for_committed(
    db: Database, person: Callable[..., Person]
) -> None:
    """PostgreSQL makes a rollback of such a commit, and calls that no error."""
    acme = person("acme")
    statement = "update users set display_name = 'lost' where tenant_id = %s returning id"
    with pytest.raises(RuntimeError, match="nothing of it was committed"), unit_of_work(acme.context) as uow:
        assert uow._connection.execute(statement, (acme.tenant_id,))
        with suppress(psycopg.Error):
            uow._connection.execute("select 1 / 0")
    with pytest.raises(Unavailable), unit_of_work(acme.context) as uow:
        assert uow._connection.execute(statement, (acme.tenant_id,))
        with suppress(psycopg.Error):
            uow._connection.execute("select pg_terminate_backend(pg_backend_pid())")
    assert db.rows("select 1 from users where display_name = 'lost'") == []


def test_a_unit_of_work_that_has_committed_takes_no_more(db: Database, person: Callable[..., Person]) -> None:
    acme = person("acme")
    with unit_of_work(acme.context) as uow:
        uow.jobs.mark_published(uuid4(), "scoring")
        with pytest.raises(RuntimeError, match="committed"):
            uow.jobs.read(uuid4())


def test_a_refused_row_is_not_repeated_in_the_servers_log(
    as_app: psycopg.Connection[Row], person: Callable[..., Person]
) -> None:
    acme = person("acme")
    with pytest.raises(psycopg.errors.CheckViolation), as_app.transaction():
        set_context(as_app, acme.context)
        as_app.execute(
            """insert into assessments (tenant_id, id, user_id, template_id, status, answers)
               select %s, %s, %s, id, 'nonsense', %s from templates limit 1""",
            (acme.context.tenant_id, uuid4(), acme.context.user_id, '{"note": "canary-8217"}'),
        )
    log = cluster.postgres().log.read_text()
    assert "assessments_status_check" in log
    assert "canary-8217" not in log


def test_rows_are_kept_of_the_tenants_own_imports_only(
    as_app: psycopg.Connection[Row], db: Database, person: Callable[..., Person]
) -> None:
    """What a foreign key would say, once a statement."""
    acme, globex = person("acme", role="business_owner"), person("globex", role="business_owner")
    made = uuid4()
    db.rows(
        """insert into imports (tenant_id, id, created_by, kind, mode, on_duplicate, correlation_id)
           values (%s, %s, %s, 'members', 'best_effort', 'skip', 'c')""",
        acme.tenant_id, made, acme.context.user_id,
    )  # fmt: skip
    keep = "insert into import_rows (tenant_id, import_id, number, cells, status) values (%s, %s, 1, '[]', 'pending')"
    for who, import_id in ((acme, uuid4()), (globex, made)):
        with pytest.raises(psycopg.errors.ForeignKeyViolation), as_app.transaction():
            set_context(as_app, who.context)
            as_app.execute(keep, (who.tenant_id, import_id))
    with as_app.transaction():
        set_context(as_app, acme.context)
        as_app.execute(keep, (acme.tenant_id, made))
    assert db.value("select count(*) from import_rows") == 1
