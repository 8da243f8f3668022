"""What the token check, the membership and the throttle add to a poll, and how exact the throttle is.

    .venv/bin/python benchmarks/throttle.py [--polls 3000] [--seconds 60]

In this process, as on Lambda (routes inline, no socket of HTTP), against a durable PostgreSQL of its own. The poll
without them is the same application with constants in their places; the two take turns, so that a change of
the machine's mood meets both. Then eight clients ask for one tenant as fast as they can, at 1000 a minute.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import jwt
import psycopg
from cryptography.hazmat.primitives.asymmetric import rsa

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from api import inline  # noqa: E402

inline.install()

from api.app import create_app  # noqa: E402
from domain.tenancy import Context, Principal  # noqa: E402
from infra import database, membership, migrate, pools, seed, tokens  # noqa: E402
from infra.local.cluster import SUPERUSER  # noqa: E402
from infra.local.postgres import EmbeddedPostgres  # noqa: E402

CLIENTS = 8
PER_MINUTE = 1000
ISSUER = "https://issuer.example/pool"


class Signer:
    """Access tokens, and the endpoint with the key that they are checked by."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        body = json.dumps({"keys": [public | {"kid": "k", "use": "sig", "alg": "RS256"}]}).encode()

        class Keys(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
        Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"

    def token(self, subject: str) -> str:
        now = int(time.time())
        claims = {"sub": subject, "iss": ISSUER, "client_id": "c", "token_use": "access", "iat": now, "exp": now + 3600}
        return jwt.encode(claims, self._key, "RS256", {"kid": "k"})


class Tenant:
    """A tenant with one member and one job, to poll."""

    def __init__(self, url: str, per_minute: int) -> None:
        self.id, self.user_id, self.subject, self.job_id = uuid4(), uuid4(), str(uuid4()), uuid4()
        assessment = uuid4()
        with psycopg.connect(url) as connection:
            for query, params in (
                (
                    """insert into tenants (id, slug, name, kind, requests_per_minute)
                       values (%s, %s, 'T', 'business', %s)""",
                    (self.id, self.id.hex, per_minute),
                ),
                (
                    "insert into users (tenant_id, id, email, role) values (%s, %s, 'a@b.example', 'member')",
                    (self.id, self.user_id),
                ),
                (
                    "insert into identity.principals (sub, tenant_id, user_id) values (%s, %s, %s)",
                    (self.subject, self.id, self.user_id),
                ),
                (
                    """insert into assessments (tenant_id, id, user_id, template_id)
                       select %s, %s, %s, id from templates where slug = 'low-back-pain'""",
                    (self.id, assessment, self.user_id),
                ),
                (
                    """insert into jobs (tenant_id, id, user_id, kind, assessment_id, correlation_id)
                       values (%s, %s, %s, 'assessment', %s, 'benchmark')""",
                    (self.id, self.job_id, self.user_id, assessment),
                ),
            ):
                connection.execute(query, params)

    @property
    def context(self) -> Context:
        return Context(self.id, self.user_id, "member")


def measure_poll(tenant: Tenant, token: str, polls: int) -> None:
    app = create_app()
    scope = {
        "type": "http", "method": "GET", "path": f"/v1/jobs/{tenant.job_id}", "query_string": b"",
        "http_version": "1.1", "raw_path": b"", "root_path": "", "scheme": "https", "server": ("x", 443),
        "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"x"), (b"authorization", b"Bearer " + token.encode())],
    }  # fmt: skip
    verified = tokens.verify(token)
    known = membership.Admission(Principal(tenant.subject, "member", tenant.id, tenant.user_id), None, 0)
    # Not by FastAPI's overrides: with any, it reads the signature of every dependency again for every request.
    ways: dict[bool, tuple[Any, Any]] = {
        True: (tokens.verify, membership.open_request),
        False: (lambda _: verified, lambda *_: known),
    }

    async def poll(*, checked: bool) -> float:
        tokens.verify, membership.open_request = ways[checked]
        status = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, object]) -> None:
            status.append(message.get("status"))

        began = time.perf_counter()
        await app(dict(scope), receive, send)  # type: ignore[arg-type]
        took = time.perf_counter() - began
        assert status[0] == 200, status
        return took

    async def turns() -> tuple[list[float], list[float]]:
        for _ in range(200):
            await poll(checked=True)
            await poll(checked=False)
        took: dict[bool, list[float]] = {True: [], False: []}
        for number in range(polls):
            for kind in (True, False) if number % 2 else (False, True):
                took[kind].append(await poll(checked=kind))
        tokens.verify, membership.open_request = ways[True]
        return took[True], took[False]

    checked, bare = asyncio.run(turns())
    now = int(time.time())
    parts = {
        "token check": lambda: tokens.verify(token),
        "membership + throttle, one statement": lambda: membership.open_request(tenant.subject, now),
        "the same statement without the throttle": lambda: _without_throttle(tenant.subject, now),
        "the poll's own statement": lambda: _read(tenant),
    }
    print(f"poll, checked                              {micros(checked)}")
    print(f"poll, nobody asked                         {micros(bare)}")
    added = quick(checked) - quick(bare)
    print(f"added, by the quickest tenths              {added * 1e6:6.0f} us, {quick(checked) / quick(bare):.2f} x\n")
    for name, do in parts.items():
        print(f"{name:42} {micros([timed(do) for _ in range(polls)])}")


def _without_throttle(subject: str, now: int) -> None:
    with pools.pool().connection() as raw:
        raw.execute("select * from app.open_request(%s, %s, false)", (subject, now)).fetchone()


def _read(tenant: Tenant) -> None:
    with database.unit_of_work(tenant.context) as uow:
        uow.jobs.read(tenant.job_id)


def timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def quantile(samples: list[float], share: float) -> float:
    return sorted(samples)[int(len(samples) * share)]


def quick(samples: list[float]) -> float:
    """What it takes where nobody else has the processor: on a busy machine the median is the neighbours'."""
    return quantile(samples, 0.1)


def micros(samples: list[float]) -> str:
    return "  ".join(f"p{share * 100:.0f} {quantile(samples, share) * 1e6:5.0f} us" for share in (0.1, 0.5, 0.95))


def measure_exactness(tenant: Tenant, seconds: float) -> None:
    membership.open_request(tenant.subject, int(time.time()))
    with psycopg.connect(os.environ["FFP_SUPERUSER_URL"]) as connection:
        connection.execute("delete from identity.buckets")
    began = time.monotonic()

    def client(_: int) -> tuple[int, int]:
        taken = asked = 0
        while time.monotonic() < began + seconds:
            admission = membership.open_request(tenant.subject, int(time.time()))
            assert admission is not None
            asked += 1
            taken += admission.token is not None and not admission.retry_after_s
        return taken, asked

    with ThreadPoolExecutor(CLIENTS) as clients:
        counts = list(clients.map(client, range(CLIENTS)))
    elapsed = time.monotonic() - began
    taken, asked = (sum(column) for column in zip(*counts, strict=True))
    expected = PER_MINUTE + elapsed * PER_MINUTE / 60
    print(f"\n{CLIENTS} clients, {elapsed:.1f} s: {asked} asked ({asked / elapsed:.0f}/s), {taken} let in,")
    print(f"allowed {expected:.1f} (1000 at once, then 1000 a minute): {taken / expected - 1:+.3%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polls", type=int, default=3000, help="polls of each kind (default 3000)")
    parser.add_argument("--seconds", type=float, default=60, help="how long eight clients ask (default 60)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ffp-benchmark-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name)) as server:
            migrate.upgrade(server.url())
            seed.seed_templates(server.url())
            server.set_passwords(("ffp_app",))
            signer = Signer()
            os.environ |= {
                "FFP_DATABASE_URL": server.url("ffp_app"),
                "FFP_SUPERUSER_URL": server.url(SUPERUSER),
                "FFP_COGNITO_ENDPOINT_URL": signer.url,
                "FFP_COGNITO_ISSUER": ISSUER,
                "FFP_COGNITO_USER_POOL_ID": "pool",
                "FFP_COGNITO_CLIENT_ID": "c",
            }
            try:
                busy = Tenant(server.url(SUPERUSER), 100_000)
                measure_poll(busy, signer.token(busy.subject), given.polls)
                measure_exactness(Tenant(server.url(SUPERUSER), PER_MINUTE), given.seconds)
            finally:
                pools.close()


if __name__ == "__main__":
    main()
