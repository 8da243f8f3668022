"""From a dead letter to the effect of its replay, and whether a replay keeps to its rate.

    .venv/bin/python benchmarks/replay.py [--singles 30]

A stack of its own. Its jobs are submitted over HTTP and made dead in the database, where a trigger writes their letters
as it does for any other. The floor is the same job submitted and worked on in the ordinary way, in the same run: a
replay is that without the submission, plus its step.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import os  # noqa: E402

import psycopg  # noqa: E402

from benchmarks.main_job import Stack, quantiles, timed  # noqa: E402
from infra.local import clients  # noqa: E402

# Letters a second, and how many letters to measure it with.
RATES = ((5.0, 16), (50.0, 100), (200.0, 300), (500.0, 500))
REPLAYER = "import threading; from workers import replays; replays.run(threading.Event())"


def operator(stack: Stack) -> dict[str, str]:
    login = next(user for user in stack.facts["demo_users"] if user["role"] == "operator")
    answer = stack.api.post("/v1/auth/login", json={"email": login["email"], "password": login["password"]})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def dead(stack: Stack, count: int) -> list[str]:
    """Ids of so many new letters; their jobs' messages are gone, and nothing is wrong with them any more."""
    jobs = [UUID(stack.submit(draft)["id"]) for draft in stack.drafts(count)]
    clients.sqs(stack.facts["sqs_endpoint_url"]).purge_queue(QueueUrl=stack.facts["queues"]["scoring"])
    with psycopg.connect(stack.superuser_url) as connection:
        connection.execute("update jobs set status = 'running', attempt = 5 where id = any(%s)", (jobs,))
        connection.execute("update jobs set status = 'dead' where id = any(%s)", (jobs,))
    return [str(found) for (found,) in stack.rows("select id from dead_letters where job_id = any(%s)", jobs)]


def replay(stack: Stack, headers: dict[str, str], letters: list[str], rate: float) -> str:
    order = {
        "selector": {"ids": letters}, "mode": "execute", "expected_count": len(letters), "rate": rate,
        "reason": "a benchmark",
    }  # fmt: skip
    answer = stack.api.post("/v1/ops/replays", json=order, headers=headers | {"Idempotency-Key": str(uuid4())})
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["id"]
    return found


def ended(stack: Stack, letter: str) -> bool:
    return bool(
        stack.rows(
            """select 1 from dead_letters l join jobs j on j.id = l.job_id
               where l.id = %s and j.status = 'succeeded'""",
            letter,
        )
    )


def until(condition: Any, *given: Any) -> None:
    while not condition(*given):
        time.sleep(0.005)


@contextmanager
def replayer(stack: Stack) -> Iterator[None]:
    given = stack.facts["environment"] | {"FFP_LOG_LEVEL": "ERROR"}
    process = subprocess.Popen([sys.executable, "-c", REPLAYER], env=os.environ | given, cwd=ROOT)
    try:
        yield
    finally:
        process.kill()
        process.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--singles", type=int, default=30, help="letters replayed one at a time (default 30)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ffp-benchmark-") as name:
        Path(name).chmod(0o755)
        stack = Stack(Path(name) / "stack")
        try:
            measure(stack, given.singles)
        finally:
            stack.close()


def measure(stack: Stack, singles: int) -> None:
    headers = operator(stack)
    letters = dead(stack, singles)
    with stack.worker():
        stack.submit(stack.drafts(1)[0], Prefer="wait=20")  # caches are warm
        ordinary = [timed(lambda d=d: stack.submit(d, Prefer="wait=20")) for d in stack.drafts(singles)]
        waits = []
        for letter in letters:
            begun = time.perf_counter()
            replay(stack, headers, [letter], 500)
            until(ended, stack, letter)
            waits.append(time.perf_counter() - begun)
    quantiles("ordered to effect", waits)
    quantiles("floor: submitted to effect", ordinary)
    print()
    for rate, count in RATES:
        found = dead(stack, count)
        with replayer(stack):
            time.sleep(1)
            made = UUID(replay(stack, headers, found, rate))
            until(lambda m=made: stack.rows("select 1 from replays where id = %s and state = 'done'", m))
        [(span, most)] = stack.rows(
            """select extract(epoch from max(replayed_at) - min(replayed_at))::float,
                   max(in_second) from (
                   select replayed_at, count(*) over (order by replayed_at range between current row
                       and interval '1 second' following) as in_second
                   from replay_letters where replay_id = %s) r""",
            made,
        )
        reached = (count - 1) / span
        print(f"  rate {rate:5.0f}/s: reached {reached:6.1f}/s ({reached / rate:.3f}), most in any second {most}")


if __name__ == "__main__":
    main()
