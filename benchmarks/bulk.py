"""Imports: how fast a file is looked at and run, against single submits and against bare inserts, in one run.

    .venv/bin/python benchmarks/bulk.py [--members 100000] [--assessments 10000] [--specs 300] [--singles 600]
        [--actions 2000]

A real API, real workers and a durable PostgreSQL of their own, started here and stopped at the end. Single submits are
a sample (`--singles`), each by its own member, who is signed in: eight at a time start an assessment and submit it
through HTTP, as an import does both for each row, with a worker beside them. The specs of both ways are solved before
either is measured. Both send e-mails beside, no more than FFP_MAIL_PER_S; those that are left when one ends are given
up, so that the next one does not pay for them. CPU is of the worker with its child and of PostgreSQL's processes,
memory the highest resident size of either of the worker's two processes (VmHWM). Rates on a shared machine drift
several-fold; the ratios are what to compare.
"""

import argparse
import itertools
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psutil

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import bulk_actions  # noqa: E402
from benchmarks.bulk_actions import cpu_s  # noqa: E402
from benchmarks.floor import Floor, timed  # noqa: E402
from benchmarks.main_job import CLIENTS, Stack, quantile  # noqa: E402
from infra.local import clients  # noqa: E402
from tests.answers import low_back_pain  # noqa: E402

Answers = dict[str, Any]
_EQUIPMENT = ("band", "dumbbell", "loop_band", "kettlebell", "towel", "backpack")


def variants(count: int) -> list[Answers]:
    """Answers that ask for as many different programs, always the same ones."""
    choices = itertools.product(
        ("reduce_pain", "build_strength", "improve_mobility", "general_fitness"),
        ("beginner", "intermediate", "advanced"),
        (2, 3, 4), ("20", "30", "45"), (2, 5), range(6),
    )  # fmt: skip
    every = [
        low_back_pain(
            goal=goal, experience=level, days_per_week=days, minutes=minutes, nprs_now=pain, nprs_average=pain,
            equipment=["chair", "wall", *_EQUIPMENT[:more]],
        )
        for goal, level, days, minutes, pain, more in choices
    ]  # fmt: skip
    random.Random(1).shuffle(every)
    return every[:count]


class Bench:
    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.postmaster = psutil.Process(
            int((next(stack.directory.rglob("postmaster.pid"))).read_text().splitlines()[0])
        )

    def people(self, count: int, tenant: str | None = None) -> list[tuple[str, str]]:
        rows = self.stack.rows(
            """insert into users (tenant_id, id, email, role)
               select %s, gen_random_uuid(), gen_random_uuid() || '@bench.example', 'member' from generate_series(1, %s)
               returning id, email""",
            tenant or self.stack.tenant_id, count,
        )  # fmt: skip
        return [(str(user), email) for user, email in rows]

    def signed_in(self, count: int) -> list[dict[str, str]]:
        """The headers of as many members of the tenant, each with a login of their own."""
        facts, password = self.stack.facts["cognito"], "a-password-for-benchmarks"
        pool = clients.cognito(facts["endpoint_url"])

        def one() -> dict[str, str]:
            email = f"{uuid4()}@bench.example"
            user = pool.admin_create_user(
                UserPoolId=facts["user_pool_id"],
                Username=email,
                MessageAction="SUPPRESS",
                UserAttributes=[
                    {"Name": "email", "Value": email},
                    {"Name": "custom:role", "Value": "member"},
                    {"Name": "custom:tenantId", "Value": self.stack.tenant_id},
                ],
            )["User"]
            sub = next(each.get("Value") for each in user["Attributes"] if each["Name"] == "sub")
            pool.admin_set_user_password(
                UserPoolId=facts["user_pool_id"], Username=email, Password=password, Permanent=True
            )
            self.stack.rows_changed(
                "insert into users (tenant_id, id, email, role) values (%s, %s, %s, 'member')",
                self.stack.tenant_id, sub, email,
            )  # fmt: skip
            self.stack.rows_changed(
                "insert into identity.principals (sub, tenant_id, user_id) values (%s, %s, %s)",
                sub, self.stack.tenant_id, sub,
            )  # fmt: skip
            answer = self.stack.api.post("/v1/auth/login", json={"email": email, "password": password})
            return {"Authorization": f"Bearer {answer.json()['access_token']}"}

        return [one() for _ in range(count)]

    def started(self, content: bytes, **order: Any) -> str:
        headers = self.stack.headers | {"Idempotency-Key": uuid4().hex}
        made = self.stack.api.post("/v1/imports", json=order, headers=headers).json()
        with httpx2.Client(trust_env=False, timeout=120) as client:
            sent = client.post(made["upload"]["url"], data=made["upload"]["fields"], files={"file": ("f", content)})
        assert sent.status_code in (200, 204), sent.text
        self.stack.api.post(f"/v1/imports/{made['id']}/validate", headers=self.stack.headers).raise_for_status()
        return str(made["id"])

    def until(self, found: str, *states: str, every_s: float = 0.1) -> dict[str, Any]:
        while True:
            body: dict[str, Any] = self.stack.api.get(f"/v1/imports/{found}", headers=self.stack.headers).json()
            assert body["status"] not in {"invalid", "failed"}, body["error"]
            if body["status"] in states:
                return body
            time.sleep(every_s)

    def idle(self) -> None:
        """Give up the e-mails that are not sent yet, and wait for what is under way."""
        self.stack.rows_changed(
            """update jobs set status = 'canceled', finished_at = now()
               where kind = 'email' and status in ('queued', 'retrying') and lease_until is null"""
        )
        while self.stack.rows("select 1 from jobs where status in ('queued', 'running', 'retrying') limit 1"):
            time.sleep(0.5)

    def confirm(self, found: str, revision: int) -> None:
        headers = self.stack.headers | {"If-Match": f'"{revision}"'}
        self.stack.api.post(f"/v1/imports/{found}/confirm", headers=headers).raise_for_status()

    @contextmanager
    def measured(self, worker: psutil.Process, into: dict[str, float]) -> Iterator[None]:
        before, began = (cpu_s(worker), cpu_s(self.postmaster)), time.perf_counter()
        yield
        into["wall"] = time.perf_counter() - began
        into["worker"], into["postgres"] = cpu_s(worker) - before[0], cpu_s(self.postmaster) - before[1]
        into["memory"] = _highest_mb(worker)


def _highest_mb(worker: psutil.Process) -> float:
    """Of the larger one of its processes: the loop, or what works beside it."""
    return max(_peak_mb(process) for process in (worker, *worker.children()))


def _peak_mb(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def lines(people: list[tuple[str, str]], answers: list[Answers]) -> bytes:
    return "\n".join(
        json.dumps({"email": email} | answers[number % len(answers)]) for number, (_, email) in enumerate(people)
    ).encode()


def members(bench: Bench, count: int) -> None:
    content = "Número de socio;E-Mail;Nombre\r\n" + "".join(
        f"M-{number};person{number}@bulk.example;Person Número {number}\r\n" for number in range(count)
    )
    figures: dict[str, float] = {}
    with bench.stack.worker() as worker:
        time.sleep(3)
        idle = _highest_mb(worker)
        with bench.measured(worker, figures):
            found = bench.started(content.encode("cp1252"), kind="members", mode="validate_only")
            report = bench.until(found, "completed")["report"]
    assert report["create"] == count, report
    print(f"validate {count} member rows ({len(content) / 1e6:.1f} MB): {figures['wall']:.1f} s in all")
    print(
        f"  CPU: worker {figures['worker']:.2f} s, PostgreSQL {figures['postgres']:.2f} s;"
        f" per 100,000 rows of one core, both: {(figures['worker'] + figures['postgres']) / count * 1e5:.2f} s"
    )
    print(f"  worker's memory at most {figures['memory']:.0f} MB, {idle:.0f} MB before the file")


def run(
    bench: Bench, worker: psutil.Process, people: list[tuple[str, str]], answers: list[Answers]
) -> dict[str, float]:
    figures: dict[str, float] = {}
    found = bench.started(lines(people, answers), kind="assessments", template_id="low-back-pain")
    seen = bench.until(found, "ready")
    assert seen["report"]["create"] == len(people), seen["report"]
    with bench.measured(worker, figures):
        bench.confirm(found, seen["revision"])
        ended = bench.until(found, "completed")
    assert ended["counts"]["done"] == len(people), ended["counts"]
    return figures


def singles(
    bench: Bench, worker: psutil.Process, people: list[dict[str, str]], answers: list[Answers]
) -> dict[str, float]:
    """Start and submit, as a client does for each; until the last has its program. `people`: their headers."""

    def submit(number: int) -> UUID:
        api, headers = bench.stack.api, people[number]
        draft = api.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=headers)
        assert draft.status_code == 201, draft.text
        answer = api.post(
            f"/v1/assessments/{draft.json()['id']}/submit",
            json={"answers": answers[number % len(answers)]},
            headers=headers | {"Idempotency-Key": str(uuid4()), "If-Match": draft.headers["ETag"]},
        )
        assert answer.status_code == 202, answer.text
        return UUID(answer.json()["id"])

    figures: dict[str, float] = {}
    api = psutil.Process(bench.stack.facts["pids"]["api"])
    before = cpu_s(api)
    with bench.measured(worker, figures):
        with ThreadPoolExecutor(CLIENTS) as pool:
            jobs = list(pool.map(submit, range(len(people))))
        while bench.stack.rows(
            """select 1 from jobs where tenant_id = %s and id = any(%s) and status not in ('succeeded', 'failed')
               limit 1""",
            bench.stack.tenant_id, jobs,
        ):  # fmt: skip
            time.sleep(0.1)
    figures["api"] = cpu_s(api) - before
    return figures


def bare(bench: Bench, count: int) -> float:
    """The rows of as many assessments by executemany, a hundred in a transaction: seconds for each."""
    [(job,)] = bench.stack.rows(
        "select id from jobs where kind = 'assessment' and status = 'succeeded' and result_type = 'program' limit 1"
    )
    floor = Floor(bench.stack.superuser_url, job)
    number = itertools.count(2_000_000)

    def hundred() -> None:
        with floor.connection.transaction():
            made = [(uuid4(), uuid4(), uuid4(), uuid4()) for _ in range(100)]
            floor.insert("assessments", [floor.assessment | {"id": a} for a, _, _, _ in made])
            floor.insert(
                "submissions",
                [
                    floor.submission
                    | {"id": s, "assessment_id": a, "attempt_number": next(number), "is_initial": False}
                    for a, s, _, _ in made
                ],
            )
            floor.insert("jobs", [floor.job | {"id": j, "assessment_id": a} for a, _, j, _ in made])
            floor.insert("scores", [floor.score | {"submission_id": s} for _, s, _, _ in made])
            floor.insert(
                "programs",
                [
                    floor.program | {"id": p, "job_id": j, "submission_id": s, "status": "archived"}
                    for _, s, j, p in made
                ],
            )
            new = [(p, {row["id"]: uuid4() for row in floor.sessions}) for _, _, _, p in made]
            floor.insert(
                "sessions", [r | {"id": ids[r["id"]], "program_id": p} for p, ids in new for r in floor.sessions]
            )
            floor.insert(
                "prescribed_exercises",
                [r | {"session_id": ids[r["session_id"]]} for _, ids in new for r in floor.items],
            )

    rounds = max(1, count // 100)
    return sum(timed(hundred) for _ in range(rounds)) / rounds / 100


def neighbour(bench: Bench, people: int, answers: list[Answers], rounds: int, samples: int) -> None:
    """p95 of another tenant's submit while imports of so many people run, and before each of them: `samples` times."""
    users = bench.stack.facts["demo_users"]
    other = next(each for each in users if each["role"] == "member" and each["tenant_id"] != bench.stack.tenant_id)
    with httpx2.Client(base_url=bench.stack.facts["api_url"], timeout=60) as api:
        answer = api.post("/v1/auth/login", json={"email": other["email"], "password": other["password"]})
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

        def one() -> tuple[float, float]:
            time.sleep(random.uniform(0.02, 0.15))  # else it keeps step with the emulator's ticks, ten a second
            draft = api.post("/v1/assessments", json={"template_id": "low-back-pain"}, headers=headers).json()
            usual = headers | {"Idempotency-Key": str(uuid4()), "If-Match": f'"{draft["revision"]}"'}
            began = time.perf_counter()
            answer = api.post(f"/v1/assessments/{draft['id']}/submit", json={"answers": low_back_pain()}, headers=usual)
            accepted = time.perf_counter() - began
            job = answer.json()["id"]
            ended = api.get(f"/v1/jobs/{job}", headers=headers | {"Prefer": "wait=20"}).json()
            assert ended["status"] == "succeeded", ended
            return accepted, time.perf_counter() - began

        bench.stack.analyze()
        quiet: list[tuple[float, float]] = []
        during: list[tuple[float, float]] = []
        with bench.stack.worker(), bench.stack.worker():
            time.sleep(3)
            one()
            for _ in range(rounds):
                quiet += [one() for _ in range(samples)]
                found = bench.started(
                    lines(bench.people(people), answers), kind="assessments", template_id="low-back-pain"
                )
                bench.confirm(found, bench.until(found, "ready")["revision"])
                with ThreadPoolExecutor(1) as pool:
                    ended = pool.submit(bench.until, found, "completed", every_s=1)  # as a page does
                    while not ended.done():
                        during.append(one())
                ended.result()
                bench.idle()
    for name, place in (("accepted", 0), ("with its program", 1)):
        before, now = (quantile([each[place] for each in part], 0.95) * 1e3 for part in (quiet, during))
        print(
            f"another tenant's submit, {name}: p95 {before:.1f} ms alone, {now:.1f} ms beside an import"
            f" ({now / before:.2f}x; {len(quiet)} and {len(during)} submits, two workers)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = {"members": 100_000, "assessments": 10_000, "specs": 300, "singles": 600, "actions": 2_000}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ffp-benchmark-") as name:
        Path(name).chmod(0o755)
        stack = Stack(Path(name) / "stack")
        try:
            measure(Bench(stack), given)
        finally:
            stack.close()


def measure(bench: Bench, given: argparse.Namespace) -> None:
    bench.stack.rows_changed("update tenants set requests_per_minute = 100000")
    members(bench, given.members)
    answers = variants(given.specs)
    with bench.stack.worker() as worker:
        time.sleep(3)
        run(bench, worker, bench.people(20), answers[:1])  # what is loaded once
        cold = run(bench, worker, bench.people(len(answers)), answers)
        [(specs,)] = bench.stack.rows("select count(*) from solved_specs")
        print(f"\n{len(answers)} assessments with new specs ({specs} solved): {cold['wall']:.1f} s")
        _table(bench, worker, given, answers)
        bench.idle()
    print()
    neighbour(bench, max(500, given.assessments // 5), answers, rounds=8, samples=60)
    print()
    bulk_actions.measure(bench.stack, given.actions)


def _table(bench: Bench, worker: psutil.Process, given: argparse.Namespace, answers: list[Answers]) -> None:
    bench.stack.analyze()
    bulk = run(bench, worker, bench.people(given.assessments), answers)
    people = bench.signed_in(given.singles)
    bench.idle()
    bench.stack.analyze()
    single = singles(bench, worker, people, answers)
    floor = bare(bench, min(1_000, given.assessments))
    each: Callable[[dict[str, float], str, int], float] = lambda figures, name, count: figures[name] / count * 1e3  # noqa: E731
    print(f"{'ms an assessment':30}{'import':>10}{'single':>10}{'ratio':>8}")
    rows = [("wall", "wall"), ("CPU of the worker", "worker"), ("CPU of PostgreSQL", "postgres")]
    for title, name in rows:
        ours, theirs = each(bulk, name, given.assessments), each(single, name, given.singles)
        print(f"{title:30}{ours:10.2f}{theirs:10.2f}{theirs / ours:8.1f}")
    print(f"{'CPU of the API':30}{0:10.2f}{each(single, 'api', given.singles):10.2f}")
    ours = sum(each(bulk, name, given.assessments) for name in ("worker", "postgres"))
    theirs = sum(each(single, name, given.singles) for name in ("worker", "postgres", "api"))
    print(f"{'CPU in all':30}{ours:10.2f}{theirs:10.2f}{theirs / ours:8.1f}")
    wall = each(bulk, "wall", given.assessments)
    print(f"{'bare multi-row inserts, wall':30}{floor * 1e3:10.2f}{'':10}{wall / (floor * 1e3):8.1f}  import / bare")
    print(f"worker's memory at most {bulk['memory']:.0f} MB")


if __name__ == "__main__":
    main()
