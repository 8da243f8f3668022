"""What a noisy tenant's backlog adds to a quiet tenant's wait, and what fairness costs the noisy one.

    .venv/bin/python benchmarks/fairness.py [--jobs 10000] [--singles 80] [--window 100] [--share 0.5]

A stack of its own with two workers. The quiet tenant submits one job at a time over HTTP and waits for its program:
alone, beside the noisy tenant's jobs in the outbox (made by the function that submits, as a bulk run does), beside
eight clients of the noisy tenant that submit without a pause, and alone again. The ratio is to the two runs alone.
The noisy tenant's rate is measured alone, beside the quiet one, and with one worker only: what it would have left if a
worker were kept free for others.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import httpx2  # noqa: E402
import psycopg  # noqa: E402
from psycopg.types.json import Jsonb  # noqa: E402

from benchmarks.floor import timed  # noqa: E402
from benchmarks.main_job import CLIENTS, Stack, quantile, quantiles  # noqa: E402
from benchmarks.replay import operator  # noqa: E402

WORKERS = 2
HISTORY = 5_000
SETTLE_S = 12  # the relay's grace and its period: from then on the backlog moves


class Quiet:
    """One person of another tenant."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        user = next(each for each in stack.facts["demo_users"] if each["email"] == "member@globex.example")
        login = {"email": user["email"], "password": user["password"]}
        answer = stack.api.post("/v1/auth/login", json=login)
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        self.tenant_id = user["tenant_id"]

    def waits(self, count: int) -> list[float]:
        """Seconds from a submission to its program, as the client sees them."""
        found = []
        for _ in range(count):
            draft = self._draft()
            found.append(timed(partial(self._submit, draft)))
            time.sleep(0.05)
        return found

    def _draft(self) -> str:
        answer = self._stack.api.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=self._headers)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def _submit(self, draft: str) -> None:
        found = self._stack.submit(draft, Authorization=self._headers["Authorization"], Prefer="wait=20")
        assert found["status"] == "succeeded", found


def set_limits(stack: Stack, window: int, share: float) -> None:
    headers = operator(stack)
    found = stack.api.get("/v1/ops/limits", headers=headers).json()
    body = {"limits": found["limits"] | {"window": window, "share": share}, "reason": "a benchmark"}
    answer = stack.api.put("/v1/ops/limits", json=body, headers=headers | {"If-Match": f'"{found["version"]}"'})
    assert answer.is_success, answer.text


def backlog(stack: Stack, count: int) -> None:
    """So many submitted jobs of the noisy tenant in the outbox, in one transaction for each thousand."""
    [(owner, answers, enabled, computed, day, engine)] = stack.rows(
        """select s.user_id, s.answers, s.enabled, s.computed, s.answered_on, s.engine_version from submissions s
           where tenant_id = %s limit 1""",
        UUID(stack.tenant_id),
    )
    drafts = stack.drafts(count)
    with psycopg.connect(stack.superuser_url) as connection:
        for start in range(0, count, 1000):
            connection.cursor().executemany(
                """select app.submit_assessment(%s, %s, 'business_owner', %s, 1, 'benchmark', %s, 'hash', %s, %s, %s,
                       %s, %s, %s, %s, 'benchmark', null)""",
                [
                    (
                        stack.tenant_id, owner, draft, draft, uuid4(), uuid4(), Jsonb(answers), Jsonb(enabled),
                        Jsonb(computed), day, engine,
                    )
                    for draft in drafts[start : start + 1000]
                ],
            )  # fmt: skip
            connection.commit()


def history(stack: Stack, count: int) -> None:
    """A system that has been in use, as PostgreSQL last saw it: with so many jobs behind it, and none that waits."""
    backlog(stack, count)
    drained(stack)
    stack.analyze()


def finished(stack: Stack) -> int:
    [(count,)] = stack.rows(
        "select count(*) from jobs where tenant_id = %s and status = 'succeeded'", UUID(stack.tenant_id)
    )
    return int(count)


def rate(stack: Stack, seconds: float) -> float:
    """The noisy tenant's programs a second."""
    before, start = finished(stack), time.perf_counter()
    time.sleep(seconds)
    return (finished(stack) - before) / (time.perf_counter() - start)


def drained(stack: Stack) -> None:
    """Cancel what is left of the noisy tenant's jobs; the few under way end."""
    stack.rows_changed(
        """update jobs set status = 'canceled', finished_at = now(), lease_until = null
           where tenant_id = %s and status in ('queued', 'retrying')""",
        UUID(stack.tenant_id),
    )
    stack.rows_changed(
        """update jobs set status = 'canceled', finished_at = now()
           where tenant_id = %s and status = 'running' and lease_until is null""",
        UUID(stack.tenant_id),
    )
    time.sleep(SETTLE_S)


def where(stack: Stack, quiet: Quiet) -> None:
    """Where the quiet tenant's latest jobs waited: medians of waiting for and working on each stage."""
    [medians] = stack.rows(
        """select percentile_cont(0.5) within group (order by extract(epoch from s.started_at - j.created_at)),
               percentile_cont(0.5) within group (order by extract(epoch from s.ended_at - s.started_at)),
               percentile_cont(0.5) within group (order by extract(epoch from g.started_at - s.ended_at)),
               percentile_cont(0.5) within group (order by extract(epoch from g.ended_at - g.started_at))
           from (select * from jobs where tenant_id = %s and kind = 'assessment' order by created_at desc limit 20) j
           join attempts s on s.job_id = j.id and s.stage = 'scoring'
           join attempts g on g.job_id = j.id and g.stage = 'generating'""",
        UUID(quiet.tenant_id),
    )
    names = ("to scoring", "scoring", "to generating", "generating")
    print("    " + ", ".join(f"{name} {float(each) * 1e3:.0f} ms" for name, each in zip(names, medians, strict=True)))


@contextmanager
def submitting(stack: Stack) -> Iterator[list[int]]:
    """Eight clients of the noisy tenant, until the block ends. What is yielded counts their submissions."""
    stop, done = threading.Event(), [0]
    drafts = iter(stack.drafts(20_000))

    def submit() -> None:
        with httpx2.Client(base_url=stack.facts["api_url"], timeout=60) as api:
            while not stop.is_set() and (draft := next(drafts, None)) is not None:
                stack.submit(draft, api=api)
                done[0] += 1

    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(submit) for _ in range(CLIENTS)]
        try:
            yield done
        finally:
            stop.set()
    for each in running:
        each.result()


def show(name: str, waits: Sequence[float], alone: Sequence[float] | None = None) -> None:
    quantiles(name, waits)
    if alone is not None:
        ratios = (quantile(waits, q) / quantile(alone, q) for q in (0.5, 0.95))
        print("    ratio to the quiet tenant alone: p50 {:.2f}, p95 {:.2f}".format(*ratios))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000, help="the noisy tenant's backlog (default 10000)")
    parser.add_argument("--singles", type=int, default=80, help="the quiet tenant's jobs in each part (default 80)")
    parser.add_argument("--window", type=int, help="instead of the shipped one")
    parser.add_argument("--share", type=float, help="instead of the shipped one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ffp-benchmark-") as name:
        Path(name).chmod(0o755)
        stack = Stack(Path(name) / "stack")
        try:
            measure(stack, given)
        finally:
            stack.close()


def measure(stack: Stack, given: argparse.Namespace) -> None:
    quiet = Quiet(stack)
    stack.rows_changed("update tenants set requests_per_minute = 60000")
    shipped = stack.api.get("/v1/ops/limits", headers=operator(stack)).json()["limits"]
    window, share = given.window or shipped["window"], given.share or shipped["share"]
    set_limits(stack, window, share)
    print(f"{WORKERS} workers, window {window}, share {share}, a backlog of {given.jobs}")
    with ExitStack() as workers:
        for _ in range(WORKERS):
            workers.enter_context(stack.worker())
        stack.submit(stack.drafts(1)[0], Prefer="wait=20")
        quiet.waits(10)
        history(stack, HISTORY)
        alone = quiet.waits(given.singles)
        show("quiet, alone", alone)
        where(stack, quiet)

        backlog(stack, given.jobs)
        time.sleep(SETTLE_S)
        fair = rate(stack, 10)
        print(f"  noisy tenant alone: {fair:.1f} programs/s", flush=True)
        before, start = finished(stack), time.perf_counter()
        beside = quiet.waits(given.singles)
        left = (finished(stack) - before) / (time.perf_counter() - start)
        show(f"quiet, beside {given.jobs} jobs", beside, alone)
        where(stack, quiet)
        [(waiting,)] = stack.rows(
            "select count(*) from jobs where tenant_id = %s and status = 'queued'", UUID(stack.tenant_id)
        )
        print(f"  noisy tenant beside it: {left:.1f} programs/s, {left / fair:.2f} of alone; {waiting} still wait")
        drained(stack)
        again = quiet.waits(given.singles)
        show("quiet, alone again", again)
        both = [*alone, *again]
        show(f"quiet, beside {given.jobs} jobs", beside, both)

        with submitting(stack) as done:
            time.sleep(5)
            before, start = done[0], time.perf_counter()
            submits = quiet.waits(given.singles)
            submitted = (done[0] - before) / (time.perf_counter() - start)
        show(f"quiet, beside {submitted:.0f} submits/s", submits, both)
        drained(stack)

        set_limits(stack, 10_000, 1.0)
        backlog(stack, min(given.jobs, 2000))
        time.sleep(SETTLE_S)
        unlimited = rate(stack, 10)
        print(f"  noisy tenant alone, without limits: {unlimited:.1f} programs/s", flush=True)
        drained(stack)
    with stack.worker():
        set_limits(stack, window, share)
        backlog(stack, min(given.jobs, 1000))
        time.sleep(SETTLE_S)
        print(f"  noisy tenant with one worker: {rate(stack, 10):.1f} programs/s")


if __name__ == "__main__":
    main()
