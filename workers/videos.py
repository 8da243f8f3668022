"""What becomes of an upload: fetched, looked into, made playable, stored. It may be killed anywhere and done again."""

import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from domain.errors import Unavailable
from domain.jobs import Permanent, Transient
from domain.records import Claim
from domain.videos import PLAYED_TYPE, PROCESSING_S, media_key, upload_key
from infra import media, settings, video_files
from infra.units import UnitOfWork

Open = Callable[[], AbstractContextManager[UnitOfWork]]

_TYPES = {".mp4": PLAYED_TYPE, ".jpg": "image/jpeg", ".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t"}
# Set when the process is about to end: then what is under way is given back.
ending = threading.Event()


def process(begin: Open, claim: Claim) -> bool:
    """The subject of the job is an upload. Where another has taken its place there is nothing to do."""
    job = claim.job
    with begin() as uow:
        video = uow.videos.of_upload(job.subject_id)
        if video is None or video.status != "processing":
            uow.jobs.finish(job)
            return False
    prefix = media_key(video.id, video.upload_id)
    try:
        with tempfile.TemporaryDirectory(prefix="ffp-media-") as directory:
            source, made = Path(directory, "upload"), Path(directory, "made")
            made.mkdir()
            video_files.fetch(upload_key(video.id, video.upload_id), source)
            found = media.convert(source, made, PROCESSING_S, ending, hls=settings.video_hls())
            for file in sorted(path for path in made.rglob("*") if path.is_file()):
                video_files.store(f"{prefix}/{file.relative_to(made).as_posix()}", file, _TYPES[file.suffix])
    except (media.Refused, video_files.Missing) as error:
        code = error.code if isinstance(error, media.Refused) else "media_missing"
        with begin() as uow:
            uow.videos.fail(video.id, video.upload_id, code)
        raise Permanent(code) from None
    except media.Stopped:
        raise Transient("worker_ending", retry_in=1) from None
    except Unavailable:
        raise Transient("storage_unavailable") from None
    with begin() as uow:
        uow.videos.finish(video.id, video.upload_id, prefix, found)
        uow.jobs.finish(job, "video", video.id)
    return False
