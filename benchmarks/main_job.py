"""The main job's rates and latency, as ratios to a floor measured in the same run.

    .venv/bin/python benchmarks/main_job.py [--jobs 300]

A real API (uvicorn), a real worker (Celery on the emulated SQS) and a durable PostgreSQL of their own, started here
and stopped at the end. The floor is benchmarks/floor.py: the same rows in the same number of transactions, by a bare
psycopg loop. Rates on a shared machine drift several-fold; the ratios are what to compare.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psutil
import psycopg

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.floor import Floor, timed  # noqa: E402
from infra.local import clients  # noqa: E402
from infra.local.cluster import SUPERUSER  # noqa: E402
from infra.local.postgres import EmbeddedPostgres  # noqa: E402
from tests.answers import low_back_pain  # noqa: E402

CLIENTS = 8
LONG_POLL_S = 10
FFP = str(Path(sys.executable).with_name("ffp"))


class Stack:
    """A stack of its own in a temporary directory, without a worker: that one is started when it is wanted."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ffp("up", "--detach", "--port", "0", "--workers", "0")
        self.facts = json.loads((directory / "stack.json").read_text())
        self.superuser_url = EmbeddedPostgres(directory).url(SUPERUSER)
        owner = next(user for user in self.facts["demo_users"] if user["role"] == "business_owner")
        self.tenant_id = owner["tenant_id"]
        self.api = httpx2.Client(base_url=self.facts["api_url"], timeout=60)
        answer = self.api.post("/v1/auth/login", json={"email": owner["email"], "password": owner["password"]})
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def close(self) -> None:
        self.api.close()
        self._ffp("down")

    def _ffp(self, command: str, *options: str) -> str:
        done = subprocess.run(
            [FFP, command, *options, "--data-dir", str(self.directory)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return done.stdout

    @contextmanager
    def worker(self) -> Iterator[psutil.Process]:
        given = dict(line.split("=", 1) for line in self._ffp("env").splitlines() if "=" in line)
        process = subprocess.Popen([FFP, "worker"], env=os.environ | given, stderr=subprocess.DEVNULL)
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)
            time.sleep(LONG_POLL_S + 1)  # the emulator answers its last receive: messages would wait with nobody

    def analyze(self) -> None:
        """What PostgreSQL knows of its tables is what they hold now."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute("vacuum analyze")

    def drafts(self, count: int) -> list[str]:
        """Members of the tenant with one open assessment each."""
        made = []
        with psycopg.connect(self.superuser_url) as connection:
            for _ in range(count):
                user, assessment = uuid4(), uuid4()
                connection.execute(
                    "insert into users (tenant_id, id, email, role) values (%s, %s, %s, 'member')",
                    (self.tenant_id, user, f"{user}@acme.example"),
                )
                connection.execute(
                    """insert into assessments (tenant_id, id, user_id, template_id)
                       select %s, %s, %s, id from templates where slug = 'low-back-pain'""",
                    (self.tenant_id, assessment, user),
                )
                made.append(str(assessment))
        return made

    def submit(self, assessment: str, *, api: httpx2.Client | None = None, **headers: str) -> dict[str, Any]:
        answer = (api or self.api).post(
            f"/v1/assessments/{assessment}/submit",
            json={"answers": low_back_pain()},
            headers=self.headers | {"Idempotency-Key": str(uuid4()), "If-Match": '"1"'} | headers,
        )
        assert answer.status_code in {200, 202}, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def rows(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.superuser_url) as connection:
            return connection.execute(query, params).fetchall()

    def rows_changed(self, query: str, *params: object) -> int:
        with psycopg.connect(self.superuser_url) as connection:
            return connection.execute(query, params).rowcount

    def wait_for_all(self) -> None:
        while self.rows("select 1 from jobs where status not in ('succeeded', 'failed') limit 1"):
            time.sleep(0.2)


def quantile(seconds: Sequence[float], share: float) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def line(name: str, ours: float, floor: float, unit: str, ratio: float) -> None:
    print(f"{name:34}{ours:10.1f} {unit:5}{floor:12.1f} {unit:5}{ratio:10.2f}")


def quantiles(name: str, seconds: Sequence[float]) -> None:
    print(
        f"  {name:32}" + "".join(f"  p{int(q * 100)} {quantile(seconds, q) * 1e3:7.1f} ms" for q in (0.5, 0.95, 0.99))
    )


def queue_latency(stack: Stack, count: int) -> list[float]:
    """One message through the emulator to a consumer that waits for it, as a worker does: from send to receive."""
    client, url = clients.sqs(stack.facts["sqs_endpoint_url"]), stack.facts["queues"]["bulk"]

    def receive() -> float:
        [message] = client.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
        arrived = time.perf_counter()
        client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return arrived

    hops = []
    with ThreadPoolExecutor(1) as consumer:
        for number in range(count):
            arrival = consumer.submit(receive)
            time.sleep(
                0.05 + number % 10 / 100
            )  # the emulator looks for messages each 100 ms: meet it at all of its phases
            sent = time.perf_counter()
            client.send_message_batch(QueueUrl=url, Entries=[{"Id": "0", "MessageBody": "x" * 800}])
            hops.append(arrival.result() - sent)
    return hops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=300, help="jobs for the rates (default 300)")
    parser.add_argument("--singles", type=int, default=60, help="jobs for the latency, one at a time (default 60)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ffp-benchmark-") as name:
        Path(name).chmod(0o755)
        stack = Stack(Path(name) / "stack")
        try:
            measure(stack, given.jobs, given.singles)
        finally:
            stack.close()


def measure(stack: Stack, jobs: int, singles: int) -> None:
    with stack.worker():  # one job first: the floor copies its rows, and caches are warm
        first = stack.submit(stack.drafts(1)[0], Prefer="wait=20")
    floor = Floor(stack.superuser_url, UUID(first["id"]))

    drafts = stack.drafts(jobs)
    with ThreadPoolExecutor(CLIENTS) as clients_pool:
        submitting = timed(lambda: list(clients_pool.map(stack.submit, drafts)))
    floor_drafts = [floor.draft() for _ in range(jobs)]
    submissions: list[dict[str, Any]] = []
    floor_submits = [timed(lambda d=d: submissions.append(floor.submit(d))) for d in floor_drafts]
    floor_works = [timed(lambda s=s: floor.work(s)) for s in submissions]

    with stack.worker() as worker:
        stack.wait_for_all()
        [(span,)] = stack.rows(
            "select extract(epoch from max(finished_at) - min(finished_at)) from jobs where assessment_id = any(%s)",
            [UUID(d) for d in drafts],
        )
        hops = queue_latency(stack, 40)
        waits = []
        for draft in stack.drafts(singles):
            waits.append(timed(lambda d=draft: stack.submit(d, Prefer="wait=20")))
            time.sleep(0.05)
        latencies = [
            float(seconds)
            for (seconds,) in stack.rows(
                "select extract(epoch from finished_at - created_at) from jobs order by created_at desc limit %s",
                singles,
            )
        ]
        worker_mb = worker.memory_info().rss / 2**20
    api_mb = psutil.Process(stack.facts["pids"]["api"]).memory_info().rss / 2**20

    print(f"{'':34}{'FFP':>15} {'floor':>17}{'ratio':>10}")
    floor_submit, floor_work = sum(floor_submits) / jobs, sum(floor_works) / jobs
    line(
        f"submit, {CLIENTS} clients, one process",
        jobs / submitting,
        1 / floor_submit,
        "/s",
        jobs / submitting * floor_submit,
    )
    line("work, one worker", (jobs - 1) / float(span), 1 / floor_work, "/s", (jobs - 1) / float(span) * floor_work)
    base = [a + b for a, b in zip(floor_submits, floor_works, strict=True)]
    p50 = quantile(waits, 0.5)
    allowed = 3 * quantile(base, 0.5) + 2 * quantile(hops, 0.5)
    line("submit to program, p50", p50 * 1e3, quantile(base, 0.5) * 1e3, "ms", p50 / quantile(base, 0.5))
    print(
        f"{'  against 3 x floor + two hops':34}{p50 * 1e3:10.1f} ms   {allowed * 1e3:12.1f} ms   {p50 / allowed:10.2f}"
    )
    print()
    quantiles("submit to program, client sees", waits)
    quantiles("submit to program, in database", latencies)
    quantiles("floor: all seven transactions", base)
    quantiles("queue: one hop to who waits", hops)
    print(f"\n  rows of one program: {len(floor.sessions)} sessions, {len(floor.items)} exercises")
    print(f"  resident: API {api_mb:.0f} MB, worker {worker_mb:.0f} MB")


if __name__ == "__main__":
    main()
