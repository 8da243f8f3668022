"""Keep the library of videos, and let people watch them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from domain.errors import NotFound, StaleRevision, UnknownExercise
from domain.jobs import Job
from domain.ports import UnitOfWork
from domain.videos import NewVideo, Status, Video, captions_key, unknown

# Another file may come while nobody watches the one before it: what is published stays as it is. One whose processing
# hangs is let go; what comes of it then is nobody's.
_TAKES_UPLOADS: Final[tuple[Status, ...]] = ("draft", "processing", "ready", "failed")


def create(uow: UnitOfWork, video_id: UUID, upload_id: UUID, new: NewVideo) -> Video:
    """A draft that waits for its upload. Raises UnknownExercise."""
    _check_exercises(uow, new.exercises)
    return uow.videos.add(video_id, upload_id, new)


def change(uow: UnitOfWork, video_id: UUID, revision: int, changes: Mapping[str, Any]) -> Video:
    """Title, language or exercises. Raises UnknownExercise, StaleRevision, NotFound."""
    if "exercises" in changes:
        _check_exercises(uow, changes["exercises"])
    return uow.videos.change(video_id, revision, changes)


def announce(uow: UnitOfWork, video_id: UUID, revision: int, upload_id: UUID, media_type: str, size: int) -> Video:
    """Another upload instead of the one before it. Raises VideoInOtherState, StaleRevision, NotFound."""
    values = {"upload_id": upload_id, "media_type": media_type, "upload_size": size, "error_code": None}
    return uow.videos.move(video_id, revision, _TAKES_UPLOADS, "draft", values)


def process(uow: UnitOfWork, video: Video, revision: int, job_id: UUID) -> tuple[Video, Job]:
    """Have the upload of `video` processed; it has been looked at. Raises VideoInOtherState, StaleRevision."""
    if video.revision != revision:
        raise StaleRevision
    moved = uow.videos.move(video.id, revision, ("draft",), "processing")
    return moved, uow.jobs.enqueue(job_id, "video", _keeper(uow), video.upload_id)


def caption(uow: UnitOfWork, video_id: UUID, revision: int, captions_id: UUID) -> Video:
    """The captions with this id are stored. Raises StaleRevision, NotFound."""
    return uow.videos.change(video_id, revision, {"captions_key": captions_key(video_id, captions_id)})


def publish(uow: UnitOfWork, video_id: UUID, revision: int) -> Video:
    """From now on it is in the programs that have one of its exercises. Raises VideoInOtherState, StaleRevision."""
    return uow.videos.move(video_id, revision, ("ready", "retired"), "published")


def retire(uow: UnitOfWork, video_id: UUID, revision: int) -> Video:
    """Nobody gets an address of it any more; those that are out end within minutes."""
    return uow.videos.move(video_id, revision, ("published", "ready"), "retired")


def _check_exercises(uow: UnitOfWork, exercises: Sequence[str]) -> None:
    wrong = unknown(exercises, uow.videos.known_exercises(exercises))
    if wrong:
        raise UnknownExercise(wrong)


def _keeper(uow: UnitOfWork) -> UUID:
    if uow.context.user_id is None:
        raise NotFound
    return uow.context.user_id
