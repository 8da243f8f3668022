"""A zip file on this machine's disk, written in parts: what goes into it may be larger than memory."""

import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path


class Archive:
    """`as_of` is the time of each file in it, so that the same content is the same bytes."""

    def __init__(self, target: zipfile.ZipFile, as_of: datetime) -> None:
        self._target = target
        self._date = as_of.timetuple()[:6]

    def add(self, name: str, parts: Iterable[str]) -> None:
        info = zipfile.ZipInfo(name, self._date)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        with self._target.open(info, "w", force_zip64=True) as entry:
            for part in parts:
                entry.write(part.encode())


@contextmanager
def begun(file: Path, as_of: datetime) -> Iterator[Archive]:
    """The file is whole after the block."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        yield Archive(target, as_of)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory of our own for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="ffp-export-") as directory:
        yield Path(directory)
