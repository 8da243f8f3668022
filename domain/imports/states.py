"""What may be asked of an import in which state, and where it leads."""

from domain.imports.model import Status

FINAL: frozenset[Status] = frozenset({"invalid", "failed", "canceled", "undone"})
# Ends of a run after which failed rows can be tried again, or what was done undone.
ENDED: frozenset[Status] = frozenset({"completed", "canceled", "failed"})

ALLOWED: dict[str, frozenset[Status]] = {
    "upload": frozenset({"uploading"}),
    "validate": frozenset({"uploading"}),
    "confirm": frozenset({"ready"}),
    "pause": frozenset({"running", "waiting"}),
    "resume": frozenset({"paused"}),
    "cancel": frozenset({"uploading", "validating", "ready", "waiting", "running", "paused"}),
    "retry_failed": frozenset({"completed"}),
    "undo": frozenset({"completed", "canceled"}),
}


def may(action: str, status: Status) -> bool:
    return status in ALLOWED[action]
