"""Videos in PostgreSQL: the library that FFP ships, and how far each person has watched."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from domain.errors import NotFound, StaleRevision, VideoInOtherState
from domain.pages import Page, Window
from domain.videos import Listed, Media, NewVideo, Playable, Status, Video, Watched
from infra import audit
from infra.listing import Listing
from infra.rows import Row, TenantConnection

_COLUMNS = ", ".join(field.name for field in fields(Video))
_PLAYABLE = ", ".join(field.name for field in fields(Playable))
_WATCHED = ", ".join(field.name for field in fields(Watched))
_LISTING = Listing(
    f"""select {_COLUMNS} from videos where (%s::text is null or status = %s) and (%s::text is null or language = %s)
        and (%s::text is null or %s = any (exercises))""",  # noqa: S608 - our own column names
    ("created_at", "id"),
    descending=True,
)
# Those of a program, if the caller may see that: its policies answer.
_OF_PROGRAM = """
    select v.id, v.title, v.language, v.exercises, v.duration_s, v.captions_key is not null as captions, g.furthest_s,
        g.completed_at
    from videos v left join video_progress g on g.tenant_id = %(tenant)s and g.user_id = %(user)s and g.video_id = v.id
    where v.status = 'published' and (%(language)s::text is null or v.language = %(language)s) and v.exercises && array(
        select distinct x.exercise from programs p
        join sessions s on s.tenant_id = p.tenant_id and s.program_id = p.id
        join prescribed_exercises x on x.tenant_id = s.tenant_id and x.session_id = s.id
        where p.tenant_id = %(tenant)s and p.id = %(program)s)
    order by v.title, v.id limit 500"""


class VideoRepository:
    """`play`, `note` and `of_program` are for people; the rest for who keeps the library. Every change says which
    revision it is of, and leaves a row in the audit log.
    """

    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection
        self._context = connection.context

    def play(self, video_id: UUID) -> Playable:
        """Raises NotFound where there is none, or none for the caller: in one statement."""
        rows = self._connection.read(f"select {_PLAYABLE} from app.stream_video(%s, %s, %s, %s)", (video_id,))  # noqa: S608
        if not rows:
            raise NotFound
        return Playable(**rows[0])

    def note(self, video_id: UUID, position_s: float, session_id: UUID | None, interval_s: float) -> Watched:
        """Raises NotFound as `play` does, and for a session that is not the caller's. One statement, which commits."""
        rows = self._connection.finish(
            f"select {_WATCHED} from app.note_progress(%s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
            (video_id, position_s, session_id, interval_s, self._context.request_id),
        )
        if not rows:
            raise NotFound
        return Watched(**rows[0])

    def of_program(self, program_id: UUID, language: str | None) -> list[Listed]:
        context = self._context
        params = {"tenant": context.tenant_id, "user": context.user_id, "program": program_id, "language": language}
        return [Listed(**row) for row in self._connection.execute(_OF_PROGRAM, params)]

    def page(self, window: Window, status: str | None, language: str | None, exercise: str | None) -> Page[Video]:
        """Newest first."""
        params = (status, status, language, language, exercise, exercise)
        return _LISTING.page(self._connection, params, window, _video)

    def read(self, video_id: UUID) -> Video:
        rows = self._connection.execute(f"select {_COLUMNS} from videos where id = %s", (video_id,))  # noqa: S608
        if not rows:
            raise NotFound
        return _video(rows[0])

    def of_upload(self, upload_id: UUID | None) -> Video | None:
        """None: another upload has taken its place."""
        rows = self._connection.execute(f"select {_COLUMNS} from videos where upload_id = %s", (upload_id,))  # noqa: S608
        return _video(rows[0]) if rows else None

    def known_exercises(self, exercises: Sequence[str]) -> list[str]:
        rows = self._connection.execute("select id from exercises where id = any (%s)", (list(exercises),))
        return [row["id"] for row in rows]

    def add(self, video_id: UUID, upload_id: UUID, new: NewVideo) -> Video:
        rows = self._connection.execute(
            f"""insert into videos (id, title, language, exercises, media_type, upload_size, upload_id)
                values (%s, %s, %s, %s, %s, %s, %s) returning {_COLUMNS}""",  # noqa: S608
            (video_id, new.title, new.language, list(new.exercises), new.media_type, new.upload_size, upload_id),
        )
        return self._recorded("added", _video(rows[0]))

    def change(self, video_id: UUID, revision: int, values: Mapping[str, Any]) -> Video:
        return self._change("changed", video_id, revision, None, values)

    def move(
        self, video_id: UUID, revision: int, was: Sequence[Status], to: Status, values: Mapping[str, Any] | None = None
    ) -> Video:
        """Raises VideoInOtherState unless it `was` in one of these states, StaleRevision unless at `revision`."""
        return self._change(to, video_id, revision, was, {"status": to, **(values or {})})

    def finish(self, video_id: UUID, upload_id: UUID, media_key: str, media: Media) -> bool:
        """For its worker. False: meanwhile there is another upload, and this one is nobody's any more."""
        return self._processed(
            video_id,
            upload_id,
            {
                "status": "ready",
                "media_key": media_key,
                "size": media.size,
                "duration_s": media.duration_s,
                "width": media.width,
                "height": media.height,
                "hls": media.hls,
                "error_code": None,
            },
        )

    def fail(self, video_id: UUID, upload_id: UUID, code: str) -> bool:
        return self._processed(video_id, upload_id, {"status": "failed", "error_code": code})

    def _processed(self, video_id: UUID, upload_id: UUID, values: dict[str, Any]) -> bool:
        rows = self._update(values, "id = %(id)s and upload_id = %(upload)s and status = 'processing'",
                            {"id": video_id, "upload": upload_id})  # fmt: skip
        if rows:
            self._recorded("processed", _video(rows[0]))
        return bool(rows)

    def _change(
        self, what: str, video_id: UUID, revision: int, was: Sequence[str] | None, values: Mapping[str, Any]
    ) -> Video:
        where = "id = %(id)s and revision = %(at)s and (%(was)s::text[] is null or status = any (%(was)s))"
        rows = self._update(values, where, {"id": video_id, "at": revision, "was": None if was is None else list(was)})
        if rows:
            return self._recorded(what, _video(rows[0]))
        found = self.read(video_id)
        raise VideoInOtherState if was is not None and found.status not in was else StaleRevision

    def _update(self, values: Mapping[str, Any], where: str, params: dict[str, Any]) -> list[Row]:
        sets = ", ".join(f"{name} = %({name}_new)s" for name in values)
        if values.get("status") == "published":
            sets += ", published_at = now()"
        return self._connection.execute(
            f"""update videos set {sets}, revision = revision + 1, updated_at = now() where {where}
                returning {_COLUMNS}""",  # noqa: S608 - names are the caller's code, never a client's
            {f"{name}_new": value for name, value in values.items()} | params,
        )

    def _recorded(self, what: str, video: Video) -> Video:
        audit.record(self._connection, f"video.{what}", "video", video.id, None)
        return video


def _video(row: Row) -> Video:
    return Video(**row)
