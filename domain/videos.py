"""Videos of exercises: what FFP ships to every tenant, what it takes to upload one, and what is made of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from domain.errors import InvalidCaptions

Status = Literal["draft", "processing", "ready", "published", "retired", "failed"]
# What may be uploaded: the containers that browsers and telephones make.
MEDIA_TYPES: Final = ("video/mp4", "video/quicktime", "video/webm", "video/x-matroska")
LARGEST_UPLOAD: Final = 500_000_000  # bytes: five minutes at 13 Mbit/s
LONGEST_S: Final = 300.0
LARGEST_SIDE: Final = 4096  # pixels
LARGEST_CAPTIONS: Final = 200_000  # characters
COMPLETE: Final = 0.9  # of the length; PostgreSQL's app.note_progress says the same
PROCESSING_S: Final = 540.0  # all that is made of one upload has to be made in
# How long a video's job is its worker's: longer than that, and fetching and storing beside it.
LEASE_S: Final = 660.0

PLAYED_TYPE: Final = "video/mp4"
_HEADER = re.compile(r"\ufeff?WEBVTT(?:[ \t][^\n]*)?(?:\n|$)")
_TIMING = re.compile(
    r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})[ \t]+-->[ \t]+(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?:[ \t].*)?"
)


@dataclass(frozen=True, slots=True)
class NewVideo:
    """What a content admin says of a video. `exercises` are ids of the shipped library, `upload_size` is in bytes."""

    title: str
    language: str
    exercises: tuple[str, ...]
    media_type: str
    upload_size: int


@dataclass(frozen=True, slots=True)
class Video:
    """An entry of the library. `media_key` begins the keys of the files that `size` (bytes), `duration_s`, `width` and
    `height` (pixels) are of; `upload_id` names the newest upload, whatever has become of it.
    """

    id: UUID
    title: str
    language: str
    exercises: list[str]
    status: Status
    media_type: str
    upload_size: int
    upload_id: UUID
    media_key: str | None
    size: int | None
    duration_s: float | None
    width: int | None
    height: int | None
    hls: bool
    captions_key: str | None
    error_code: str | None
    revision: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class Playable:
    """What somebody may play, and how far they have watched it (seconds, None: not at all)."""

    id: UUID
    title: str
    language: str
    status: Status
    media_key: str
    hls: bool
    captions_key: str | None
    duration_s: float
    width: int
    height: int
    furthest_s: float | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A video of a program, for whoever may see that."""

    id: UUID
    title: str
    language: str
    exercises: list[str]
    duration_s: float
    captions: bool
    furthest_s: float | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Watched:
    """`furthest_s`: as it is stored. `written`: whether this call has stored it; `completed_now`: whether it was this
    call that completed the video, which happens once.
    """

    furthest_s: float
    completed_at: datetime | None
    written: bool
    completed_now: bool


@dataclass(frozen=True, slots=True)
class Media:
    """What the processing has made of an upload."""

    size: int
    duration_s: float
    width: int
    height: int
    hls: bool


def upload_key(video_id: UUID, upload_id: UUID) -> str:
    """Where an upload goes. Nobody but its worker reads it: what is played lies elsewhere."""
    return f"uploads/{video_id}/{upload_id}"


def media_key(video_id: UUID, upload_id: UUID) -> str:
    """Begins the keys of all that is made of an upload. What lies there never changes."""
    return f"videos/{video_id}/{upload_id}"


def captions_key(video_id: UUID, captions_id: UUID) -> str:
    return f"videos/{video_id}/captions/{captions_id}.vtt"


def video_file(prefix: str) -> str:
    return f"{prefix}/video.mp4"


def thumbnail_file(prefix: str) -> str:
    return f"{prefix}/thumbnail.jpg"


def playlist_file(prefix: str) -> str:
    return f"{prefix}/hls/index.m3u8"


def unknown(exercises: Sequence[str], known: Sequence[str]) -> list[int]:
    """Places of those that are not among the known."""
    there = set(known)
    return [place for place, exercise in enumerate(exercises) if exercise not in there]


def checked_captions(text: str) -> bytes:
    """WebVTT as it is stored, with LF at the ends of lines: https://www.w3.org/TR/webvtt1/. Raises InvalidCaptions
    with the line where it is not, counted from 1.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in plain or not _HEADER.match(plain):
        raise InvalidCaptions(1)
    cues, last = 0, -1.0
    for number, line in enumerate(plain.split("\n"), 1):
        if "-->" not in line:
            continue
        timing = _TIMING.fullmatch(line)
        if timing is None:
            raise InvalidCaptions(number)
        starts, ends = _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:])
        if starts >= ends or starts < last:  # the format wants cues in the order of their starts
            raise InvalidCaptions(number)
        cues, last = cues + 1, starts
    if cues == 0:
        raise InvalidCaptions(plain.count("\n") + 1)
    return plain.removeprefix("\ufeff").encode()


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + thousandths / 1000
