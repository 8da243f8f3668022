"""Signing in to PostgreSQL with a token of IAM, against the tests' own server behind a stand-in for RDS."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.session
import psycopg
import pytest
from cryptography import x509
from sqlalchemy import create_engine, text

from domain.errors import Unavailable
from infra import background, migrate, pools, sign_in
from tests import cluster
from tests.aws.rds import Front, front, opinion
from tests.conftest import Database, forget

KEY, SECRET, SESSION = "ASIAQWERTYUIOPASDFGH", "a secret of the role", "a session/token+of=it"
SIGNED_IN = "select session_user::text as who"


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The credentials that Lambda gives a function."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    sign_in.forget()
    yield
    sign_in.forget()


@pytest.fixture
def rds(tmp_path: Path, db: Database, role: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """The test's database behind it; URLs as the template writes them, and the authority among those we trust."""
    with front(tmp_path, cluster.postgres().url, {KEY: SECRET}) as made:
        for name, who in (("FFP_DATABASE_URL", "ffp_app"), ("FFP_RELAY_DATABASE_URL", "ffp_relay")):
            monkeypatch.setenv(name, f"postgresql://{who}@localhost:{made.port}/{db.name}?sslmode=verify-full")
        bundle = tmp_path / "rds.pem"
        bundle.write_text(sign_in.AUTHORITIES.read_text() + made.authority.read_text())
        monkeypatch.setattr(sign_in, "AUTHORITIES", bundle)
        forget()
        yield made
        forget()


def test_every_new_connection_signs_in_with_a_token_of_its_own(rds: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFP_POOL_SIZE", "1")
    for _ in range(3):
        with pools.pool().connection() as raw:
            assert raw.execute(SIGNED_IN).fetchall() == [{"who": "ffp_app"}]
    assert [verdict for _, _, verdict in rds.tokens] == ["good"]  # one connection, asked once
    rds.secrets[KEY] = "another"  # credentials of roles change: a token that was kept would be refused
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    sign_in.forget()
    with pools.pool().connection() as raw:
        raw.close()  # as if the server had ended it
    with pools.pool().connection() as raw:
        assert raw.execute("show statement_timeout").fetchall() == [{"statement_timeout": "8s"}]
    with background.connected("relay") as connection:
        assert connection.execute(SIGNED_IN).fetchall() == [{"who": "ffp_relay"}]
    assert [(user, verdict) for user, _, verdict in rds.tokens] == [
        ("ffp_app", "good"), ("ffp_app", "good"), ("ffp_relay", "good"),
    ]  # fmt: skip


def test_credentials_that_have_changed_are_used_at_once(rds: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a snapshot is continued: the environment has others, and a refused token would be a failed request."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the environment that made the snapshot")
    with pytest.raises(Unavailable), background.connected("relay"):
        pytest.fail("signed in with another's secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    sign_in.forget()
    with background.connected("relay") as connection:
        assert connection.info.user == "ffp_relay"
    assert [verdict for _, _, verdict in rds.tokens] == ["signed by another", "good"]


@pytest.mark.parametrize(
    "changed", [{"sslmode": "disable"}, {"host": "127.0.0.1"}, {"sslrootcert": str(sign_in.AUTHORITIES)}]
)
def test_no_token_leaves_for_a_server_that_cannot_prove_who_it_is(rds: Front, changed: dict[str, str]) -> None:
    """In clear, under another name, by an authority that is none of RDS's."""
    url = f"postgresql://ffp_app@localhost:{rds.port}/ffp?sslmode=verify-full"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, **(sign_in.parameters(url) | changed))
    assert rds.tokens == []


def test_the_token_is_the_one_that_botocore_makes(role: None) -> None:
    url = "postgresql://ffp_app@database.example:5433/ffp?sslmode=verify-full"
    client: Any = botocore.session.get_session().create_client("rds", region_name="eu-west-2")
    theirs = client.generate_db_auth_token("database.example", 5433, "ffp_app")
    given = sign_in.parameters(url)
    assert given["sslrootcert"] == str(sign_in.AUTHORITIES)
    ours = given["password"]
    for token in (ours, theirs):
        assert opinion(token, "ffp_app", 5433, {KEY: SECRET}) == "for another server"
    moved = [token.replace("database.example", "localhost") for token in (ours, theirs)]
    assert {opinion(token, "ffp_app", 5433, {KEY: SECRET}) for token in moved} == {"signed by another"}
    assert ours.partition("?")[0] == theirs.partition("?")[0] == "database.example:5433/"
    ours, theirs = parse_qs(urlsplit(f"//{ours}").query), parse_qs(urlsplit(f"//{theirs}").query)
    assert set(ours) == set(theirs)
    assert {name for name in ours if ours[name] != theirs[name]} <= {"X-Amz-Date", "X-Amz-Signature"}
    assert ours["X-Amz-Security-Token"] == [SESSION]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ffp_app:a-password@localhost/ffp?sslmode=verify-full",
        "postgresql://ffp_app@127.0.0.1/ffp",
        "postgresql://ffp_app@localhost/ffp?sslmode=require",
    ],
)
def test_a_password_or_a_server_that_is_not_checked_gets_no_token(url: str, role: None) -> None:
    assert sign_in.parameters(url) == {}


def test_without_credentials_the_database_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    sign_in.forget()
    with pytest.raises(Unavailable):
        sign_in.parameters("postgresql://ffp_app@localhost/ffp?sslmode=verify-full")


def test_the_authorities_of_rds_are_what_they_say_and_outlive_us() -> None:
    certificates = x509.load_pem_x509_certificates(sign_in.AUTHORITIES.read_bytes())
    for each in certificates:
        each.verify_directly_issued_by(each)
        assert each.not_valid_after_utc > datetime(2030, 1, 1, tzinfo=UTC)
        assert each.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = [each.subject.rfc4514_string() for each in certificates]
    assert sum("eu-west-2 Root CA" in name for name in names) == 3
    context = ssl.create_default_context(cafile=str(sign_in.AUTHORITIES))
    assert len(context.get_ca_certs()) == len(certificates)


def test_migrations_let_the_application_s_roles_sign_in_by_token(db: Database) -> None:
    """Where there is a role rds_iam, which RDS makes. Roles are the whole server's: nothing of this is committed."""
    engine = create_engine(db.superuser_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        connection.execute(text("create role rds_iam nologin"))
        migrate._ensure_roles(connection)
        members = connection.scalars(
            text(
                """select m.rolname from pg_auth_members join pg_roles m on m.oid = member
                   join pg_roles g on g.oid = roleid where g.rolname = 'rds_iam'"""
            )
        )
        assert set(members) >= {"ffp_app", "ffp_ops", "ffp_relay"}
        connection.rollback()
    engine.dispose()


def test_the_administrator_s_password_comes_from_its_secret(
    db: Database, queues: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    import boto3

    password = "p@ss/word?&#%"
    kept: Any = boto3.client("secretsmanager").create_secret(
        Name=f"rds-{db.name}", SecretString=json.dumps({"username": "ffp_admin", "password": password})
    )
    monkeypatch.setenv("FFP_ADMIN_DATABASE_URL", "postgresql://ffp_admin@db.example:5433/ffp?sslmode=verify-full")
    monkeypatch.setenv("FFP_ADMIN_CREDENTIALS_ARN", kept["ARN"])
    parts = psycopg.conninfo.conninfo_to_dict(sign_in.administrator_url())
    assert (parts["user"], parts["password"], parts["host"], parts["port"]) == (
        "ffp_admin",
        password,
        "db.example",
        "5433",
    )
    assert (parts["sslmode"], parts["sslrootcert"]) == ("verify-full", str(sign_in.AUTHORITIES))
    monkeypatch.delenv("FFP_ADMIN_CREDENTIALS_ARN")
    assert sign_in.administrator_url() == "postgresql://ffp_admin@db.example:5433/ffp?sslmode=verify-full"
