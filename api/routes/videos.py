"""Videos as people watch them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.auth import Spectator, TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.models import Body
from domain.videos import PLAYED_TYPE
from infra import cdn, logs, settings
from infra.database import unit_of_work

router = APIRouter(prefix="/v1/videos", tags=["videos"], route_class=StrictRoute)

Language = Annotated[str | None, Query(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$", description="Only videos in it.")]


class VideoSummary(BaseModel):
    """A video of a program. `furthest_s`: how far the caller has watched it; null: not at all."""

    id: UUID
    title: str
    language: str
    exercises: list[str]
    duration_s: float
    captions: bool
    furthest_s: float | None
    completed_at: datetime | None
    links: dict[str, str]


class VideoList(BaseModel):
    items: list[VideoSummary]


class Playlist(BaseModel):
    """HLS. A player adds `below` to the address of everything that the playlist names."""

    url: str
    below: str


class VideoStream(BaseModel):
    """Addresses that anybody who has them can read until `expires_at`: ask again then, the place is kept. `key_id`
    names the key that has signed them.
    """

    id: UUID
    title: str
    language: str
    duration_s: float
    width: int
    height: int
    media_type: str = Field(examples=[PLAYED_TYPE])
    url: str
    thumbnail_url: str
    captions_url: str | None
    hls: Playlist | None
    furthest_s: float | None
    expires_at: datetime
    key_id: str


class Position(Body):
    """`position_s`: where the player is. `session`: the session of the program in which it is watched."""

    position_s: float = Field(strict=True, ge=0, le=86_400, allow_inf_nan=False, examples=[4.2])
    session: UUID | None = Field(default=None, examples=[None])


class VideoProgress(BaseModel):
    """`furthest_s`: as it is kept; it never goes back. `completed_now` is true in one answer alone: the one whose
    position was past nine tenths for the first time.
    """

    furthest_s: float
    completed: bool
    completed_at: datetime | None
    completed_now: bool


@router.get("", summary="The videos of a program", responses=responses(401, 403, 422, 503))
def list_videos(program_id: UUID, user: TenantUser, language: Language = None) -> VideoList:
    """Published ones that show one of its exercises; none where the program is not the caller's to see."""
    with unit_of_work(user) as uow:
        found = uow.videos.of_program(program_id, language)
    names = VideoSummary.model_fields.keys() - {"links"}
    return VideoList(
        items=[VideoSummary(**{name: getattr(each, name) for name in names}, links=_links(each.id)) for each in found]
    )


@router.get(
    "/{video_id}/stream",
    summary="Where to play a video from",
    response_model=VideoStream,
    responses=responses(401, 403, 404, 503),
)
def stream_video(video_id: UUID, user: Spectator) -> Response:
    """For whoever may see a program with an exercise that it shows, and for who keeps the library."""
    with unit_of_work(user) as uow:
        found = uow.videos.play(video_id)
    at = cdn.addresses(found)
    body = VideoStream(
        id=found.id,
        title=found.title,
        language=found.language,
        duration_s=found.duration_s,
        width=found.width,
        height=found.height,
        media_type=PLAYED_TYPE,
        url=at.video,
        thumbnail_url=at.thumbnail,
        captions_url=at.captions,
        hls=None if at.playlist is None else Playlist(url=at.playlist, below=at.below or ""),
        furthest_s=found.furthest_s,
        expires_at=at.expires_at,
        key_id=at.key_id,
    )
    return Response(body.model_dump_json(), headers={"Cache-Control": "no-store"}, media_type="application/json")


@router.post(
    "/{video_id}/progress",
    summary="How far a video has been watched",
    responses=responses(400, 401, 403, 404, 413, 415, 422, 503),
)
def note_video_progress(video_id: UUID, body: Position, user: TenantUser) -> VideoProgress:
    """The furthest place counts, whatever comes late, twice or out of order. A player sends it every few seconds, and
    at the end; what comes oftener is not kept. Needs no idempotency key: to repeat it changes nothing.
    """
    with unit_of_work(user) as uow:
        kept = uow.videos.note(video_id, body.position_s, body.session, settings.video_progress_s())
    if kept.completed_now:
        logs.info("video_completed", video_id=str(video_id))
    return VideoProgress(
        furthest_s=kept.furthest_s,
        completed=kept.completed_at is not None,
        completed_at=kept.completed_at,
        completed_now=kept.completed_now,
    )


def _links(video_id: UUID) -> dict[str, str]:
    at = f"/v1/videos/{video_id}"
    return {"stream": f"{at}/stream", "progress": f"{at}/progress"}
