"""Leaving for good: access ends at once, the rest after a time, and then nothing tells who it was."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from starlette.testclient import TestClient

from domain.jobs import Message
from domain.rights import export_prefix
from infra import cognito, outbox, queue, retention, settings
from infra.local import clients
from infra.local.buckets import EXPORTS
from infra.local.identities import ensure_pool
from tests import cluster, processes
from tests.api.problems import assert_problem
from tests.conftest import Database, Person
from tests.processes import until
from tests.wire import Side, Wire

Make = Callable[..., Any]
NAME = "Zebedee Quixworth"
NOTE = "plover-marker in an answer"
# Rows with the id of somebody who has been erased: what was done, and an id that means nobody. A business's import says
# who started it; its rows, which hold the person's own cells, go.
STAY = {"users", "jobs", "audit_log", "imports", "bulk_actions"}


def erase(api: TestClient, who: Person) -> Any:
    return api.post("/v1/me/erasure", json={"confirm": "erase"}, headers=who.headers)


def status(db: Database, who: Person) -> str:
    return db.value("select status from users where id = %s", who.context.user_id)


def due_now(db: Database) -> None:
    db.rows("update identity.erasures set due_at = now() - interval '1 second'")


def step() -> None:
    """What the sweeper and the relay do in a period."""
    retention.enqueue_erasures()
    outbox.relay(queue.publish, grace_s=0.001)


@pytest.fixture
def pool(queues: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Person, Database], str]]:
    """A real user pool: `pool(who, db)` makes their login there, and workers delete it. Returns the subject."""
    endpoint = cluster.emulator().url
    client = clients.cognito(endpoint)
    made = ensure_pool(client)

    def register(who: Person, db: Database) -> str:
        user = client.admin_create_user(UserPoolId=made.pool_id, Username=who.email, MessageAction="SUPPRESS")["User"]
        subject = next(each["Value"] for each in user["Attributes"] if each["Name"] == "sub")
        db.rows(
            "insert into identity.principals (sub, tenant_id, user_id) values (%s, %s, %s)",
            subject, who.tenant_id, who.context.user_id,
        )  # fmt: skip
        return subject

    register.pool_id = made.pool_id  # type: ignore[attr-defined]
    monkeypatch.setenv("FFP_COGNITO_USER_POOL_ID", made.pool_id)
    return register


def logins(pool: Any) -> set[str]:
    found = clients.cognito(cluster.emulator().url).list_users(UserPoolId=pool.pool_id, Limit=60)["Users"]
    return {each["Username"] for each in found}


@pytest.fixture
def work_with_pool(work: Callable[[], int], pool: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Workers ask the pool, while the API goes on taking the tests' own tokens."""

    def run() -> int:
        with monkeypatch.context() as as_worker:
            as_worker.setenv("FFP_COGNITO_ENDPOINT_URL", cluster.emulator().url)
            settings.cognito.cache_clear()
            cognito.client.cache_clear()
            done = work()
        settings.cognito.cache_clear()
        cognito.client.cache_clear()
        return done

    return run


def tables_with(db: Database, column: str) -> list[str]:
    return [
        row["table"]
        for row in db.rows(
            """select table_schema || '.' || table_name as table from information_schema.columns
               where column_name = %s and table_schema in ('public', 'identity') order by 1""",
            column,
        )
    ]


def rows_of(db: Database, user_id: object) -> set[str]:
    """Tables with a row that names this person in any column of ids."""
    columns = db.rows(
        """select c.table_schema as s, c.table_name as t, c.column_name as c from information_schema.columns c
           where c.table_schema in ('public', 'identity') and c.data_type = 'uuid'"""
    )
    return {
        column["t"]
        for column in columns
        if db.value(f'select count(*) from {column["s"]}.{column["t"]} where "{column["c"]}" = %s', user_id)
    }


def places_of(db: Database, marker: str) -> list[str]:
    """Every column of texts and documents, in the whole database, that holds the marker."""
    columns = db.rows(
        """select c.table_schema as s, c.table_name as t, c.column_name as c from information_schema.columns c
           join information_schema.tables x using (table_schema, table_name)
           where c.table_schema in ('public', 'identity') and x.table_type = 'BASE TABLE'
               and c.data_type in ('text', 'jsonb', 'json', 'character varying', 'ARRAY')"""
    )
    return [
        f"{column['t']}.{column['c']}"
        for column in columns
        if db.value(
            f'select count(*) from {column["s"]}.{column["t"]} where "{column["c"]}"::text ilike %s', f"%{marker}%"
        )
    ]


def _train(api: TestClient, who: Person) -> None:
    """A session that hurt, with a note, and a check-in."""
    found = api.get("/v1/sessions", headers=who.headers).json()
    session, program = found["next_session_id"], found["items"][0]["program_id"]
    at = datetime.now(UTC).isoformat()
    events = [
        {"id": str(uuid4()), "at": at, "type": "exercise_done", "position": 3, "pain_during": 7, "note": NOTE},
        {"id": str(uuid4()), "at": at, "type": "finished"},
    ]
    api.post(f"/v1/sessions/{session}/events", json={"events": events}, headers=who.headers).raise_for_status()
    questions = api.get(f"/v1/programs/{program}/check-ins", headers=who.headers).json()["questions"]
    answers = {each["id"]: "no" for each in questions}
    body = {"answers": answers}
    key = {"Idempotency-Key": str(uuid4())}
    api.post(f"/v1/programs/{program}/check-ins", json=body, headers=who.headers | key).raise_for_status()


@pytest.fixture
def records(api: TestClient, submit: Make, start: Make, work: Make, db: Database) -> Callable[[Person], None]:
    """Rows of a person in every table that can have some, with a name, an address and an answer to look for."""

    def make(who: Person) -> None:
        headers = who.headers
        api.patch("/v1/me", json={"display_name": NAME}, headers=headers | {"If-Match": '"1"'}).raise_for_status()
        consent = {"document": "health_data", "version": "1.0.0", "accepted": True}
        api.post("/v1/me/consents", json=consent, headers=headers).raise_for_status()
        assert submit(who).status_code == 202
        work()
        assert submit(who).status_code == 202
        start(who)
        _train(api, who)
        api.post("/v1/me/exports", headers=headers | {"Idempotency-Key": "export-1"}).raise_for_status()
        work()
        db.rows(
            "update assessments set answers = answers || jsonb_build_object('note', %s::text) where user_id = %s",
            NOTE, who.context.user_id,
        )  # fmt: skip
        for table in ("submissions", "scores"):
            column = "answers" if table == "submissions" else "result"
            db.rows(
                f"update {table} set {column} = {column} || jsonb_build_object('note', %s::text) where user_id = %s",
                NOTE, who.context.user_id,
            )  # fmt: skip
        db.rows(
            """insert into invitations (tenant_id, id, email, name, role, status, invited_by, user_id, expires_at)
               values (%s, gen_random_uuid(), %s, %s, 'member', 'accepted', %s, %s, now())""",
            who.tenant_id, who.email, NAME, who.context.user_id, who.context.user_id,
        )  # fmt: skip
        db.rows(
            """with made as (
                   insert into videos (id, title, language, exercises, media_type, upload_size, upload_id)
                   values (gen_random_uuid(), '', 'en', '{}', '', 1, gen_random_uuid()) returning id)
               insert into video_progress (tenant_id, user_id, video_id, furthest_s) select %s, %s, id, 1 from made""",
            who.tenant_id, who.context.user_id,
        )  # fmt: skip
        api.post("/v1/me/feeds", json={}, headers=headers).raise_for_status()
        db.rows(
            """with own as (select tenant_id, id, user_id from programs where user_id = %s limit 1),
                   told as (insert into reminders (tenant_id, user_id, kind, on_day, subject_id)
                            select tenant_id, user_id, 'session', current_date, id from own)
               insert into reports (tenant_id, id, user_id, program_id)
               select tenant_id, gen_random_uuid(), user_id, id from own""",
            who.context.user_id,
        )
        for column in ("user_id", "email"):  # of a row that names them, and of one that only knows their address
            db.rows(
                f"""with made as (
                       insert into imports (tenant_id, id, created_by, kind, mode, on_duplicate, correlation_id)
                       select tenant_id, gen_random_uuid(), (select id from users u where u.tenant_id = %s
                           order by u.id = %s limit 1), 'members', 'best_effort', 'skip', '' from users where id = %s
                       returning tenant_id, id)
                   insert into import_rows (tenant_id, import_id, number, {column}, cells, status)
                   select tenant_id, id, 2, %s, jsonb_build_array(%s::text, %s::text), 'done' from made""",
                who.tenant_id, who.context.user_id, who.context.user_id,
                who.context.user_id if column == "user_id" else who.email, who.email, NAME,
            )  # fmt: skip
        db.rows(
            """with made as (
                   insert into bulk_actions (tenant_id, id, created_by, action, filter, status, to_do, correlation_id)
                   select tenant_id, gen_random_uuid(), (select id from users u where u.tenant_id = %s
                       order by u.id = %s limit 1), 'archive', '{}', 'completed', 1, '' from users where id = %s
                   returning tenant_id, id)
               insert into bulk_action_members (tenant_id, action_id, number, user_id, status)
               select tenant_id, id, 1, %s, 'done' from made""",
            who.tenant_id, who.context.user_id, who.context.user_id, who.context.user_id,
        )  # fmt: skip
        db.rows(
            """insert into identity.registrations (email, attempt_id, key, body_hash, kind, display_name, tenant_name,
                   tenant_id, user_id) values (%s, gen_random_uuid(), 'k', 'h', 'business', %s, 'acme', %s, %s)""",
            who.email, NAME, who.tenant_id, who.context.user_id,
        )  # fmt: skip

    return make


# --- now ---


def test_access_ends_at_once_and_the_e_mail_takes_it_back(
    api: TestClient, person: Make, work: Make, db: Database, queues: dict[str, str]
) -> None:
    who, stranger = person("acme"), person("globex")
    assert_problem(api.post("/v1/me/erasure", json={}, headers=who.headers), 422, "invalid_request")
    assert_problem(api.post("/v1/me/erasure", json={"confirm": "yes"}, headers=who.headers), 422, "invalid_request")
    answer = erase(api, who)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "erasing"
    assert db.value("select due_at - requested_at = interval '30 days' from identity.erasures")
    assert_problem(api.get("/v1/me", headers=who.headers), 401, "unauthenticated")
    assert api.get("/v1/me", headers=stranger.headers).status_code == 200

    [token] = tokens(db, queues)
    assert token not in str(db.rows("select * from emails")) + str(db.rows("select * from identity.erasure_tokens"))
    assert_problem(api.post("/v1/erasures/cancel", json={"token": "x" * 43}), 404, "not_found")
    assert api.post("/v1/erasures/cancel", json={"token": token}).status_code == 204
    assert api.get("/v1/me", headers=who.headers).status_code == 200
    assert_problem(api.post("/v1/erasures/cancel", json={"token": token}), 404, "not_found")
    actions = [row["action"] for row in db.rows("select action from audit_log order by id")]
    assert actions == ["erasure.requested", "erasure.canceled"]
    due_now(db)
    step()
    assert db.value("select count(*) from jobs where kind = 'erasure'") == 0


def tokens(db: Database, queues: dict[str, str]) -> list[str]:
    """What the e-mails that have gone out carry."""
    from infra.local.mailbox import mails
    from tests.api.conftest import receive
    from workers import sqs

    client = clients.sqs(cluster.emulator().url)
    for record in receive(client, queues["notifications"]):
        assert sqs.handler({"Records": [record]}, None) == {"batchItemFailures": []}
    addresses = {row["address"] for row in db.rows("select address from emails")}
    found = [mail for mail in mails(cluster.emulator().url) if mail.to in addresses]
    return [match[1] for mail in found if (match := re.search(r"token=([\w-]+)", mail.text))]


def test_who_runs_the_business_takes_it_back(api: TestClient, person: Make, db: Database) -> None:
    who, owner = person("acme"), person("acme", "business_owner")
    path = f"/v1/business/members/{who.context.user_id}/restore"
    assert_problem(api.post(path, headers=owner.headers), 404, "not_found")  # nothing to take back
    erase(api, who).raise_for_status()
    for other, problem in (
        (person("acme"), (403, "forbidden")), (person("acme", "clinician"), (403, "forbidden")),
        (person("globex", "business_owner"), (404, "not_found")),
    ):  # fmt: skip
        assert_problem(api.post(path, headers=other.headers), *problem)
    assert status(db, who) == "erasing"
    due_now(db)
    step()  # the job is there, and not begun
    assert api.post(path, headers=owner.headers).status_code == 204
    assert status(db, who) == "active"
    assert api.get("/v1/me", headers=who.headers).status_code == 200
    assert db.value("select status from jobs where kind = 'erasure'") == "canceled"


def test_the_last_owner_stays_while_there_are_others(api: TestClient, person: Make, db: Database) -> None:
    owner, member, removed = person("acme", "business_owner"), person("acme"), person("acme")
    second = person("acme", "business_owner")
    assert erase(api, second).status_code == 202  # another owner is there
    assert_problem(erase(api, owner), 409, "last_owner")
    db.rows("update users set status = 'suspended' where id = %s", member.context.user_id)
    assert_problem(erase(api, owner), 409, "last_owner")
    db.rows("update users set status = 'removed' where id in (%s, %s)", member.context.user_id, removed.context.user_id)
    assert erase(api, owner).status_code == 202
    assert status(db, owner) == "erasing"


# --- then ---


def test_after_it_nothing_tells_who_it_was(
    api: TestClient, person: Make, records: Make, pool: Any, work_with_pool: Make, work: Make, db: Database
) -> None:
    who, neighbour, stranger, clinician = person("acme"), person("acme"), person("globex"), person("acme", "clinician")
    for each in (who, neighbour, stranger):
        records(each)
    subject = pool(who, db)
    api.get("/v1/assessments", headers=clinician.headers)
    before = {each: {t: rows_of(db, each.context.user_id) for t in [0]} for each in (neighbour, stranger)}
    counts = {t: db.value(f"select count(*) from {t} where user_id <> %s", who.context.user_id) for t in mine(db)}
    files = clients.s3(cluster.emulator().url)
    assert files.list_objects_v2(Bucket=EXPORTS, Prefix=prefix(who))["KeyCount"] == 1
    # Every table that has people has some of this one, or the test would not see them go.
    assert set(mine(db)) <= {f"public.{t}" for t in rows_of(db, who.context.user_id)} | {
        f"identity.{t}" for t in rows_of(db, who.context.user_id)
    } | {"identity.erasures", "identity.erasure_tokens"}
    assert all(places_of(db, marker) for marker in (NAME, NOTE, who.email))

    erase(api, who).raise_for_status()
    step()
    work_with_pool()
    assert status(db, who) == "erasing"  # not before its time
    due_now(db)
    step()
    work_with_pool()

    assert db.value("select status from jobs where kind = 'erasure'") == "succeeded"
    assert rows_of(db, who.context.user_id) <= STAY
    for marker in (who.email, NAME, NOTE):
        places = places_of(db, marker)
        if marker == who.email:
            assert places == []
        else:  # the neighbours have the same name and note: only theirs are left
            assert all(_only_others(db, place, marker, who) for place in places), places
    [user] = db.rows("select * from users where id = %s", who.context.user_id)
    assert (user["status"], user["display_name"], user["preferences"]) == ("erased", "", {})
    assert user["email"].endswith("@erased.invalid")
    assert db.value("select count(*) from identity.principals where user_id = %s", who.context.user_id) == 0
    assert subject not in logins(pool)
    assert files.list_objects_v2(Bucket=EXPORTS, Prefix=prefix(who))["KeyCount"] == 0
    assert {row["status"] for row in db.rows("select status from jobs where user_id = %s", who.context.user_id)} <= {
        "succeeded", "failed", "canceled",
    }  # fmt: skip
    assert "user.erased" in {row["action"] for row in db.rows("select action from audit_log")}
    # Everybody else's is as it was.
    for other in (neighbour, stranger):
        assert rows_of(db, other.context.user_id) == before[other][0]
    assert {
        t: db.value(f"select count(*) from {t} where user_id <> %s", who.context.user_id) for t in mine(db)
    } == counts
    assert api.get("/v1/me", headers=neighbour.headers).json()["display_name"] == NAME


def mine(db: Database) -> list[str]:
    return [
        table for table in tables_with(db, "user_id") if table.partition(".")[2] not in {"erasures", "erasure_tokens"}
    ]


def prefix(who: Person) -> str:
    assert who.context.user_id is not None
    return export_prefix(who.tenant_id, who.context.user_id)


def _only_others(db: Database, place: str, marker: str, who: Person) -> bool:
    table, column = place.split(".")
    schema = (
        "identity"
        if table in {t.partition(".")[2] for t in tables_with(db, "user_id") if t.startswith("identity")}
        else "public"
    )
    key = "id" if table == "users" else "user_id"
    return db.value(
        f'select count(*) from {schema}.{table} where "{column}"::text ilike %s and {key} = %s',
        f"%{marker}%", who.context.user_id,
    ) == 0  # fmt: skip


def test_a_replay_after_it_brings_nothing_back(
    api: TestClient, person: Make, submit: Make, work: Make, work_with_pool: Make, db: Database
) -> None:
    who = person("acme")
    waiting, dead = submit(who).json()["id"], submit(who).json()["id"]
    db.rows("update jobs set status = 'running', attempt = 5 where id = %s", dead)
    db.rows("update jobs set status = 'dead' where id = %s", dead)
    db.rows("update jobs set published_at = now()")
    client = clients.sqs(cluster.emulator().url)
    erase(api, who).raise_for_status()
    due_now(db)
    client.purge_queue(QueueUrl=settings.queues().urls["scoring"])
    step()
    work_with_pool()
    after = db.rows("select * from jobs order by id")
    assert {str(row["id"]): row["status"] for row in after if row["kind"] == "assessment"} == {
        waiting: "canceled", dead: "canceled",
    }  # fmt: skip
    queue.publish([Message(who.tenant_id, UUID(job), "scoring", "replay") for job in (waiting, dead)])
    work()
    assert db.rows("select * from jobs order by id") == after
    assert rows_of(db, who.context.user_id) <= STAY
    assert db.value("select count(*) from scores") == 0


def test_an_individual_s_tenant_goes_with_them(
    api: TestClient, person: Make, records: Make, work_with_pool: Make, db: Database
) -> None:
    who = person("solo", "individual", "individual")
    other = person("globex")
    records(who)
    db.rows("update tenants set name = %s, slug = %s where id = %s", NAME, who.email, who.tenant_id)
    db.rows(
        """insert into templates (id, tenant_id, slug, version, content_hash, document, status)
           select gen_random_uuid(), %s, 'own', '1.0.0', 'h', jsonb_build_object('by', %s::text), 'draft'""",
        who.tenant_id, NAME,
    )  # fmt: skip
    erase(api, who).raise_for_status()
    due_now(db)
    step()
    work_with_pool()
    for marker in (NAME, NOTE, who.email):
        assert places_of(db, marker) == []
    [tenant] = db.rows("select * from tenants where id = %s", who.tenant_id)
    assert (tenant["name"], tenant["settings"], tenant["slug"]) == ("", {}, f"erased-{who.tenant_id}")
    assert db.value("select name from tenants where id = %s", other.tenant_id) == "globex"


def test_the_last_owner_s_business_ends_with_those_it_had(
    api: TestClient, person: Make, records: Make, work_with_pool: Make, db: Database
) -> None:
    owner, former = person("acme", "business_owner"), person("acme")
    records(former)
    db.rows("update users set status = 'removed' where id = %s", former.context.user_id)
    erase(api, owner).raise_for_status()
    due_now(db)
    step()
    work_with_pool()
    assert (status(db, owner), status(db, former)) == ("erased", "erasing")
    step()
    work_with_pool()
    assert status(db, former) == "erased"
    assert db.value("select name from tenants where id = %s", owner.tenant_id) == ""
    assert rows_of(db, former.context.user_id) <= STAY


def test_the_functions_erase_only_whom_it_is_due_for(person: Make, api: TestClient, db: Database) -> None:
    who, asked, stranger = person("acme"), person("acme"), person("globex")
    erase(api, asked).raise_for_status()
    with psycopg.connect(db.app_url, autocommit=True) as connection:
        for target in (who, asked, stranger):
            for tenant in (who.tenant_id, stranger.tenant_id):
                rows = connection.execute(
                    "select * from app.begin_erasure(%s, null, 'worker', %s)", (tenant, target.context.user_id)
                ).fetchall()
                assert rows == []
                with pytest.raises(psycopg.Error) as refused:
                    connection.execute(
                        "select app.erase_person(%s, null, 'worker', %s, 100)", (tenant, target.context.user_id)
                    )
                assert refused.value.sqlstate == "FF404"
        for function in ("undo_erasure(null, null, null, null, null)", "close_tenant(null)", "enqueue_erasures(1)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select app.{function}")
    assert {status(db, each) for each in (who, stranger)} == {"active"}
    for url in (db.app_url, db.relay_url, db.ops_url):
        with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from identity.erasures")


def test_a_long_record_goes_in_parts(
    api: TestClient, person: Make, records: Make, work_with_pool: Make, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers import rights

    who = person("acme")
    records(who)
    monkeypatch.setattr(rights, "_ROWS", 7)
    erase(api, who).raise_for_status()
    due_now(db)
    step()
    work_with_pool()
    assert rows_of(db, who.context.user_id) <= STAY


# --- a worker is killed ---

POINTS: list[tuple[str, bytes, Side]] = [
    ("database", b"app.begin_erasure", "after"),
    ("identity", b"AdminDeleteUser", "before"),
    ("identity", b"AdminDeleteUser", "after"),
    ("storage", b"GET /ffp-exports", "after"),
    ("storage", b"POST /ffp-exports", "after"),
    ("database", b"app.erase_person", "before"),
    ("database", b"app.erase_person", "after"),
    ("database", b"app.finish_job", "after"),
]
SAMPLE = {2, 6}


@pytest.mark.parametrize(
    ("where", "what", "side"),
    [
        pytest.param(
            *point, id=f"{point[1].decode().split()[0]}-{point[2]}", marks=() if n in SAMPLE else pytest.mark.long
        )
        for n, point in enumerate(POINTS)
    ],
)
def test_a_killed_worker_s_erasure_is_finished(
    where: str, what: bytes, side: Side, tmp_path: Path, api: TestClient, person: Make, records: Make, pool: Any,
    db: Database, monkeypatch: pytest.MonkeyPatch, queues: dict[str, str],
) -> None:  # fmt: skip
    for name, value in {
        "FFP_LEASE_S": "1.5", "FFP_VISIBILITY_S": "2", "FFP_RELAY_PERIOD_S": "0.3", "FFP_RELAY_GRACE_S": "0.5",
        "FFP_REPUBLISH_AFTER_S": "3",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    clients.sqs(cluster.emulator().url).set_queue_attributes(
        QueueUrl=queues["bulk"], Attributes={"VisibilityTimeout": "2"}
    )
    who = person("acme")
    records(who)
    subject = pool(who, db)
    emulator = cluster.emulator().url
    database = db.app_url.rpartition("@")[2].partition("/")[0]
    host, _, port = (database if where == "database" else emulator.partition("//")[2]).partition(":")
    erase(api, who).raise_for_status()
    due_now(db)
    with Wire(host, int(port)) as wire:
        hold = wire.hold(what, side)
        through = {
            "database": {"FFP_DATABASE_URL": db.app_url.replace(database, f"127.0.0.1:{wire.port}")},
            "storage": {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{wire.port}"},
            "identity": {"FFP_COGNITO_ENDPOINT_URL": f"http://127.0.0.1:{wire.port}"},
        }[where]
        step()
        with processes.worker(
            tmp_path, **{"FFP_RELAY": "off", "FFP_COGNITO_ENDPOINT_URL": emulator} | through
        ) as victim:
            assert hold.reached.wait(200), victim.said()
            victim.kill()
        wire.cut()
    with processes.worker(tmp_path, FFP_COGNITO_ENDPOINT_URL=emulator) as heir:
        until(lambda: db.value("select status = 'succeeded' from jobs where kind = 'erasure'"), 30, heir.said)
    assert rows_of(db, who.context.user_id) <= STAY
    for marker in (NAME, NOTE, who.email):
        assert places_of(db, marker) == []
    assert subject not in logins(pool)
    assert clients.s3(emulator).list_objects_v2(Bucket=EXPORTS, Prefix=prefix(who))["KeyCount"] == 0


# --- retention ---


def test_what_is_kept_long_enough_goes(api: TestClient, person: Make, records: Make, db: Database) -> None:
    who = person("acme")
    records(who)
    keep = settings.retention()
    assert not any(retention.prune(keep).values())
    db.rows("update notifications set read_at = now() - interval '181 days'")
    db.rows("update emails set created_at = now() - interval '91 days'")
    db.rows("update attempts set started_at = now() - interval '31 days'")
    kept = db.value(
        """select count(*) from attempts a join jobs j on j.id = a.job_id where j.status not in ('succeeded', 'failed', 'canceled')"""
    )
    db.rows("update reminders set created_at = now() - interval '61 days'")
    db.rows("update bulk_action_members set created_at = now() - interval '31 days'")
    over = ("notifications", "emails", "attempts", "reminders", "bulk_action_members")
    counts = {t: db.value(f"select count(*) from {t}") for t in over}
    assert all(counts.values())
    pruned = retention.prune(keep, most=1)
    assert pruned == {
        "notifications": 1, "emails": 1, "attempts": 1, "exports": 0, "import_rows": 0, "bulk_action_members": 1,
        "reports": 0, "reminders": 1,
    }  # fmt: skip
    while any(retention.prune(keep).values()):
        pass
    assert {t: db.value(f"select count(*) from {t}") for t in counts} == {
        "notifications": 0, "emails": 0, "attempts": kept, "reminders": 0, "bulk_action_members": 0,
    }  # fmt: skip


def test_the_relay_s_role_deletes_nothing_before_its_time(
    api: TestClient, person: Make, records: Make, db: Database
) -> None:
    records(person("acme"))
    db.rows("update notifications set read_at = now() - interval '29 days'")
    with psycopg.connect(db.relay_url, autocommit=True) as connection:
        for table in ("notifications", "emails", "attempts", "exports", "reports", "reminders", "bulk_action_members"):
            before = db.value(f"select count(*) from {table}")
            assert before
            assert connection.execute(f"delete from {table}").rowcount == 0
            assert db.value(f"select count(*) from {table}") == before
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from submissions")


def test_periods_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.erasure_delay_s() == 30 * 86_400
    monkeypatch.setenv("FFP_RETENTION_EMAILS_DAYS", "45")
    assert settings.retention().emails == 45
    for name, value in (
        ("FFP_RETENTION_EMAILS_DAYS", "1"),
        ("FFP_ERASURE_DELAY_S", "-1"),
        ("FFP_ERASURE_DELAY_S", "soon"),
    ):
        with monkeypatch.context() as wrong:
            wrong.setenv(name, value)
            with pytest.raises(settings.SettingMissing, match=name):
                settings.retention()
                settings.erasure_delay_s()
