"""What is kept of an attempt that failed: enough to find its cause, and nothing of what it worked on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PACKAGES = "(?:api|cli|domain|infra|migrations|workers)"
_PLACE = re.compile(rf"^({_PACKAGES}/[^ ]+\.py):\d+ (\S+)$")
_OURS = re.compile(rf"(?:^|/)({_PACKAGES}/[^ ]+\.py:\d+ .+)$")
_LIBRARY = re.compile(r"(?:^|.*/)(?:site-packages|lib/python[0-9.]+)/")
_NUMBERS = re.compile(r"\d+")
# Every statement goes through it, so it says nothing of where an error came from.
_PLUMBING = "infra/database.py"
_INNERMOST = 4


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt ended: the error's class and where it came from, innermost last. Its message is nobody's to
    keep: a database's holds the row it refused. `frames` are as `tidy` makes them.
    """

    code: str
    error_class: str | None = None
    frames: tuple[str, ...] = ()

    @property
    def signature(self) -> str | None:
        """What two failures for one reason have in common: class, code and our own innermost frames, without lines,
        which move with every release, and numbers. None where there is nothing to tell but the code.
        """
        if self.error_class is None:
            return None
        found = [match.groups() for match in map(_PLACE.match, self.frames) if match]
        places = [f"{file} {function}" for file, function in found if file != _PLUMBING][-_INNERMOST:]
        return _NUMBERS.sub("N", " < ".join([f"{self.code} {self.error_class}", *reversed(places)]))


def tidy(frames: Sequence[str]) -> tuple[str, ...]:
    """Frames without the directories that the release happens to be installed in."""
    return tuple(_relative(frame) for frame in frames)


def _relative(frame: str) -> str:
    library = _LIBRARY.sub("", frame)
    if library != frame:
        return library
    found = _OURS.search(frame)
    return found[1] if found else frame.rpartition("/")[2]
