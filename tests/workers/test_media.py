"""What ffmpeg makes of uploads, and what it refuses."""

import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from domain.errors import InvalidCaptions
from domain.jobs import Job, Transient, message_for
from domain.tenancy import CONTENT_TENANT, Context
from domain.videos import LEASE_S, checked_captions, upload_key
from infra import media, video_files
from infra.database import unit_of_work
from infra.local.buckets import VIDEOS
from infra.publishing import publish_committed
from tests.conftest import Database, emulated_sqs
from tests.films import film
from workers import beside, videos
from workers.work import deliver

NEVER = threading.Event()


def convert(tmp_path: Path, content: bytes, limit_s: float = 60, *, hls: bool = False) -> tuple[media.Media, Path]:
    source, made = tmp_path / "upload", tmp_path / "made"
    source.write_bytes(content)
    made.mkdir()
    return media.convert(source, made, limit_s, NEVER, hls=hls), made


def boxes(content: bytes) -> list[bytes]:
    """The outermost boxes of an MP4 file, in their order."""
    found, at = [], 0
    while at + 8 <= len(content):
        found.append(content[at + 4 : at + 8])
        at += int.from_bytes(content[at : at + 4]) or len(content)
    return found


def test_what_is_made_plays_while_it_loads(tmp_path: Path) -> None:
    found, made = convert(tmp_path, film(2, "90x160"))
    video = made / "video.mp4"
    kinds = boxes(video.read_bytes())
    assert kinds.index(b"moov") < kinds.index(b"mdat")
    assert (found.width, found.height, found.size, found.hls) == (90, 160, video.stat().st_size, False)
    said = subprocess.run([media.program(), "-i", video], capture_output=True, text=True, check=False).stderr
    assert "Video: h264 (Main)" in said
    assert "yuv420p" in said
    assert "Audio: aac" in said
    assert (made / "thumbnail.jpg").read_bytes()[:3] == b"\xff\xd8\xff"


def test_renditions_are_made_where_they_are_wanted(tmp_path: Path) -> None:
    found, made = convert(tmp_path, film(1), hls=True)
    assert found.hls
    playlist = (made / "hls" / "index.m3u8").read_text().splitlines()
    for name in (line for line in playlist if not line.startswith("#")):
        parts = (made / "hls" / name).read_text().splitlines()
        assert parts[-1] == "#EXT-X-ENDLIST"
        for part in (line for line in parts if not line.startswith("#")):
            assert (made / "hls" / part).stat().st_size > 0


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/secret\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile /etc/passwd\n"


@pytest.mark.parametrize(
    "content",
    [b"", b"not a film", b"\xff\xd8\xff\xe0" + bytes(400), PLAYLIST, CONCAT, b"\0\0\0\x18ftypmp42" + bytes(500),
     b"<svg xmlns='http://www.w3.org/2000/svg'/>"],
)  # fmt: skip
def test_what_is_no_film_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(media.Refused, match="media_unreadable"):
        convert(tmp_path, content)


def test_a_film_that_breaks_off_a_sound_and_one_too_long_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "whole.mp4"
    source.write_bytes(film(4))
    sound = tmp_path / "sound.m4a"
    subprocess.run([media.program(), "-loglevel", "error", "-i", source, "-vn", "-c", "copy", sound], check=True)
    (tmp_path / "sound").mkdir()
    with pytest.raises(media.Refused, match="media_unreadable"):
        convert(tmp_path / "sound", sound.read_bytes())
    (tmp_path / "cut").mkdir()
    _, whole = convert(tmp_path / "cut", film(4))
    content = (whole / "video.mp4").read_bytes()
    (tmp_path / "again").mkdir()
    with pytest.raises(media.Refused, match="media_unreadable"):
        convert(tmp_path / "again", content[: len(content) // 2])
    with monkeypatch.context() as patch, pytest.raises(media.Refused, match="media_too_large"):
        patch.setattr(media, "LARGEST_SIDE", 100)
        media.probe(source)
    monkeypatch.setattr(media, "LONGEST_S", 3.0)
    for place, container, codec in (("said", "mp4", "libx264"), ("unsaid", "webm", "libvpx")):
        (tmp_path / place).mkdir()
        with pytest.raises(media.Refused, match="media_too_long"):
            convert(tmp_path / place, film(5, container=container, codec=codec))


def test_a_limit_of_time_and_the_end_of_the_process_stop_it(tmp_path: Path) -> None:
    with pytest.raises(media.Refused, match="media_too_slow"):
        convert(tmp_path, film(), limit_s=0)
    ending = threading.Event()
    ending.set()
    (tmp_path / "again").mkdir()
    with pytest.raises(media.Stopped):
        media.convert(tmp_path / "upload", tmp_path / "again", 60, ending, hls=False)


# --- the job ---


@dataclass(frozen=True)
class Uploaded:
    video: UUID
    job: Job


@pytest.fixture
def uploaded(db: Database, queues: dict[str, str]) -> Callable[[bytes], Uploaded]:
    """A video whose upload waits to be processed, its message on the queue."""

    def make(content: bytes) -> Uploaded:
        video, upload, staff = uuid4(), uuid4(), uuid4()
        db.rows(
            """insert into videos (id, title, language, exercises, status, media_type, upload_size, upload_id)
               values (%s, '', 'en', '{dead_bug}', 'processing', 'video/mp4', %s, %s)""",
            video, len(content), upload,
        )  # fmt: skip
        video_files.store_text(upload_key(video, upload), content, "video/mp4")
        context = Context(CONTENT_TENANT, staff, "content_admin")
        with unit_of_work(context) as uow:
            job = uow.jobs.enqueue(uuid4(), "video", staff, upload)
        publish_committed(context, message_for(job))
        return Uploaded(video, job)

    return make


def status(db: Database, made: Uploaded) -> tuple[str, str]:
    [row] = db.rows("select v.status as video, j.status as job from videos v, jobs j where v.id = %s and j.id = %s",
                    made.video, made.job.id)  # fmt: skip
    return row["video"], row["job"]


def on_queue(queues: dict[str, str]) -> int:
    """Whatever is on it, seen or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = emulated_sqs().get_queue_attributes(QueueUrl=queues["media"], AttributeNames=names)["Attributes"]
    return sum(int(each) for each in found.values())


def test_beside_a_worker_a_thread_takes_them(
    db: Database, queues: dict[str, str], uploaded: Callable[[bytes], Uploaded]
) -> None:
    made = uploaded(film())
    stop = threading.Event()
    threads = beside.start(stop)
    deadline = time.monotonic() + 60
    while on_queue(queues) and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    for each in threads:
        each.join()
    assert status(db, made) == ("ready", "succeeded")
    assert on_queue(queues) == 0


def test_a_worker_that_ends_gives_the_film_back_and_another_makes_it(
    db: Database, uploaded: Callable[[bytes], Uploaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = uploaded(film())
    ending = threading.Event()
    ending.set()
    monkeypatch.setattr(videos, "ending", ending)
    with pytest.raises(Transient, match="worker_ending"):
        deliver(message_for(made.job))
    assert status(db, made) == ("processing", "retrying")
    monkeypatch.setattr(videos, "ending", threading.Event())
    db.rows("update jobs set available_at = null")
    deliver(message_for(made.job))
    assert status(db, made) == ("ready", "succeeded")
    deliver(message_for(made.job))  # once more: nothing
    assert db.value("select count(*) from audit_log where action = 'video.processed'") == 1


def test_while_it_is_made_nobody_else_takes_it_for_as_long_as_it_may_take(
    db: Database, uploaded: Callable[[bytes], Uploaded]
) -> None:
    made = uploaded(film())
    db.rows("update jobs set status = 'running', attempt = 1, lease_until = now() + interval '600 seconds' where id = %s",
            made.job.id)  # fmt: skip
    with pytest.raises(Transient, match="leased") as found:
        deliver(message_for(made.job))
    assert found.value.retry_in is not None
    assert found.value.retry_in > 500
    assert videos.PROCESSING_S < LEASE_S


def test_an_upload_whose_place_was_taken_is_let_go(db: Database, uploaded: Callable[[bytes], Uploaded]) -> None:
    made = uploaded(film())
    db.rows("update videos set upload_id = %s, status = 'draft' where id = %s", uuid4(), made.video)
    deliver(message_for(made.job))
    assert status(db, made) == ("draft", "succeeded")


def test_an_upload_that_is_gone_fails_for_good(db: Database, uploaded: Callable[[bytes], Uploaded]) -> None:
    made = uploaded(film())
    [row] = db.rows("select upload_id from videos")
    video_files.client().delete_object(Bucket=VIDEOS, Key=upload_key(made.video, row["upload_id"]))
    deliver(message_for(made.job))
    assert status(db, made) == ("failed", "failed")
    assert db.value("select error_code from videos") == "media_missing"


# --- captions ---

GOOD = "WEBVTT - Squat\n\nNOTE drawn\n\n1\n00:00.000 --> 00:01.500 align:start\nDown.\n\n01:00:01.500 --> 01:00:02.000\nUp.\n"


def test_captions_are_stored_as_the_format_has_them() -> None:
    assert checked_captions(GOOD) == GOOD.encode()
    assert checked_captions("\ufeff" + GOOD.replace("\n", "\r\n")) == GOOD.encode()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("WEBVTTX\n\n00:00.000 --> 00:01.000\nx", 1),
        ("1\n00:00:00,000 --> 00:00:01,000\nx", 1),  # SubRip
        ("WEBVTT\n\nno cue", 3),
        ("WEBVTT\n\n00:00.000 --> 00:00.000\nx", 3),
        ("WEBVTT\n\n00:61.000 --> 01:00.000\nx", 3),
        ("WEBVTT\n\n00:05.000 --> 00:06.000\nx\n\n00:01.000 --> 00:02.000\ny", 6),
    ],
)
def test_captions_that_are_none_name_the_line(text: str, line: int) -> None:
    with pytest.raises(InvalidCaptions) as found:
        checked_captions(text)
    assert found.value.line == line
