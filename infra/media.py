"""Videos made by ffmpeg: an H.264 file that plays while it loads, a picture of it, and renditions for slow networks.

What comes in is anybody's bytes, so ffmpeg gets files alone (no network protocol, no playlists that name others), few
containers, a limit of time, of output and of threads, a directory of its own, and low priority.
"""

import os
import re
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from domain.videos import LARGEST_SIDE, LARGEST_UPLOAD, LONGEST_S, Media

_DURATION = re.compile(rb"Duration: (?:(\d+):(\d\d):(\d\d\.\d+)|N/A)")
_PICTURE = re.compile(rb"Stream #0:\d+.*?: Video: (?!.*\(attached pic\)).*?[ ,](\d{2,5})x(\d{2,5})[ ,\n\r]")
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
_FOR_READING = ("-protocol_whitelist", "file,pipe", "-format_whitelist", _CONTAINERS, "-max_alloc", "536870912")
_PROBE_S = 30.0
_LONG_SIDE = 1280  # pixels of what is served
_RENDITIONS = ((640, "800k"), (1280, "2500k"))  # HLS: long side, bit rate
_SEGMENT_S = 4
_KEPT_OUTPUT = 200_000  # bytes of what ffmpeg says


class Refused(Exception):
    """The upload is nothing that can be made a video of; `code` is stable: media_unreadable, media_too_long,
    media_too_large, media_too_slow.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Stopped(Exception):
    """The process is about to end."""


@dataclass(frozen=True, slots=True)
class Probed:
    """Length in seconds, None where the file does not say (what a browser has recorded); width and height in pixels, as
    stored: a telephone's may have to be turned.
    """

    duration_s: float | None
    width: int
    height: int


@cache
def program() -> str:
    """The ffmpeg of a package. Raises RuntimeError where there is none."""
    import imageio_ffmpeg  # type: ignore[import-untyped]  # noqa: PLC0415 - who processes no videos does without

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def probe(file: Path) -> Probed:
    """Raises Refused for what is no video, or too much of one."""
    done = subprocess.run(
        [program(), "-hide_banner", "-nostdin", *_FOR_READING, "-i", file.name],
        cwd=file.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=_PROBE_S, check=False,
        env={},
    )  # fmt: skip
    duration, picture = _DURATION.search(done.stderr), _PICTURE.search(done.stderr)
    if duration is None or picture is None:
        raise Refused("media_unreadable")
    hours, minutes, seconds = duration.groups()
    length_s = None if seconds is None else int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    found = Probed(length_s, int(picture[1]), int(picture[2]))
    if length_s is not None and length_s > LONGEST_S:
        raise Refused("media_too_long")
    if max(found.width, found.height) > LARGEST_SIDE:
        raise Refused("media_too_large")
    return found


def convert(source: Path, into: Path, limit_s: float, stop: threading.Event, *, hls: bool) -> Media:
    """Make video.mp4 and thumbnail.jpg in the directory `into`, and with `hls` hls/index.m3u8 and its parts; what was
    made of it. Raises Refused, Stopped.
    """
    until = time.monotonic() + limit_s
    try:
        probed = probe(source)
    except subprocess.TimeoutExpired:
        raise Refused("media_too_slow") from None
    video = into / "video.mp4"
    longest = ["-t", str(LONGEST_S + 1)]
    _run(
        [*_input(source), *longest, *_h264(_LONG_SIDE), "-crf", "23", "-movflags", "+faststart", str(video)],
        until,
        stop,
    )
    made = probe(video)
    if not made.duration_s:
        raise Refused("media_unreadable")
    middle = ["-ss", f"{min(made.duration_s / 2, 3.0):.3f}", "-i", str(video)]
    _run([*middle, "-frames:v", "1", "-vf", "scale=640:-2", "-q:v", "4", str(into / "thumbnail.jpg")], until, stop)
    if hls:
        _renditions(video, into / "hls", until, stop)
    if probed.duration_s and abs(made.duration_s - probed.duration_s) > max(1.0, probed.duration_s / 10):
        raise Refused("media_unreadable")  # it breaks off somewhere
    return Media(video.stat().st_size, made.duration_s, made.width, made.height, hls)


def _input(source: Path) -> list[str]:
    return [*_FOR_READING, "-i", str(source), "-map", "0:v:0", "-map", "0:a:0?", "-map_metadata", "-1", "-sn", "-dn"]


def _h264(long_side: int) -> list[str]:
    """What every browser plays. Never larger than it was; even sides, as 4:2:0 needs them."""
    fit = f"scale='if(gte(iw,ih),min({long_side},iw),-2)':'if(gte(iw,ih),-2,min({long_side},ih))'"
    even = "scale=trunc(iw/2)*2:trunc(ih/2)*2"
    return [
        "-vf", f"{fit},{even}", "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-pix_fmt", "yuv420p",
        "-g", "60", "-fpsmax", "30", "-c:a", "aac", "-b:a", "96k", "-ac", "2", "-threads", "2",
    ]  # fmt: skip


def _renditions(video: Path, into: Path, until: float, stop: threading.Event) -> None:
    into.mkdir()
    lines = ["#EXTM3U", "#EXT-X-VERSION:6"]
    for side, rate in _RENDITIONS:
        name = f"{side}.m3u8"
        _run(
            ["-i", str(video), *_h264(side), "-b:v", rate, "-maxrate", rate, "-bufsize", rate,
             "-f", "hls", "-hls_time", str(_SEGMENT_S), "-hls_playlist_type", "vod",
             "-hls_segment_filename", str(into / f"{side}-%03d.ts"), str(into / name)],
            until, stop,
        )  # fmt: skip
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={int(rate[:-1]) * 1100}", name]
    (into / "index.m3u8").write_text("\n".join(lines) + "\n")


def _run(arguments: Sequence[str], until: float, stop: threading.Event) -> None:
    """One ffmpeg, killed when time is up or this process is to end. Also bounded by itself, should we be killed."""
    left = until - time.monotonic()
    if left <= 0:
        raise Refused("media_too_slow")
    command = [
        program(), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "error", "-y",
        "-timelimit", str(int(left * 2) + 1), *arguments[:-1], "-fs", str(LARGEST_UPLOAD), arguments[-1],
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={}
    ) as process:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, 10)
        reader = threading.Thread(target=_drain, args=(process,), daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                if stop.wait(0.05):
                    raise Stopped
                if time.monotonic() > until:
                    raise Refused("media_too_slow")
        finally:
            process.kill()
            process.wait()
            reader.join()
    if process.returncode != 0:
        raise Refused("media_unreadable")


def _drain(process: "subprocess.Popen[bytes]") -> None:
    """Nobody keeps what it says: a file's own words may be in it."""
    if process.stderr is not None:
        while process.stderr.read(_KEPT_OUTPUT):
            pass
