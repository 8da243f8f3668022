"""Who may watch which video, how far they have got, and how the library is kept."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx2
import pytest
from httpx2 import Response
from psycopg.errors import InsufficientPrivilege
from psycopg.types.json import Jsonb
from starlette.testclient import TestClient

from domain.errors import NotFound
from domain.tenancy import CONTENT_TENANT, Context
from domain.videos import Media, NewVideo
from infra import pools
from infra.database import unit_of_work
from infra.local.cdn import opened
from infra.local.cdn_keys import public_file
from infra.local.files import read_json
from tests import cluster
from tests.api.conftest import receive
from tests.conftest import CDN_URL, Database, Person, emulated_sqs, forget
from tests.films import film
from tests.statements import Recorder
from workers import media

Make = Callable[..., Any]


def give_program(db: Database, who: Person, *exercises: str, status: str = "active") -> UUID:
    """A program with one session of these exercises."""
    assessment, submission, job, program, session = (uuid4() for _ in range(5))
    tenant, user = who.tenant_id, who.context.user_id
    template = db.value("select id from templates where slug = 'low-back-pain' limit 1")
    db.rows("insert into assessments (tenant_id, id, user_id, template_id, status) values (%s, %s, %s, %s, 'submitted')",
            tenant, assessment, user, template)  # fmt: skip
    db.rows(
        """insert into submissions (tenant_id, id, assessment_id, user_id, template_slug, template_version, template_hash,
               engine_version, answers, enabled, computed, attempt_number, is_initial, answered_on)
           values (%s, %s, %s, %s, %s, '1', '', '1', '{}', '[]', '{}', 1, true, now())""",
        tenant, submission, assessment, user, str(assessment),
    )  # fmt: skip
    db.rows("""insert into jobs (tenant_id, id, user_id, kind, assessment_id, status, correlation_id)
               values (%s, %s, %s, 'assessment', %s, 'succeeded', '')""", tenant, job, user, assessment)  # fmt: skip
    db.rows(
        """insert into programs (tenant_id, id, user_id, submission_id, job_id, status, weeks, start_on, spec, proof,
               input_hash, library_hash, engine_version)
           values (%s, %s, %s, %s, %s, %s, 1, now(), '{}', '{}', '', '', '1')""",
        tenant, program, user, submission, job, status,
    )  # fmt: skip
    db.rows("""insert into sessions (tenant_id, id, program_id, user_id, week, number, deload, scheduled_on, minutes)
               values (%s, %s, %s, %s, 1, 1, false, now(), 10)""", tenant, session, program, user)  # fmt: skip
    for place, exercise in enumerate(exercises, 1):
        db.rows(
            """insert into prescribed_exercises (tenant_id, session_id, position, user_id, exercise, role, sets, reps, rest_s,
                   minutes, why) values (%s, %s, %s, %s, %s, 'main', 1, 10, 0, 1, %s)""",
            tenant, session, place, user, exercise, Jsonb([]),
        )  # fmt: skip
    return program


def give_video(db: Database, *exercises: str, status: str = "published", language: str = "en") -> UUID:
    """Ten seconds long."""
    video, upload = uuid4(), uuid4()
    db.rows(
        """insert into videos (id, title, language, exercises, status, media_type, upload_size, upload_id, media_key,
               duration_s, width, height, captions_key)
           values (%s, 'A video', %s, %s, %s, 'video/mp4', 1, %s, %s, 10, 640, 360, %s)""",
        video, language, list(exercises), status, upload, f"videos/{video}/{upload}", f"videos/{video}/captions/x.vtt",
    )  # fmt: skip
    return video


@pytest.fixture
def admin(db: Database, identity: None, sign: Callable[..., str]) -> dict[str, str]:
    db.rows("insert into identity.principals (sub, staff_role) values ('content', 'content_admin')")
    return {"Authorization": f"Bearer {sign('content')}"}


def stream(api: TestClient, video: object, headers: dict[str, str]) -> Response:
    return api.get(f"/v1/videos/{video}/stream", headers=headers)


# --- who may watch ---


def test_a_video_is_for_whoever_may_see_a_program_with_its_exercise(
    api: TestClient, person: Make, db: Database, admin: dict[str, str]
) -> None:
    member, neighbour, clinician = person("acme"), person("acme"), person("acme", "clinician")
    stranger, their_clinician = person("globex"), person("globex", "clinician")
    solo = person("solo", "individual", "individual")
    program = give_program(db, member, "pelvic_tilt", "dead_bug")
    theirs = give_program(db, stranger, "bird_dog")
    video, other = give_video(db, "dead_bug", "side_plank"), give_video(db, "bird_dog")
    unseen = {each: stream(api, video, who.headers) for each, who in
              {"neighbour": neighbour, "stranger": stranger, "their clinician": their_clinician, "solo": solo}.items()}  # fmt: skip
    assert {each: answer.status_code for each, answer in unseen.items()} == dict.fromkeys(unseen, 404)
    unknown = stream(api, uuid4(), stranger.headers).json()
    known = unseen["stranger"].json()
    assert {k: v for k, v in known.items() if k not in {"instance", "request_id"}} == {
        k: v for k, v in unknown.items() if k not in {"instance", "request_id"}
    }
    for who in (member, clinician):
        assert stream(api, video, who.headers).status_code == 200
        assert stream(api, other, who.headers).status_code == 404
        assert api.get(f"/v1/videos?program_id={theirs}", headers=who.headers).json() == {"items": []}
        found = api.get(f"/v1/videos?program_id={program}", headers=who.headers).json()["items"]
        assert [each["id"] for each in found] == [str(video)]
    for who in (neighbour, stranger, their_clinician):
        assert api.get(f"/v1/videos?program_id={program}", headers=who.headers).json() == {"items": []}
    assert stream(api, other, stranger.headers).status_code == 200
    assert stream(api, video, admin).status_code == 200
    assert api.get(f"/v1/videos?program_id={program}&language=de", headers=member.headers).json() == {"items": []}


@pytest.mark.parametrize(
    ("program", "video", "member", "clinician"),
    [
        ("archived", "published", 200, 200),
        ("pending_review", "published", 404, 200),
        ("rejected", "published", 404, 200),
        ("active", "retired", 404, 404),
        ("active", "ready", 404, 404),
    ],
)
def test_what_has_not_been_approved_or_published_is_not_watched(
    program: str, video: str, member: int, clinician: int,
    api: TestClient, person: Make, db: Database, admin: dict[str, str],
) -> None:  # fmt: skip
    who, carer = person("acme"), person("acme", "clinician")
    give_program(db, who, "dead_bug", status=program)
    found = give_video(db, "dead_bug", status=video)
    assert stream(api, found, who.headers).status_code == member
    assert stream(api, found, carer.headers).status_code == clinician
    assert stream(api, found, admin).status_code == 200


def test_addresses_are_signed_for_five_minutes_in_one_statement(
    api: TestClient, person: Make, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = person("acme")
    give_program(db, who, "dead_bug")
    video = give_video(db, "dead_bug")
    with Recorder(db.app_url) as recorder:
        monkeypatch.setenv("FFP_DATABASE_URL", recorder.url)
        forget()
        pools.is_ready()
        with recorder.count() as asked:
            answer = stream(api, video, who.headers)
        forget()
    assert (asked.statements, asked.round_trips) == (2, 2), asked  # who it is; and this
    body = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    keys = read_json(public_file(cluster.emulator().directory))["keys"]
    assert body["key_id"] in keys
    until = datetime.fromisoformat(body["expires_at"])
    for name in ("url", "thumbnail_url", "captions_url"):
        assert body[name].startswith(f"{CDN_URL}/videos/{video}/")
        opened(body[name], keys, (until - timedelta(seconds=1)).timestamp())
    made_at = until - timedelta(seconds=300)
    assert abs(made_at.timestamp() - datetime.now(until.tzinfo).timestamp()) < 60


# --- how far ---


def note(api: TestClient, video: object, who: Person, position: float, **more: object) -> Response:
    return api.post(f"/v1/videos/{video}/progress", json={"position_s": position, **more}, headers=who.headers)


def later(db: Database, seconds: float) -> None:
    """As if it had been so long ago."""
    db.rows("update video_progress set updated_at = updated_at - make_interval(secs => %s)", seconds)


def test_the_furthest_place_is_kept_once_an_interval_and_the_end_once(
    api: TestClient, person: Make, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    who = person("acme")
    program = give_program(db, who, "dead_bug")
    video = give_video(db, "dead_bug")

    def at(position: float) -> tuple[float, bool, bool]:
        body = note(api, video, who, position).json()
        return body["furthest_s"], body["completed"], body["completed_now"]

    assert at(2) == (2, False, False)
    versions = "select xmin::text || ctid::text from video_progress"
    first = db.value(versions)
    assert at(4) == (2, False, False)  # within the interval: nothing is written
    assert db.value(versions) == first
    later(db, 6)
    assert at(1) == (2, False, False)  # it never goes back
    assert at(5) == (5, False, False)
    assert at(8.9) == (5, False, False)
    assert at(9) == (9, True, True)  # the end counts at once, and once
    assert at(9) == (9, True, False)
    later(db, 6)
    assert at(500) == (10, True, False)  # no further than there is
    ended = db.rows("select subject_id, subject_user_id from audit_log where action = 'video.completed'")
    assert [(row["subject_id"], row["subject_user_id"]) for row in ended] == [(video, who.context.user_id)]
    [listed] = api.get(f"/v1/videos?program_id={program}", headers=who.headers).json()["items"]
    assert (listed["furthest_s"], listed["completed_at"] is None) == (10, False)
    assert stream(api, video, who.headers).json()["furthest_s"] == 10


def test_a_place_is_noted_in_one_statement(
    api: TestClient, person: Make, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = person("acme")
    give_program(db, who, "dead_bug")
    video = give_video(db, "dead_bug")
    with Recorder(db.app_url) as recorder:
        monkeypatch.setenv("FFP_DATABASE_URL", recorder.url)
        forget()
        pools.is_ready()
        costs = []
        for position in (1.0, 2.0, 9.5):
            with recorder.count() as asked:
                assert note(api, video, who, position).status_code == 200
            costs.append((asked.statements, asked.round_trips))
        forget()
    assert costs == [(2, 2)] * 3  # who it is; and this


def test_a_place_is_one_s_own(api: TestClient, person: Make, db: Database) -> None:
    who, neighbour, stranger, carer = person("acme"), person("acme"), person("globex"), person("acme", "clinician")
    program = give_program(db, who, "dead_bug")
    give_program(db, neighbour, "dead_bug")
    video = give_video(db, "dead_bug")
    assert note(api, video, who, 7).status_code == 200
    assert note(api, video, stranger, 7).status_code == 404
    assert note(api, uuid4(), who, 7).status_code == 404
    for other in (neighbour, carer):
        assert stream(api, video, other.headers).json()["furthest_s"] is None
    assert note(api, video, neighbour, 3).json()["furthest_s"] == 3
    session = db.value("select id from sessions where program_id = %s", program)
    assert note(api, video, neighbour, 4, session=str(session)).status_code == 404  # not theirs
    assert note(api, video, who, 4, session=str(session)).status_code == 200
    for bad in (-1, 1e9, "far", None):
        assert note(api, video, who, bad).status_code == 422  # type: ignore[arg-type]
    assert db.value("select count(*) from video_progress") == 2


def test_many_at_once_leave_the_furthest_and_complete_it_once(person: Make, db: Database) -> None:
    who = person("acme")
    give_program(db, who, "dead_bug")
    video = give_video(db, "dead_bug")

    def write(position: float) -> bool:
        with unit_of_work(who.context) as uow:
            return uow.videos.note(video, position, None, 0.000_1).completed_now

    with ThreadPoolExecutor(8) as writers:
        ends = list(writers.map(write, [place / 10 for place in range(1, 101)] * 2))
    assert sum(ends) == 1
    assert db.value("select furthest_s from video_progress") == 10
    assert db.value("select count(*) from audit_log where action = 'video.completed'") == 1


# --- the library ---


def announce(api: TestClient, admin: dict[str, str], size: int, media_type: str = "video/mp4") -> dict[str, Any]:
    new = {"title": "Dead bug", "language": "en", "exercises": ["dead_bug"], "media_type": media_type, "size": size}
    answer = api.post("/v1/content/videos", json=new, headers=admin)
    assert answer.status_code == 201, answer.text
    return answer.json()


def upload(form: dict[str, Any], content: bytes, **changes: str) -> int:
    """As a browser posts a form."""
    files = {"file": ("film", content, "application/octet-stream")}
    with httpx2.Client(trust_env=False) as client:
        return client.post(form["url"], data=form["fields"] | changes, files=files).status_code


@pytest.fixture
def keep(api: TestClient, admin: dict[str, str]) -> Callable[..., Response]:
    """An action on a video as it was read last."""

    def do(action: str, video: dict[str, Any], body: object = None, method: str = "POST") -> Response:
        headers = admin | {"If-Match": f'"{video["revision"]}"'}
        return api.request(method, f"/v1/content/videos/{video['id']}{action}", json=body, headers=headers)

    return do


@pytest.fixture
def process(queues: dict[str, str]) -> Callable[[], list[str]]:
    """What is on the queue, as Lambda hands it over. Returns what failed."""

    def run() -> list[str]:
        found = receive(emulated_sqs(), queues["media"])
        answer = media.handler({"Records": found}, None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return run


def test_from_an_upload_to_a_member_s_screen(
    api: TestClient, person: Make, db: Database, admin: dict[str, str], keep: Make, process: Make
) -> None:
    content = film()
    video = announce(api, admin, len(content))
    assert keep("/uploaded", video).json()["code"] == "upload_missing"
    assert upload(video["upload"], content + b"!") == 400
    assert upload(video["upload"], content, **{"Content-Type": "text/html"}) == 403
    assert upload(video["upload"], content, key=f"videos/{video['id']}/video.mp4") == 403
    assert keep("/publish", video).json()["code"] == "video_in_other_state"
    assert upload(video["upload"], content) == 204
    processing = keep("/uploaded", video)
    assert (processing.status_code, processing.json()["status"]) == (202, "processing")
    assert keep("/uploaded", processing.json()).json()["code"] == "video_in_other_state"
    assert process() == []
    ready = api.get(f"/v1/content/videos/{video['id']}", headers=admin).json()
    assert (ready["status"], ready["width"], ready["height"], ready["error_code"]) == ("ready", 160, 90, None)
    assert ready["duration_s"] == pytest.approx(1.0, abs=0.3)
    assert keep("/publish", video).status_code == 412
    published = keep("/publish", ready).json()
    who = person("acme")
    give_program(db, who, "dead_bug")
    assert stream(api, video["id"], who.headers).status_code == 200
    assert keep("/upload", published, {"media_type": "video/mp4", "size": 5}).json()["code"] == "video_in_other_state"
    retired = keep("/retire", published).json()
    assert stream(api, video["id"], who.headers).status_code == 404
    assert (retired["status"], retired["published_at"] is None) == ("retired", False)
    job = db.rows("select * from jobs where kind = 'video'")[0]
    assert (job["tenant_id"], job["status"], str(job["result_id"])) == (CONTENT_TENANT, "succeeded", video["id"])
    actions = db.rows("select action, tenant_id from audit_log where subject_type = 'video' order by id")
    assert {row["tenant_id"] for row in actions} == {CONTENT_TENANT}
    assert [row["action"] for row in actions] == [
        "video.added", "video.processing", "video.processed", "video.published", "video.retired",
    ]  # fmt: skip


def test_a_bad_file_says_why_and_another_may_take_its_place(
    api: TestClient, db: Database, admin: dict[str, str], keep: Make, process: Make
) -> None:
    bad = b"\0\0\0\x18ftypmp42" + bytes(500)
    video = announce(api, admin, len(bad))
    assert upload(video["upload"], bad) == 204
    assert keep("/uploaded", video).status_code == 202
    assert process() == []  # it will never be better: no retry
    failed = api.get(f"/v1/content/videos/{video['id']}", headers=admin).json()
    assert (failed["status"], failed["error_code"]) == ("failed", "media_unreadable")
    assert db.rows("select status, error_code from jobs where kind = 'video'") == [
        {"status": "failed", "error_code": "media_unreadable"}
    ]
    content = film(container="webm", codec="libvpx")
    again = keep("/upload", failed, {"media_type": "video/webm", "size": len(content)}).json()
    assert (again["status"], again["error_code"]) == ("draft", None)
    assert upload(again["upload"], content) == 204
    assert keep("/uploaded", again).status_code == 202
    assert process() == []
    assert api.get(f"/v1/content/videos/{video['id']}", headers=admin).json()["status"] == "ready"


def test_captions_titles_and_filters(
    api: TestClient, person: Make, db: Database, admin: dict[str, str], keep: Make
) -> None:
    video = announce(api, admin, 5)
    captioned = keep("/captions", video, {"text": "WEBVTT\n\n00:00.000 --> 00:01.000\nDown.\n"}, "PUT").json()
    assert captioned["captions"] is True
    refused = keep("/captions", captioned, {"text": "WEBVTT\n\n00:02.000 --> 00:01.000\nDown.\n"}, "PUT").json()
    assert (refused["code"], refused["errors"][0]["message"].startswith("Line 3 ")) == ("invalid_captions", True)
    changed = keep("", captioned, {"title": "Dead bug, slowly", "language": "de"}, "PATCH").json()
    assert (changed["title"], changed["language"], changed["exercises"]) == ("Dead bug, slowly", "de", ["dead_bug"])
    unknown = keep("", changed, {"exercises": ["dead_bug", "moon_walk"]}, "PATCH").json()
    assert (unknown["code"], [each["pointer"] for each in unknown["errors"]]) == ("unknown_exercise", ["/exercises/1"])
    assert keep("", video, {"title": "Late"}, "PATCH").status_code == 412
    other = announce(api, admin, 6)

    def listed(**filters: str) -> list[str]:
        found = api.get("/v1/content/videos", params=filters, headers=admin).json()
        return [each["id"] for each in found["items"]]

    assert listed() == [other["id"], video["id"]]
    assert listed(language="de") == [video["id"]]
    assert listed(status="published") == []
    assert listed(exercise="dead_bug", language="en") == [other["id"]]
    page = api.get("/v1/content/videos?limit=1", headers=admin).json()
    assert (
        api.get("/v1/content/videos", params={"limit": 1, "cursor": page["next"]}, headers=admin).json()["items"][0][
            "id"
        ]
        == video["id"]
    )
    for role in ("business_owner", "clinician", "member"):
        assert api.get("/v1/content/videos", headers=person("acme", role).headers).status_code == 403


def test_the_tenant_of_content_work_has_nobody_s_records_and_no_one_else_writes_videos(
    person: Make, db: Database, admin: dict[str, str]
) -> None:
    who = person("acme", "business_owner")
    program = give_program(db, who, "dead_bug")
    draft = give_video(db, "dead_bug", status="ready")
    staff = db.value("select staff_id from identity.principals where sub = 'content'")
    with unit_of_work(Context(CONTENT_TENANT, staff, "content_admin")) as uow:
        assert uow.videos.read(draft).status == "ready"
        assert uow.videos.of_program(program, None) == []
    with pytest.raises(NotFound), unit_of_work(who.context) as uow:
        uow.videos.change(draft, 1, {"title": "Mine"})  # it is not even there
    new = NewVideo("Mine", "en", ("dead_bug",), "video/mp4", 1)
    with pytest.raises(InsufficientPrivilege), unit_of_work(who.context) as uow:
        uow.videos.add(uuid4(), uuid4(), new)
    with unit_of_work(Context(who.tenant_id, None, "worker")) as uow:  # a worker of another tenant's
        assert uow.videos.finish(draft, draft, "videos/x", Media(1, 1.0, 1, 1, hls=False)) is False


def test_addresses_have_no_host_but_the_cdn_s(api: TestClient, db: Database, admin: dict[str, str]) -> None:
    body = stream(api, give_video(db, "dead_bug"), admin).json()
    assert {urlsplit(body[name]).netloc for name in ("url", "thumbnail_url", "captions_url")} == {"cdn.example"}
    assert body["hls"] is None
