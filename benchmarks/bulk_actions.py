"""Bulk actions: members a second of archive and remind, against bare multi-row inserts of the same rows, in one run.

    .venv/bin/python benchmarks/bulk_actions.py [--members 2000]

A real API, a real worker and a durable PostgreSQL of their own. Timed from the order, which fixes the members, to its
end: queue and messages are in it. The floor inserts as many rows into the tables that the
action adds rows to, 500 in a transaction, without policies and without asking anything: reading, judging and updating
have none. Rates on a shared machine drift several-fold; the ratios are what to compare.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.main_job import Stack  # noqa: E402

_CHUNK = 500
# Each with an active program whose session is due today, and no quiet hours.
_PEOPLE = """
    insert into users (tenant_id, id, email, role, preferences)
    select %(tenant)s, gen_random_uuid(), %(prefix)s || n || '@bench.example', 'member',
        '{"quiet_hours": {"start": "00:00", "end": "00:00"}}' from generate_series(1, %(count)s) n;
    insert into assessments (tenant_id, id, user_id, template_id, status)
    select tenant_id, id, id, (select id from templates where slug = 'low-back-pain' limit 1), 'submitted'
    from users where email like %(prefix)s || '%%';
    insert into submissions (tenant_id, id, assessment_id, user_id, template_slug, template_version, template_hash,
        engine_version, answers, enabled, computed, attempt_number, is_initial, answered_on)
    select tenant_id, id, id, id, 'low-back-pain', '1.0.0', 'h', '1', '{}', '[]', '{}', 1, true, now()
    from users where email like %(prefix)s || '%%';
    insert into jobs (tenant_id, id, user_id, kind, assessment_id, correlation_id, status, published_at, finished_at)
    select tenant_id, id, id, 'assessment', id, 'x', 'succeeded', now(), now()
    from users where email like %(prefix)s || '%%';
    insert into programs (tenant_id, id, user_id, submission_id, job_id, status, weeks, start_on, spec, proof,
        input_hash, library_hash, engine_version)
    select tenant_id, id, id, id, id, 'active', 6, now(), '{}', '{}', 'h', 'h', '1'
    from users where email like %(prefix)s || '%%';
    insert into sessions (tenant_id, id, program_id, user_id, week, number, deload, scheduled_on, minutes, status)
    select u.tenant_id, gen_random_uuid(), u.id, u.id, 1, n, false,
        (now() at time zone u.time_zone)::date + (n - 1), 20, 'planned'
    from users u, generate_series(1, 18) n where email like %(prefix)s || '%%'"""
_MEMBERS = """
    insert into bulk_action_members (tenant_id, action_id, number, user_id, status)
    select %(tenant)s, %(action)s, n + %(from)s, u, 'done'
    from unnest(%(people)s::uuid[]) with ordinality as p (u, n)"""
_AUDIT = """
    insert into audit_log (tenant_id, actor_role, action, subject_type, subject_id, subject_user_id, request_id)
    select %(tenant)s, 'worker', 'bench.mark', 'program', u, u, 'x' from unnest(%(people)s::uuid[]) u"""
_REMINDERS = """
    insert into reminders (tenant_id, user_id, kind, on_day, subject_id)
    select %(tenant)s, u, 'reassessment', current_date - 30, u from unnest(%(people)s::uuid[]) u"""
_EMAILS = """
    insert into emails (tenant_id, id, user_id, address, kind, params, status)
    select %(tenant)s, gen_random_uuid(), u, 'x@bench.example', 'session_due', '{}', 'sent'
    from unnest(%(people)s::uuid[]) u"""
_JOBS = """
    insert into jobs (tenant_id, id, user_id, kind, stage, subject_id, correlation_id, published_at)
    select %(tenant)s, gen_random_uuid(), u, 'email', 'sending', gen_random_uuid(), 'x', now()
    from unnest(%(people)s::uuid[]) u"""
_FLOORS = {"archive": (_MEMBERS, _AUDIT), "remind": (_MEMBERS, _AUDIT, _REMINDERS, _EMAILS, _JOBS)}


def acted(stack: Stack, action: str, count: int) -> float:
    """Seconds from the order to its end."""
    at, body = "/v1/business/bulk-actions", {"action": action, "filter": {"email": f"{action}-"}}
    began = time.perf_counter()
    seen = stack.api.post(at, json=body, headers=stack.headers).raise_for_status().json()
    print(f"  dry run of {action}: {1e3 * (time.perf_counter() - began):.0f} ms for {seen['count']} members")
    assert seen["will_do"] == count, seen
    order = body | {"dry_run": False, "expected_count": count}
    began = time.perf_counter()
    made = stack.api.post(at, json=order, headers=stack.headers | {"Idempotency-Key": uuid4().hex})
    found: dict[str, Any] = made.raise_for_status().json()
    while found["status"] == "running":
        time.sleep(0.05)
        found = stack.api.get(found["links"]["self"], headers=stack.headers).json()
    assert found["counts"]["done"] == count, found
    return time.perf_counter() - began


def bare(stack: Stack, action: str, people: list[Any]) -> float:
    """Seconds of the bare inserts."""
    with psycopg.connect(stack.superuser_url, autocommit=True) as connection:
        [(owner,)] = connection.execute(
            "select id from users where tenant_id = %s and role = 'business_owner' limit 1", (stack.tenant_id,)
        ).fetchall()
        made = uuid4()
        connection.execute(
            """insert into bulk_actions (tenant_id, id, created_by, action, filter, status, to_do, correlation_id)
               values (%s, %s, %s, 'archive', '{}', 'completed', 0, 'x')""",
            (stack.tenant_id, made, owner),
        )
        began = time.perf_counter()
        for start in range(0, len(people), _CHUNK):
            values = {
                "tenant": stack.tenant_id, "action": made, "from": start, "people": people[start : start + _CHUNK],
            }  # fmt: skip
            with connection.transaction():
                for statement in _FLOORS[action]:
                    connection.execute(statement, values)
        return time.perf_counter() - began


def people_of(stack: Stack, action: str, count: int) -> list[Any]:
    prefix = f"{action}-"
    with psycopg.connect(stack.superuser_url) as connection:
        for statement in _PEOPLE.split(";"):
            connection.execute(statement, {"tenant": stack.tenant_id, "count": count, "prefix": prefix})
    with psycopg.connect(stack.superuser_url, autocommit=True) as connection:
        connection.execute("analyze")
    return [row[0] for row in stack.rows("select id from users where email like %s || '%%'", prefix)]


def cpu_s(process: psutil.Process) -> float:
    """Seconds of it and of its children, living and ended."""
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    ended = process.cpu_times()
    return total + float(ended.children_user) + float(ended.children_system)


def measure(stack: Stack, count: int) -> None:
    print(f"bulk actions for {count} members")
    pid = next(stack.directory.rglob("postmaster.pid")).read_text().splitlines()[0]
    postgres = psutil.Process(int(pid))
    with stack.worker() as worker:
        time.sleep(3)
        for action in ("archive", "remind"):  # in this order: reminders leave e-mails to be sent
            people = people_of(stack, action, count)
            at_work, stored = cpu_s(worker), cpu_s(postgres)
            ours = acted(stack, action, count)
            at_work, stored = cpu_s(worker) - at_work, cpu_s(postgres) - stored
            before = cpu_s(postgres)
            floor = bare(stack, action, people)
            bare_cpu = cpu_s(postgres) - before
            print(
                f"{action:8} {ours:6.2f} s, {count / ours:6.0f} members/s;"
                f" bare inserts {floor:5.2f} s, {count / floor:6.0f}/s: {ours / floor:.1f}x\n"
                f"         CPU: worker {at_work:.2f} s and PostgreSQL {stored:.2f} s, bare {bare_cpu:.2f} s:"
                f" {(at_work + stored) / max(bare_cpu, 0.01):.1f}x"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=2_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ffp-benchmark-") as name:
        Path(name).chmod(0o755)
        stack = Stack(Path(name) / "stack")
        try:
            measure(stack, given.members)
        finally:
            stack.close()


if __name__ == "__main__":
    main()
