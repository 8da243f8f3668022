"""The demonstration clips of the local stack: drawn, encoded and published by itself, once a data directory.

`python -m infra.local.clips DIRECTORY` runs beside a stack that is up already; whoever opens a program in the first
seconds of the first start finds its videos a moment later.
"""

import hashlib
import inspect
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

from domain.videos import captions_key, checked_captions, media_key, thumbnail_file, video_file
from infra.local import figures
from infra.local.figures import FRAMES_A_S, HEIGHT, WIDTH, Movement, Pose

LENGTH_S = 6
_NAMESPACE = UUID("5d0f9c4e-6a55-4c40-9b44-6f2a1f0b7c35")
_UP, _LEFT = (0.0, 1.0), (-1.0, 0.1)
_CHAIR = (
    ((-0.45, 0.4), (0.05, 0.4)),
    ((-0.4, 0.4), (-0.4, 0.0)),
    ((0.0, 0.4), (0.0, 0.0)),
    ((-0.45, 0.4), (-0.45, 0.95)),
)


@dataclass(frozen=True)
class Clip:
    """`words`: what the captions say on the way there and on the way back. It shows the exercises of these patterns
    that are done in this position.
    """

    name: str
    title: str
    patterns: tuple[str, ...]
    position: str
    words: tuple[str, str]
    movement: Movement

    @property
    def id(self) -> UUID:
        return uuid5(_NAMESPACE, self.name)


def _standing(y: float = 0.0, hands: tuple[tuple[float, float], tuple[float, float]] | None = None) -> Pose:
    feet = ((0, 0.04 + y), (0.04, 0.04 + y))
    return Pose((0.02, 1.36 + y), (0, 0.86 + y), hands or ((0.1, 0.8 + y), (-0.04, 0.8 + y)), feet)


def _lying(hip: float, hands: tuple[tuple[float, float], tuple[float, float]]) -> Pose:
    """On the back, the feet on the ground."""
    return Pose((-0.72, 0.09), (-0.2, hip), hands, ((0.36, 0.03), (0.4, 0.03)), _LEFT)


CLIPS = (
    Clip("squat", "Squat", ("squat",), "standing", ("Down, the heels stay.", "And up."), Movement(
        _standing(), Pose((0.05, 0.9), (-0.34, 0.48), ((0.6, 0.95), (0.58, 0.9)), ((0, 0.04), (0.04, 0.04))))),
    Clip("hinge", "Hip hinge", ("hinge",), "standing", ("The hips go back, the back stays long.", "And up."), Movement(
        _standing(),
        Pose((0.22, 1.05), (-0.24, 0.82), ((0.22, 0.5), (0.18, 0.5)), ((0, 0.04), (0.04, 0.04)), (0.8, 0.6)))),
    Clip("lunge", "Lunge", ("lunge",), "standing", ("Straight down.", "And up."), Movement(
        Pose((0, 1.26), (0, 0.75), ((0.05, 0.73), (-0.05, 0.73)), ((0.4, 0.04), (-0.42, 0.06))),
        Pose((0, 0.98), (0, 0.47), ((0.05, 0.5), (-0.05, 0.5)), ((0.4, 0.04), (-0.42, 0.06))))),
    Clip("heel-raise", "Heel raise", ("calf",), "standing", ("Heels up.", "And slowly down."), Movement(
        _standing(), _standing(0.1), toe=(0.15, -0.05))),
    Clip("balance", "Standing on one leg", ("balance",), "standing", ("Up, and stay tall.", "And down."), Movement(
        _standing(), Pose((0.02, 1.36), (0, 0.86), ((0.4, 1.1), (-0.36, 1.1)), ((0, 0.04), (0.12, 0.42))))),
    Clip("march", "Walking on the spot", ("cardio",), "standing", ("One knee.", "And the other."), Movement(
        Pose((0.02, 1.36), (0, 0.86), ((-0.2, 0.95), (0.3, 1.05)), ((0.14, 0.42), (0.02, 0.04))),
        Pose((0.02, 1.36), (0, 0.86), ((0.3, 1.05), (-0.2, 0.95)), ((0.02, 0.04), (0.14, 0.42))))),
    Clip("arm-raise", "Raising the arms", ("mobility_shoulder", "shoulder_raise", "push_v"), "standing",
         ("Arms up.", "And down."), Movement(_standing(), _standing(0, ((0.14, 1.9), (0.06, 1.9))))),
    Clip("bridge", "Bridge", ("hip_ext",), "supine", ("Press through the heels, hips up.", "And down, one by one."),
         Movement(_lying(0.1, ((-0.3, 0.03), (-0.28, 0.03))), _lying(0.36, ((-0.3, 0.03), (-0.28, 0.03))), elbows=1)),
    Clip("pelvic-tilt", "Pelvic tilt, lying", ("lumbar_control",), "supine",
         ("Press the back to the floor.", "And let go."),
         Movement(_lying(0.1, ((-0.3, 0.2), (-0.26, 0.2))), _lying(0.15, ((-0.3, 0.22), (-0.26, 0.22))), elbows=1)),
    Clip("breathing", "Breathing, lying", ("breathing",), "supine", ("In: the belly rises.", "And out, for longer."),
         Movement(_lying(0.1, ((-0.4, 0.2), (-0.36, 0.2))), _lying(0.1, ((-0.4, 0.28), (-0.36, 0.28))), elbows=1)),
    Clip("dead-bug", "Dead bug", ("core_anti_ext",), "supine", ("Arm and leg away.", "And back."), Movement(
        Pose((-0.52, 0.1), (0, 0.1), ((-0.5, 0.66), (-0.46, 0.66)), ((0.45, 0.5), (0.42, 0.52)), _LEFT),
        Pose((-0.52, 0.1), (0, 0.1), ((-0.5, 0.66), (-1.05, 0.22)), ((0.83, 0.2), (0.42, 0.52)), _LEFT),
        toe=(0.0, 0.14))),
    Clip("bird-dog", "Bird dog", ("core_anti_rot", "core_anti_ext", "lumbar_control", "mobility_spine"), "quadruped",
         ("Arm and leg long.", "And back."), Movement(
        Pose((0.27, 0.54), (-0.25, 0.5), ((0.3, 0.02), (0.34, 0.02)), ((-0.66, 0.03), (-0.62, 0.03)), (0.9, 0.3)),
        Pose((0.27, 0.54), (-0.25, 0.5), ((0.3, 0.02), (0.84, 0.62)), ((-1.1, 0.52), (-0.62, 0.03)), (0.9, 0.3)),
        toe=(-0.12, 0.0))),
    Clip("press-up", "Press-up", ("push_h",), "prone", ("Down in one piece.", "And up."), Movement(
        Pose((0.5, 0.58), (0.02, 0.4), ((0.55, 0.02), (0.59, 0.02)), ((-0.8, 0.08), (-0.76, 0.08)), (0.9, 0.3)),
        Pose((0.52, 0.24), (0.02, 0.18), ((0.55, 0.02), (0.59, 0.02)), ((-0.8, 0.08), (-0.76, 0.08)), (0.9, 0.3)),
        elbows=1, toe=(0.0, -0.08))),
    Clip("side-leg-raise", "Leg raise, lying on the side", ("hip_abd",), "side_lying",
         ("The upper leg up.", "And down."),
         Movement(Pose((-0.52, 0.16), (0, 0.14), ((-0.3, 0.02), (-0.8, 0.05)), ((0.84, 0.16), (0.84, 0.06)), _LEFT),
                  Pose((-0.52, 0.16), (0, 0.14), ((-0.3, 0.02), (-0.8, 0.05)), ((0.7, 0.6), (0.84, 0.06)), _LEFT),
                  elbows=1)),
    Clip("knee-extension", "Straightening the knee, sitting", ("knee_ext",), "sitting",
         ("Straighten.", "And slowly back."),
         Movement(Pose((-0.2, 0.98), (-0.2, 0.47), ((0.08, 0.5), (0.04, 0.5)), ((0.24, 0.04), (0.2, 0.04))),
                  Pose((-0.2, 0.98), (-0.2, 0.47), ((0.08, 0.5), (0.04, 0.5)), ((0.63, 0.46), (0.2, 0.04))),
                  props=_CHAIR)),
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """The files of a clip, and a name that changes with what is drawn."""

    version: UUID
    video: Path
    thumbnail: Path
    captions: bytes


def made(clip: Clip, into: Path) -> Made:
    """Draw and encode it, unless it is there."""
    drawn = hashlib.sha256(f"{clip!r}{inspect.getsource(figures)}".encode()).hexdigest()
    folder = into / f"{clip.name}-{drawn[:12]}"
    found = Made(uuid5(clip.id, drawn), folder / "video.mp4", folder / "thumbnail.jpg", _captions(clip))
    if not found.thumbnail.exists():
        folder.mkdir(parents=True, exist_ok=True)
        size = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FRAMES_A_S), "-i", "pipe:"]
        h264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "27", "-pix_fmt", "yuv420p", "-g", "12"]
        _encode([*size, *h264, "-movflags", "+faststart", str(found.video)], b"".join(figures.frames(clip.movement, LENGTH_S)))  # fmt: skip # noqa: E501
        _encode(["-ss", "1.2", "-i", str(found.video), "-frames:v", "1", "-q:v", "4", str(found.thumbnail)])
    return found


def _encode(arguments: Sequence[str], content: bytes = b"") -> None:
    from infra import media  # noqa: PLC0415

    command = [media.program(), "-hide_banner", "-loglevel", "error", "-y", "-threads", "1", *arguments]
    subprocess.run(command, input=content, check=True)


def _captions(clip: Clip) -> bytes:
    lines = ["WEBVTT", ""]
    for number, start in enumerate(range(0, LENGTH_S * 10, 15)):
        begin, end = start / 10, start / 10 + 1.5
        lines += [f"00:{begin:06.3f} --> 00:{end:06.3f}", clip.words[number % 2], ""]
    return checked_captions("\n".join(lines))


def publish(directory: Path) -> int:
    """Make what is missing of them, store it and add it to the library. Returns how many clips there are."""
    import psycopg  # noqa: PLC0415

    from infra import settings, video_files  # noqa: PLC0415
    from infra.content import load_library  # noqa: PLC0415

    exercises = load_library().exercises
    for clip in CLIPS:
        shows = [each.id for each in exercises if each.pattern in clip.patterns and each.position == clip.position]
        found = made(clip, directory)
        prefix, captions = media_key(clip.id, found.version), captions_key(clip.id, found.version)
        video_files.store(video_file(prefix), found.video, "video/mp4")
        video_files.store(thumbnail_file(prefix), found.thumbnail, "image/jpeg")
        video_files.store_text(captions, found.captions, "text/vtt; charset=utf-8")
        size = found.video.stat().st_size
        with psycopg.connect(settings.admin_database_url(), connect_timeout=10) as connection:
            connection.execute("set role ffp_owner")
            connection.execute(
                """insert into videos (id, title, language, exercises, status, media_type, upload_size, upload_id,
                       media_key, size, duration_s, width, height, captions_key, published_at)
                   values (%s, %s, 'en', %s, 'published', 'video/mp4', %s, %s, %s, %s, %s, %s, %s, %s, now())
                   on conflict (id) do update set media_key = excluded.media_key, size = excluded.size,
                       captions_key = excluded.captions_key, exercises = excluded.exercises""",
                (clip.id, clip.title, shows, size, found.version, prefix, size, LENGTH_S, WIDTH, HEIGHT, captions),
            )
    return len(CLIPS)


if __name__ == "__main__":
    os.nice(10)
    publish(Path(sys.argv[1]))
