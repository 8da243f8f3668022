"""What it costs to let somebody watch a video, and to note how far a thousand people have got.

    .venv/bin/python benchmarks/videos.py [--asks 2000] [--rounds 5]

In this process, as on Lambda, against a durable PostgreSQL of its own, in a tenant with a thousand programs. A poll and
a stream take turns. The floor of a written place is one UPDATE of the same row by its key, as asynchronous as it.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg_pool import ConnectionPool

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.throttle import ISSUER, Signer, Tenant, micros, quick, timed  # noqa: E402
from domain.errors import NotFound  # noqa: E402
from domain.tenancy import Context  # noqa: E402
from infra import cdn, database, migrate, pools, seed  # noqa: E402
from infra.local.cdn_keys import ensure_keys, private_file  # noqa: E402
from infra.local.cluster import SUPERUSER  # noqa: E402
from infra.local.postgres import EmbeddedPostgres  # noqa: E402

from api.app import create_app  # noqa: E402 # isort: skip - benchmarks.throttle says first how routes run

WRITERS = 1000
THREADS = 32
CONNECTIONS = 8

# A thousand people, each with a program of 24 sessions of 8 exercises; the benchmark's own member is the first.
PEOPLE = """
create temporary table p as select n, case n when 1 then %(user)s::uuid else gen_random_uuid() end as person,
    gen_random_uuid() as assessment, gen_random_uuid() as submission, gen_random_uuid() as job,
    gen_random_uuid() as program from generate_series(1, %(people)s) n;
insert into users (tenant_id, id, email, role)
    select %(tenant)s, person, n || '@p.example', 'member' from p where n > 1;
insert into assessments (tenant_id, id, user_id, template_id, status)
    select %(tenant)s, assessment, person, (select id from templates where slug = 'low-back-pain'), 'submitted' from p;
insert into submissions (tenant_id, id, assessment_id, user_id, template_slug, template_version, template_hash,
        engine_version, answers, enabled, computed, attempt_number, is_initial, answered_on)
    select %(tenant)s, submission, assessment, person, 'low-back-pain', '1', '', '1', '{}', '[]', '{}',
        1, true, now() from p;
insert into jobs (tenant_id, id, user_id, kind, assessment_id, status, correlation_id)
    select %(tenant)s, job, person, 'assessment', assessment, 'succeeded', '' from p;
insert into programs (tenant_id, id, user_id, submission_id, job_id, status, weeks, start_on, spec, proof, input_hash,
        library_hash, engine_version)
    select %(tenant)s, program, person, submission, job, 'active', 8, now(), '{}', '{}', '', '', '1' from p;
create temporary table s as select gen_random_uuid() as id, program, person, w from p, generate_series(1, 24) w;
insert into sessions (tenant_id, id, program_id, user_id, week, number, deload, scheduled_on, minutes)
    select %(tenant)s, id, program, person, w, 1, false, now(), 30 from s;
insert into prescribed_exercises (tenant_id, session_id, position, user_id, exercise, role, sets, reps, rest_s,
        minutes, why)
    select %(tenant)s, id, e, person, 'exercise_' || e, 'main', 2, 10, 60, 4, '[]' from s, generate_series(1, 8) e;
insert into videos (id, title, language, exercises, status, media_type, upload_size, upload_id, media_key,
        duration_s, width, height)
    select v, 'V', 'en', array[e], 'published', 'video/mp4', 1, v, 'videos/' || v, 100000, 640, 360
    from (values (%(video)s::uuid, 'exercise_8'), (%(other)s::uuid, 'nobody_has_it')) x (v, e);
analyze;
"""


class Library:
    def __init__(self, url: str, tenant: Tenant) -> None:
        self.video, self.other = uuid4(), uuid4()
        with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            params = {"user": tenant.user_id, "tenant": tenant.id, "video": self.video, "other": self.other,
                      "people": WRITERS}  # fmt: skip
            connection.execute(PEOPLE, params)
            rows = connection.execute("select id from users where tenant_id = %s", (tenant.id,)).fetchall()
        self.people: list[UUID] = [row[0] for row in rows]


def measure_stream(tenant: Tenant, library: Library, token: str, asks: int) -> None:
    app = create_app()

    async def ask(path: str) -> float:
        status = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, object]) -> None:
            status.append(message.get("status"))

        scope: dict[str, Any] = {
            "type": "http", "method": "GET", "path": path, "query_string": b"", "http_version": "1.1", "raw_path": b"",
            "root_path": "", "scheme": "https", "server": ("x", 443), "client": ("127.0.0.1", 1),
            "headers": [(b"host", b"x"), (b"authorization", b"Bearer " + token.encode())],
        }  # fmt: skip
        began = time.perf_counter()
        await app(scope, receive, send)  # type: ignore[arg-type]
        took = time.perf_counter() - began
        assert status[0] == 200, status
        return took

    async def turns() -> tuple[list[float], list[float]]:
        poll, stream = f"/v1/jobs/{tenant.job_id}", f"/v1/videos/{library.video}/stream"
        took: dict[str, list[float]] = {poll: [], stream: []}
        for number in range(asks + 100):
            for path in (poll, stream) if number % 2 else (stream, poll):
                took[path].append(await ask(path))
        return took[poll][100:], took[stream][100:]

    polls, streams = asyncio.run(turns())
    print(f"poll                                       {micros(polls)}")
    print(f"stream                                     {micros(streams)}")
    print(f"stream to poll, by the quickest tenths     {quick(streams) / quick(polls):.2f} x\n")
    care = Context(tenant.id, tenant.user_id, "clinician")
    found = play(tenant.context, library.video)
    parts: dict[str, Callable[[], object]] = {
        "the poll's own statement": lambda: read(tenant),
        "who may: a member": lambda: play(tenant.context, library.video),
        "who may: a clinician": lambda: play(care, library.video),
        "who may not: a clinician, nobody has it": lambda: play(care, library.other),
        "two signatures (video, picture)": lambda: cdn.addresses(found),
    }
    for name, do in parts.items():
        print(f"{name:42} {micros([timed(do) for _ in range(asks)])}")


def read(tenant: Tenant) -> None:
    with database.unit_of_work(tenant.context) as uow:
        uow.jobs.read(tenant.job_id)


def play(who: Context, video: UUID) -> Any:
    with database.unit_of_work(who) as uow:
        try:
            return uow.videos.play(video)
        except NotFound:
            return None


def measure_progress(tenant: Tenant, library: Library, rounds: int) -> None:
    def note(place: float, interval_s: float) -> Callable[[UUID], object]:
        def do(person: UUID) -> object:
            with database.unit_of_work(Context(tenant.id, person, "member")) as uow:
                return uow.videos.note(library.video, place, None, interval_s)

        return do

    # As whom no policy binds, and as lazily committed: one statement that writes one row by its key.
    bare = ConnectionPool(
        os.environ["FFP_SUPERUSER_URL"],
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        kwargs={"autocommit": True, "options": "-c synchronous_commit=off"},
    )

    def floor(person: UUID) -> None:
        with bare.connection() as raw:
            raw.execute(
                """update video_progress set furthest_s = furthest_s + 0.1
                   where tenant_id = %s and user_id = %s and video_id = %s""",
                (tenant.id, person, library.video),
            )

    print(f"\n{WRITERS} people, {THREADS} threads on {CONNECTIONS} connections; a second:")
    with bare, ThreadPoolExecutor(THREADS) as threads:

        def rate(do: Callable[[UUID], object]) -> float:
            began = time.perf_counter()
            list(threads.map(do, library.people))
            return len(library.people) / (time.perf_counter() - began)

        first = rate(note(1, 0.000_1))
        rates: dict[str, list[float]] = {"floor": [], "noted": [], "nothing to note": []}
        for number in range(rounds):
            rates["floor"].append(rate(floor))
            rates["noted"].append(rate(note(10 + number * 10, 0.000_1)))
            rates["nothing to note"].append(rate(note(10 + number * 10 + 5, 3600)))
    print(f"first place of everybody                   {first:6.0f}")
    for kind, found in rates.items():
        print(f"{kind:42} {sorted(found)[len(found) // 2]:6.0f}   {[round(each) for each in found]}")
    print(f"noted to floor                             {max(rates['noted']) / max(rates['floor']):.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asks", type=int, default=2000, help="polls and streams (default 2000 of each)")
    parser.add_argument("--rounds", type=int, default=5, help="how often everybody writes (default 5)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ffp-benchmark-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name)) as server:
            migrate.upgrade(server.url())
            seed.seed_templates(server.url())
            server.set_passwords(("ffp_app",))
            ensure_keys(Path(name))
            signer = Signer()
            os.environ |= {
                "FFP_DATABASE_URL": server.url("ffp_app"),
                "FFP_SUPERUSER_URL": server.url(SUPERUSER),
                "FFP_POOL_SIZE": str(CONNECTIONS),
                "FFP_COGNITO_ENDPOINT_URL": signer.url,
                "FFP_COGNITO_ISSUER": ISSUER,
                "FFP_COGNITO_USER_POOL_ID": "pool",
                "FFP_COGNITO_CLIENT_ID": "c",
                "FFP_CDN_URL": "https://cdn.example.com",
                "FFP_CDN_KEYS_FILE": str(private_file(Path(name))),
            }
            try:
                tenant = Tenant(server.url(SUPERUSER), 100_000)
                library = Library(server.url(SUPERUSER), tenant)
                measure_stream(tenant, library, signer.token(tenant.subject), given.asks)
                measure_progress(tenant, library, given.rounds)
            finally:
                pools.close()


if __name__ == "__main__":
    main()
