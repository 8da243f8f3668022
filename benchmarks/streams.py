"""How soon a waiting client sees that its job has changed, and what a crowd of waiting clients costs.

    .venv/bin/python benchmarks/streams.py [--clients 500] [--crowd 2000] [--changes 20]

A stack of its own without a worker; the changes are made in the database, as a worker's commit would. The floor is a
bare psycopg connection that LISTENs to the same channel in the same run: what no server in between could beat.
"""

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.main_job import Stack  # noqa: E402

BUSY_S = 60


async def follow(url: str, headers: dict[str, str], seen: asyncio.Queue[float], open_: asyncio.Semaphore) -> None:
    """One client: puts the time of every event's arrival."""
    parts = urlsplit(url)
    async with open_:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{head}\r\n".encode())
        status = await reader.readline()
        assert b" 200 " in status, status
    try:
        while line := await reader.readline():
            if line.startswith(b"data: "):
                seen.put_nowait(time.monotonic())
    finally:
        writer.close()


def sign_in(stack: Stack, email: str) -> dict[str, str]:
    [password] = [user["password"] for user in stack.facts["demo_users"] if user["email"] == email]
    answer = stack.api.post("/v1/auth/login", json={"email": email, "password": password})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


class Floor(threading.Thread):
    """Hears the same changes on a connection of its own."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.heard, self.ready = url, [0.0], threading.Event()

    def run(self) -> None:
        with suppress(psycopg.OperationalError), psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("listen ffp_changes")
            self.ready.set()
            for _ in connection.notifies():
                self.heard.append(time.monotonic())


def connections(stack: Stack) -> int:
    [(count,)] = stack.rows("select count(*) from pg_stat_activity where application_name in ('ffp', 'ffp-listener')")
    return int(count)


async def drained(seen: asyncio.Queue[float], count: int) -> list[float]:
    return [await asyncio.wait_for(seen.get(), BUSY_S) for _ in range(count)]


async def measure(stack: Stack, clients: int, crowd: int, changes: int) -> None:
    # What is measured here is not the throttle, which lets one tenant open a thousand a minute.
    stack.rows("update tenants set requests_per_minute = 100000 returning 1")
    job = stack.submit(stack.drafts(1)[0])["id"]
    floor = Floor(stack.superuser_url)
    floor.start()
    floor.ready.wait()
    seen: asyncio.Queue[float] = asyncio.Queue()
    open_ = asyncio.Semaphore(50)
    url = f"{stack.facts['api_url']}/v1/jobs/{job}/events"

    def change() -> float:
        stack.rows("update jobs set revision = revision + 1, updated_at = now() where id = %s returning 1", job)
        return time.monotonic()

    people = [stack.headers, sign_in(stack, "clinician@acme.example")]  # one person may have a thousand
    following = [asyncio.create_task(follow(url, stack.headers, seen, open_)) for _ in range(clients)]
    await drained(seen, clients)
    took, bare = [], []
    for _ in range(changes):
        heard = len(floor.heard)
        committed = await asyncio.to_thread(change)
        took += [at - committed for at in await drained(seen, clients)]
        bare.append(floor.heard[heard] - committed)
    cuts = statistics.quantiles(took, n=100)
    worst = max(statistics.median(bare), 1e-4)
    print(f"{clients} clients, {changes} changes: p50 {cuts[49] * 1e3:.0f} ms, p99 {cuts[98] * 1e3:.0f} ms")
    print(f"floor (a bare LISTEN): {worst * 1e3:.1f} ms; per client {cuts[98] / clients * 1e6:.0f} us of p99")

    following += [asyncio.create_task(follow(url, people[n % 3 > 0], seen, open_)) for n in range(crowd - clients)]
    await drained(seen, crowd - clients)
    await asyncio.sleep(45)  # what the rush of opening took is given back
    print(f"{crowd} waiting clients hold {connections(stack)} database connections (listener included)")
    began = time.monotonic()
    stack.api.get(f"/v1/jobs/{job}", headers=stack.headers).raise_for_status()
    print(f"a poll beside them: {(time.monotonic() - began) * 1e3:.0f} ms")
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--crowd", type=int, default=2_000)
    parser.add_argument("--changes", type=int, default=20)
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))  # the server inherits it
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        stack = Stack(Path(directory))
        try:
            asyncio.run(measure(stack, given.clients, given.crowd, given.changes))
        finally:
            stack.close()


if __name__ == "__main__":
    main()
