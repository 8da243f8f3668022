"""Small films, made by the ffmpeg that processes them."""

import subprocess
from functools import cache

from infra import media


@cache
def film(seconds: float = 1.0, size: str = "160x90", container: str = "mp4", codec: str = "libx264") -> bytes:
    """A moving picture with a tone."""
    mp4 = ["-movflags", "frag_keyframe+empty_moov"] if container in {"mp4", "mov"} else []
    done = subprocess.run(
        [media.program(), "-loglevel", "error", "-f", "lavfi", "-i", f"testsrc=size={size}:rate=10:duration={seconds}",
         "-f", "lavfi", "-i", f"sine=duration={seconds}", "-c:v", codec, "-pix_fmt", "yuv420p", "-threads", "1",
         "-c:a", "libopus" if container == "webm" else "aac", "-shortest", *mp4, "-f", container, "-"],
        capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout
