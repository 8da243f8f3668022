"""The library of videos, for those who keep what FFP ships."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.auth import ContentKeeper
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IfMatch, etag
from api.models import Body
from api.paging import Cursor, Limit, ListBody, Paging
from domain.errors import UploadMissing, UploadRefused
from domain.jobs import message_for
from domain.services import videos
from domain.videos import (
    LARGEST_CAPTIONS,
    LARGEST_UPLOAD,
    NewVideo,
    Status,
    Video,
    captions_key,
    checked_captions,
    upload_key,
)
from infra import video_files
from infra.database import unit_of_work
from infra.ids import new_id
from infra.publishing import publish_committed

router = APIRouter(prefix="/v1/content/videos", tags=["content"], route_class=StrictRoute)

_AT = "/v1/content/videos"
_LANGUAGE = r"^[a-z]{2,3}(-[A-Z]{2})?$"

Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$", examples=["Bodyweight squat"])]
Language = Annotated[str, Field(pattern=_LANGUAGE, examples=["en"])]
ExerciseId = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
Exercises = Annotated[list[ExerciseId], Field(min_length=1, max_length=100, examples=[["pelvic_tilt"]])]
MediaType = Literal["video/mp4", "video/quicktime", "video/webm", "video/x-matroska"]
Size = Annotated[int, Field(strict=True, ge=1, le=LARGEST_UPLOAD, description="Bytes, exactly.", examples=[1_204_331])]


class NewContentVideo(Body):
    """`media_type` and `size` are of the file that will be uploaded: no other is taken."""

    title: Title
    language: Language
    exercises: Exercises
    media_type: MediaType
    size: Size


class ChangeContentVideo(Body):
    """What is not given stays."""

    title: Title | None = None
    language: Language | None = None
    exercises: Exercises | None = None


class NewUpload(Body):
    media_type: MediaType
    size: Size


class Captions(Body):
    text: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LARGEST_CAPTIONS,
            description="WebVTT, in the language of the video.",
            examples=["WEBVTT\n\n00:00.000 --> 00:02.000\nFeet hip-width apart.\n"],
        ),
    ]


class Upload(BaseModel):
    """Post the `fields` as multipart/form-data to `url`, then the file as the field `file`. Good for 15 minutes."""

    url: str
    fields: dict[str, str]


class ContentVideo(BaseModel):
    """`error_code`, where the upload has failed: `media_unreadable`, `media_too_long`, `media_too_large`,
    `media_too_slow` or `media_missing`. Times in seconds, sizes in bytes and pixels.
    """

    id: UUID
    title: str
    language: str
    exercises: list[str]
    status: Status
    duration_s: float | None
    size: int | None
    width: int | None
    height: int | None
    captions: bool
    hls: bool
    error_code: str | None
    revision: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
    links: dict[str, str]


class ContentVideoUpload(ContentVideo):
    upload: Upload


class ContentVideoList(ListBody):
    items: list[ContentVideo]


def _body(video: Video) -> ContentVideo:
    at = f"{_AT}/{video.id}"
    links = {"self": at} | ({"stream": f"/v1/videos/{video.id}/stream"} if video.media_key else {})
    fields = {name: getattr(video, name) for name in ContentVideo.model_fields.keys() - {"links", "captions"}}
    return ContentVideo(**fields, captions=video.captions_key is not None, links=links)


def _respond(video: Video, status: int = 200, *, upload: bool = False) -> Response:
    body = _body(video)
    headers = {"ETag": etag(video.revision), "Cache-Control": "no-store"}
    if upload:
        form = video_files.form(upload_key(video.id, video.upload_id), video.media_type, video.upload_size)
        body = ContentVideoUpload(**body.model_dump(), upload=Upload(url=form.url, fields=form.fields))
    if status == 201:  # noqa: PLR2004
        headers["Location"] = f"{_AT}/{video.id}"
    return Response(body.model_dump_json(), status, headers, "application/json")


@router.post(
    "",
    summary="Add a video",
    status_code=201,
    response_model=ContentVideoUpload,
    responses=responses(400, 401, 403, 413, 415, 422, 503),
)
def create_content_video(body: NewContentVideo, user: ContentKeeper) -> Response:
    """A draft, and how to upload its file. Say so afterwards: `POST .../uploaded`."""
    new = NewVideo(body.title, body.language, tuple(body.exercises), body.media_type, body.size)
    with unit_of_work(user) as uow:
        video = videos.create(uow, new_id(), new_id(), new)
    return _respond(video, 201, upload=True)


@router.get(
    "",
    summary="The library, newest first",
    response_model=ContentVideoList,
    responses=responses(400, 401, 403, 422, 503),
)
def list_content_videos(
    user: ContentKeeper,
    status: Status | None = None,
    language: Annotated[str | None, Query(pattern=_LANGUAGE)] = None,
    exercise: Annotated[str | None, Query(pattern=r"^[a-z0-9_]{1,64}$", description="Those that show it.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    asked = {"status": status, "language": language, "exercise": exercise}
    paging = Paging(_AT, user, limit, cursor, {name: str(value) for name, value in asked.items() if value is not None})
    with unit_of_work(user) as uow:
        page = uow.videos.page(paging.window, status, language, exercise)
    return paging.respond(ContentVideoList, page, [_body(each) for each in page.items])


@router.get("/{video_id}", summary="One video", response_model=ContentVideo, responses=responses(401, 403, 404, 503))
def get_content_video(video_id: UUID, user: ContentKeeper) -> Response:
    with unit_of_work(user) as uow:
        return _respond(uow.videos.read(video_id))


@router.patch(
    "/{video_id}",
    summary="Change what is said of a video",
    response_model=ContentVideo,
    responses=responses(400, 401, 403, 404, 412, 413, 415, 422, 428, 503),
)
def change_content_video(video_id: UUID, body: ChangeContentVideo, user: ContentKeeper, revision: IfMatch) -> Response:
    with unit_of_work(user) as uow:
        return _respond(videos.change(uow, video_id, revision, body.model_dump(exclude_none=True)))


@router.post(
    "/{video_id}/upload",
    summary="Upload another file",
    response_model=ContentVideoUpload,
    responses=responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503),
)
def upload_content_video(video_id: UUID, body: NewUpload, user: ContentKeeper, revision: IfMatch) -> Response:
    """Instead of the one before it. Not of what is published: retire it, or add another video."""
    with unit_of_work(user) as uow:
        video = videos.announce(uow, video_id, revision, new_id(), body.media_type, body.size)
    return _respond(video, upload=True)


@router.post(
    "/{video_id}/uploaded",
    summary="The file is there",
    status_code=202,
    response_model=ContentVideo,
    responses=responses(401, 403, 404, 409, 412, 422, 428, 503),
)
def process_content_video(video_id: UUID, user: ContentKeeper, revision: IfMatch) -> Response:
    """It is made playable now: `status` becomes `ready`, or `failed` with an `error_code`."""
    with unit_of_work(user) as uow:
        video = uow.videos.read(video_id)
    try:
        found = video_files.looked_at(upload_key(video.id, video.upload_id))
    except video_files.Missing:
        raise UploadMissing from None
    if found != (video.media_type, video.upload_size):
        raise UploadRefused
    with unit_of_work(user) as uow:
        video, job = videos.process(uow, video, revision, new_id())
    publish_committed(user, message_for(job))
    return _respond(video, 202)


@router.put(
    "/{video_id}/captions",
    summary="Captions of a video",
    response_model=ContentVideo,
    responses=responses(400, 401, 403, 404, 412, 413, 415, 422, 428, 503),
)
def caption_content_video(video_id: UUID, body: Captions, user: ContentKeeper, revision: IfMatch) -> Response:
    content, captions_id = checked_captions(body.text), new_id()
    with unit_of_work(user) as uow:
        uow.videos.read(video_id)
    video_files.store_text(captions_key(video_id, captions_id), content, "text/vtt; charset=utf-8")
    with unit_of_work(user) as uow:
        return _respond(videos.caption(uow, video_id, revision, captions_id))


@router.post(
    "/{video_id}/publish",
    summary="Publish a video",
    response_model=ContentVideo,
    responses=responses(401, 403, 404, 409, 412, 428, 503),
)
def publish_content_video(video_id: UUID, user: ContentKeeper, revision: IfMatch) -> Response:
    """From now on it is in every program that has one of its exercises."""
    with unit_of_work(user) as uow:
        return _respond(videos.publish(uow, video_id, revision))


@router.post(
    "/{video_id}/retire",
    summary="Take a video out of use",
    response_model=ContentVideo,
    responses=responses(401, 403, 404, 409, 412, 428, 503),
)
def retire_content_video(video_id: UUID, user: ContentKeeper, revision: IfMatch) -> Response:
    """Nobody gets an address of it any more; those that are out end within five minutes."""
    with unit_of_work(user) as uow:
        return _respond(videos.retire(uow, video_id, revision))
