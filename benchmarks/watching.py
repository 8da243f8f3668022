"""What lines and metrics add to a poll, in this process, as on Lambda: no socket of HTTP, routes inline.

    .venv/bin/python benchmarks/watching.py [--polls 3000]

The same application with and without takes turns, so that a change of the machine's mood meets both. Lines go to a
file, metrics into Prometheus's registry; without, no line is made and no record kept.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from api.app import create_app  # noqa: E402
from benchmarks.throttle import ISSUER, Signer, Tenant, micros, quick  # noqa: E402
from infra import metrics, migrate, pools, seed  # noqa: E402
from infra.local.cluster import SUPERUSER  # noqa: E402
from infra.local.postgres import EmbeddedPostgres  # noqa: E402
from infra.metrics_server import Registry  # noqa: E402


async def measure(tenant: Tenant, token: str, polls: int) -> dict[bool, list[float]]:
    app, registry = create_app(), Registry()
    scope = {
        "type": "http", "method": "GET", "path": f"/v1/jobs/{tenant.job_id}", "query_string": b"",
        "http_version": "1.1", "raw_path": b"", "root_path": "", "scheme": "https", "server": ("x", 443),
        "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"x"), (b"authorization", b"Bearer " + token.encode())],
    }  # fmt: skip
    status: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        status.append(message.get("status"))

    async def poll(*, watched: bool) -> float:
        os.environ["FFP_LOG_LEVEL"] = "INFO" if watched else "ERROR"
        metrics.send_to(registry.record if watched else None)
        began = time.perf_counter()
        await app(dict(scope), receive, send)  # type: ignore[arg-type]
        took = time.perf_counter() - began
        assert 200 in status, status
        status.clear()
        return took

    took: dict[bool, list[float]] = {True: [], False: []}
    for number in range(-200, polls):
        for kind in (True, False) if number % 2 else (False, True):
            seconds = await poll(watched=kind)
            if number >= 0:
                took[kind].append(seconds)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polls", type=int, default=3000, help="polls of each kind (default 3000)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ffp-benchmark-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name)) as server, (Path(name) / "lines").open("w") as lines:
            migrate.upgrade(server.url())
            seed.seed_templates(server.url())
            server.set_passwords(("ffp_app",))
            signer = Signer()
            os.environ |= {
                "FFP_DATABASE_URL": server.url("ffp_app"),
                "FFP_COGNITO_ENDPOINT_URL": signer.url,
                "FFP_COGNITO_ISSUER": ISSUER,
                "FFP_COGNITO_USER_POOL_ID": "pool",
                "FFP_COGNITO_CLIENT_ID": "c",
            }
            tenant = Tenant(server.url(SUPERUSER), 100_000)
            terminal, sys.stderr = sys.stderr, lines
            try:
                took = asyncio.run(measure(tenant, signer.token(tenant.subject), given.polls))
            finally:
                sys.stderr = terminal
                pools.close()
    added = quick(took[True]) - quick(took[False])
    print(f"poll, with its line and metrics   {micros(took[True])}")
    print(f"the same without                  {micros(took[False])}")
    print(f"added, by the quickest tenths     {added * 1e6:.0f} us, {quick(took[True]) / quick(took[False]):.3f} x")


if __name__ == "__main__":
    main()
