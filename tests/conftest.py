"""Real PostgreSQL, real commits, the application's own role; an emulator for AWS; tokens signed by a key of our own."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from anyio.from_thread import start_blocking_portal
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.testclient import TestClient

from domain.tenancy import Context
from infra import cdn, cognito, objects, pools, queue, ses, settings, video_files
from infra.local import clients
from infra.local.buckets import EXPORTS, VIDEOS
from infra.local.cdn_keys import private_file
from infra.local.cluster import SUPERUSER
from infra.local.emulator import ACCESS_KEY, REGION, SECRET_KEY
from infra.local.queues import ensure_queues
from tests import cluster

KEY_ID = "test-key"
ISSUER = "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_test"
CLIENT_ID = "test-client"
CDN_URL = "http://cdn.example"


# What takes longest with a process of its own for each file, longest first. One of these begun last would be waited for
# by everything else.
FIRST = (
    "local/test_stack", "api/test_conformance", "api/test_audit", "workers/test_crashes", "aws/test_golden_events",
    "api/test_crashes", "workers/test_dead_letter_crashes", "local/test_poison", "api/test_permissions",
    "api/test_templates_own", "api/test_ops_conformance", "aws/test_template", "api/test_erasure",
    "workers/test_import_crashes", "workers/test_bulk_action_crashes", "api/test_openapi", "api/test_invitations",
    "api/test_registration", "cli/test_operations", "workers/test_adaptation", "api/test_tenants", "test_canary",
    "domain/programs/test_mobility_day", "aws/test_snapshots", "api/test_exports", "test_architecture",
)  # fmt: skip
_RANK = {f"tests/{name}.py": rank for rank, name in enumerate(FIRST)}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _RANK.get(item.nodeid.partition("::")[0], len(FIRST)))  # stable: the rest as it was


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        # Told to end, a run ends as by Ctrl-C: it stops its servers, and gives back the memory that their files take.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        cluster.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    cluster.let_go()
    if not hasattr(config, "workerinput"):
        cluster.end()


@dataclass(frozen=True)
class Database:
    """One test's database. `rows` looks past row-level security, for assertions only."""

    name: str
    app_url: str
    relay_url: str
    ops_url: str
    superuser_url: str
    owner_url: str

    def rows(self, query: str, *params: Any) -> list[dict[str, Any]]:
        with cluster.superuser(self.superuser_url, self.name).execute(query, params) as cursor:
            return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *params: Any) -> Any:
        [row] = self.rows(query, *params)
        [value] = row.values()
        return value


def forget() -> None:
    """Settings and connections are kept per process; every test has its own."""
    pools.close()
    settings.queues.cache_clear()
    settings.cognito.cache_clear()
    queue.client.cache_clear()
    cognito.client.cache_clear()
    settings.mail.cache_clear()
    ses.client.cache_clear()
    settings.objects.cache_clear()
    objects.client.cache_clear()
    settings.object_storage.cache_clear()
    video_files.client.cache_clear()
    cdn.forget_keys()


@contextmanager
def fresh_database() -> Iterator[Database]:
    name = f"t_{uuid4().hex}"
    with cluster.cloned(name) as server:
        yield Database(
            name,
            server.url("ffp_app", name),
            server.url("ffp_relay", name),
            server.url("ffp_ops", name),
            server.url(SUPERUSER, name),
            server.url(database=name),
        )


@pytest.fixture
def db(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    with fresh_database() as found:
        monkeypatch.setenv("FFP_DATABASE_URL", found.app_url)
        monkeypatch.setenv("FFP_RELAY_DATABASE_URL", found.relay_url)
        monkeypatch.setenv("FFP_OPS_DATABASE_URL", found.ops_url)
        monkeypatch.setenv("FFP_ADMIN_DATABASE_URL", found.owner_url)
        forget()
        yield found
        forget()


@dataclass(frozen=True)
class Person:
    context: Context
    token: str
    email: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def tenant_id(self) -> UUID:
        return self.context.tenant_id


@pytest.fixture(scope="session")
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def key_server(signing_key: rsa.RSAPrivateKey) -> Iterator[str]:
    """Serves the public key as Cognito does. Returns the endpoint, to which `/<pool>/.well-known/...` is added."""
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing_key.public_key()))
    body = json.dumps({"keys": [public | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]}).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def sign(signing_key: rsa.RSAPrivateKey) -> Callable[..., str]:
    def make(subject: str, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "sub": subject, "iss": ISSUER, "client_id": CLIENT_ID, "token_use": "access", "iat": now, "exp": now + 21_600,
        }  # fmt: skip
        return jwt.encode(claims | changes, signing_key, "RS256", {"kid": KEY_ID})

    return make


def identity_environment(key_server: str) -> dict[str, str]:
    return {
        "FFP_COGNITO_ENDPOINT_URL": key_server,
        "FFP_COGNITO_ISSUER": ISSUER,
        "FFP_COGNITO_USER_POOL_ID": "eu-west-2_test",
        "FFP_COGNITO_CLIENT_ID": CLIENT_ID,
        "FFP_COGNITO_REGISTRATION_CLIENT_ID": "test-registration",
        "FFP_COGNITO_DOMAIN_URL": key_server,
    }


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch, key_server: str) -> None:
    for name, value in identity_environment(key_server).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def person(db: Database, identity: None, sign: Callable[..., str]) -> Callable[..., Person]:
    """Make someone: `person("acme", "member")`. The tenant is made by its first person."""
    return people(db, sign)


def people(db: Database, sign: Callable[..., str]) -> Callable[..., Person]:
    def make(tenant: str, role: str = "member", kind: str = "business", *, review: bool = False) -> Person:
        user_id, subject = uuid4(), str(uuid4())
        email = f"{role}-{user_id.hex[:8]}@{tenant}.example"
        db.rows(
            """insert into tenants (id, slug, name, kind, settings)
               values (gen_random_uuid(), %s, %s, %s, jsonb_build_object('require_assessment_review', %s::boolean))
               on conflict do nothing""",
            tenant, tenant, kind, review,
        )  # fmt: skip
        tenant_id = db.value(
            """with made as (insert into users (tenant_id, id, email, role)
                   select id, %s, %s, %s from tenants where slug = %s returning tenant_id, id)
               insert into identity.principals (sub, tenant_id, user_id) select %s, tenant_id, id from made
               returning tenant_id""",
            user_id, email, role, tenant, subject,
        )  # fmt: skip
        return Person(Context(tenant_id, user_id, role), sign(subject), email)

    return make


@cache
def emulated_sqs() -> Any:
    """One client for all: to make one takes longer than most tests."""
    return clients.sqs(cluster.emulator().url)


def fresh_queues() -> dict[str, str]:
    prefix = f"t{uuid4().hex[:10]}-"
    return ensure_queues(emulated_sqs(), cluster.emulator().url, visibility_s=30, prefix=prefix)


def queue_environment(urls: dict[str, str]) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": cluster.emulator().url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        **{f"FFP_QUEUE_{name.upper()}_URL": urls[name] for name in (*settings.QUEUES, *settings.WEBHOOK_QUEUES)},
        "FFP_BUCKET_EXPORTS": EXPORTS,
        "FFP_MAIL_PER_S": "1000",
        "FFP_BUCKET_VIDEOS": VIDEOS,
        "FFP_CDN_URL": CDN_URL,
        "FFP_CDN_KEYS_FILE": str(private_file(cluster.emulator().directory)),
    }


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """This test's queues and their dead-letter queues, by name."""
    urls = fresh_queues()
    for name, value in queue_environment(urls).items():
        monkeypatch.setenv(name, value)
    settings.queues.cache_clear()
    queue.client.cache_clear()
    cognito.client.cache_clear()
    settings.mail.cache_clear()
    ses.client.cache_clear()
    settings.objects.cache_clear()
    objects.client.cache_clear()
    settings.object_storage.cache_clear()
    video_files.client.cache_clear()
    cdn.forget_keys()
    return urls


@contextmanager
def in_process() -> Iterator[TestClient]:
    """The application as Mangum runs it: without the listener's thread, on one event loop for all its requests."""
    from api.app import create_app

    with start_blocking_portal() as portal, closing(TestClient(create_app(), raise_server_exceptions=False)) as client:
        client.portal = portal
        yield client


@pytest.fixture
def api(db: Database, identity: None, queues: dict[str, str]) -> Iterator[TestClient]:
    with in_process() as client:
        yield client
