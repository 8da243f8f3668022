"""The night's work on missed sessions: how many programs a second, in how much memory, and how long locks are held.

    .venv/bin/python benchmarks/missed_sessions.py [--programs 100000] [--tenants 10]

A server of its own, with fsync. Every program has missed its first session, so that all of its 18 move: the worst
night there is. The floor is a bare loop that moves the same rows in as many transactions: no reading, no rules, no
row-level security. Both are measured twice, in turn.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402

from infra import migrate  # noqa: E402
from infra.local.cluster import SUPERUSER  # noqa: E402
from infra.local.postgres import EmbeddedPostgres  # noqa: E402
from infra.missed import MissedRepository  # noqa: E402
from workers import training  # noqa: E402

SESSIONS = 18
FIRST = datetime(2026, 11, 23, 12, tzinfo=UTC)
# Set-based; foreign keys are not looked at, for nothing here reads what they point to.
MADE = """
    set session_replication_role = replica;
    insert into tenants (id, slug, name, kind) select md5('t' || t)::uuid, 't' || t, 't' || t, 'business'
        from generate_series(1, {tenants}) t;
    insert into users (tenant_id, id, email, role)
        select md5('t' || 1 + p % {tenants})::uuid, md5('u' || p)::uuid, p || '@example.com', 'member'
        from generate_series(1, {programs}) p;
    insert into programs (tenant_id, id, user_id, submission_id, job_id, status, weeks, start_on, spec, proof,
                          input_hash, library_hash, engine_version, reassess_on)
        select md5('t' || 1 + p % {tenants})::uuid, md5('p' || p)::uuid, md5('u' || p)::uuid, md5('s' || p)::uuid,
            md5('j' || p)::uuid, 'active', 6, '2026-11-23', '{{"days": 3, "pain": 2}}', '{{}}', '', '', '', '2027-01-01'
        from generate_series(1, {programs}) p;
    insert into sessions (tenant_id, id, program_id, user_id, week, number, deload, scheduled_on, minutes)
        select md5('t' || 1 + p % {tenants})::uuid, md5(p || '-' || n)::uuid, md5('p' || p)::uuid, md5('u' || p)::uuid,
            1 + n / 3, 1 + n % 3, n >= 15, date '2026-11-23' + 7 * (n / 3) + 2 * (n % 3), 30
        from generate_series(1, {programs}) p cross join generate_series(0, 17) n;
    set session_replication_role = origin;
    vacuum analyze"""
BARE = """
    update sessions s set planned_on = coalesce(s.planned_on, s.scheduled_on), scheduled_on = s.scheduled_on + 1,
        misses = s.misses + (s.week = 1 and s.number = 1)::integer
    where s.tenant_id = %s and s.program_id = any(%s)"""


def maxrss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def timed_locks(found: list[float]) -> Iterator[None]:
    """How long rows are locked: from the first statement that writes to after the commit."""
    plain_unit, plain_write = training.unit_of_work, MissedRepository.write
    begun: list[float] = []

    def write(self: MissedRepository, moved: Any) -> int:
        begun.append(time.perf_counter())
        return plain_write(self, moved)

    @contextmanager
    def unit(context: Any) -> Iterator[Any]:
        begun.clear()
        with plain_unit(context) as uow:
            yield uow
        if begun:
            found.append(time.perf_counter() - begun[0])

    training.unit_of_work, MissedRepository.write = unit, write
    try:
        yield
    finally:
        training.unit_of_work, MissedRepository.write = plain_unit, plain_write


def night(day: int) -> None:
    locks: list[float] = []
    begun, used = time.perf_counter(), cpu_s()
    with timed_locks(locks):
        counts = training.catch_up(FIRST + timedelta(days=day))
    wall, cpu = time.perf_counter() - begun, cpu_s() - used
    print(
        f"  FFP    {counts['programs'] / wall:8.0f} programs/s  {counts['sessions_moved'] / wall:8.0f} sessions/s  "
        f"longest lock {max(locks) * 1000:.0f} ms, median {sorted(locks)[len(locks) // 2] * 1000:.0f} ms  "
        f"{counts['programs'] / cpu:6.0f} programs per second of the worker's CPU  peak memory {maxrss_mb():.0f} MB"
    )
    assert counts["sessions_moved"] == counts["programs"] * SESSIONS
    again = training.catch_up(FIRST + timedelta(days=day))
    assert again["sessions_moved"] == 0, again


def floor(url: str, chunk: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("select tenant_id, id from programs order by tenant_id, id").fetchall()
        by_tenant: dict[Any, list[Any]] = {}
        for tenant, program in found:
            by_tenant.setdefault(tenant, []).append(program)
        begun, longest = time.perf_counter(), 0.0
        for tenant, programs in by_tenant.items():
            for start in range(0, len(programs), chunk):
                some, at = programs[start : start + chunk], time.perf_counter()
                with connection.transaction():
                    connection.execute(BARE, (tenant, some))
                    connection.execute(
                        "update programs set next_due = current_date, revision = revision + 1"
                        " where tenant_id = %s and id = any(%s)",
                        (tenant, some),
                    )
                longest = max(longest, time.perf_counter() - at)
        wall = time.perf_counter() - begun
    print(
        f"  floor  {len(found) / wall:8.0f} programs/s  {len(found) * SESSIONS / wall:8.0f} sessions/s  "
        f"longest transaction {longest * 1000:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=100_000)
    parser.add_argument("--tenants", type=int, default=10)
    parser.add_argument("--chunk", type=int, default=training.CHUNK, help="programs of one transaction")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ffp-benchmark-") as name:
        Path(name).chmod(0o755)
        server = EmbeddedPostgres(Path(name), durable=True)
        server.start()
        try:
            migrate.upgrade(server.url())
            server.set_passwords(("ffp_app", "ffp_relay", "ffp_ops"))
            os.environ["FFP_DATABASE_URL"] = server.url("ffp_app")
            os.environ["FFP_RELAY_DATABASE_URL"] = server.url("ffp_relay")
            os.environ["FFP_LOG_LEVEL"] = "ERROR"
            superuser = server.url(SUPERUSER)
            with psycopg.connect(superuser, autocommit=True) as connection:
                for statement in MADE.format(programs=given.programs, tenants=given.tenants).split(";"):
                    connection.execute(statement)
            print(
                f"{given.programs} programs of {given.tenants} tenants, {SESSIONS} sessions each, {given.chunk} a chunk"
            )
            print(f"  memory before {maxrss_mb():.0f} MB")
            for day in (1, 3):
                night(day)
                floor(superuser, given.chunk)
                with psycopg.connect(superuser, autocommit=True) as connection:
                    connection.execute("update programs set next_due = date '2026-11-24' + %s", (day,))
                    connection.execute("vacuum analyze")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
