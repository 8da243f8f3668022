"""A dead letter: a job whose attempts are used up, or a message that names no job, waiting for an operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal
from uuid import UUID

State = Literal["open", "replaying", "resolved", "discarded"]
Grouping = Literal["fingerprint", "code", "kind", "tenant", "release"]

# More of an unreadable message than this is not kept: SQS's own limit for one, until lately.
MAX_KEPT_BYTES = 256 * 1024
MAX_REPLAYS = 3  # a letter; beyond that a second operator confirms. app.skip_reason says the same


@dataclass(frozen=True, slots=True)
class Attempt:
    """`outcome` is None for one that never told how it ended: its worker was lost, or is at it."""

    stage: str
    number: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error_code: str | None
    error_class: str | None
    frames: list[str] | None
    release: str | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`tenant_id` and `job_id` are None for a message that names no job of its tenant."""

    id: UUID
    tenant_id: UUID | None
    tenant: str | None
    job_id: UUID | None
    kind: str | None
    stage: str | None
    queue: str | None
    correlation_id: str | None
    error_code: str
    error_class: str | None
    frames: list[str] | None
    signature: str
    fingerprint: str
    release: str
    state: State
    resolution: str | None
    times_seen: int
    replays: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message as far as operators see it. `envelope` is what we read in it, None where nobody can."""

    message_id: str
    queue: str
    size: int
    sha256: str
    envelope: Mapping[str, Any] | None
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class RevealedMessage:
    """`body`: the first MAX_KEPT_BYTES of its bytes."""

    message_id: str
    queue: str
    size: int
    sha256: str
    body: bytes
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """What an operator did to a letter."""

    at: datetime
    operator_id: UUID
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Group:
    """Letters with one value of `by`. `state` and what follows are of groups by fingerprint only."""

    value: str
    label: str
    letters: int
    open: int
    tenants: int
    first_seen_at: datetime
    last_seen_at: datetime
    state: Literal["open", "resolved", "reopened"] | None = None
    resolved_in: str | None = None
    reopened_in: str | None = None
    notes: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters; None asks for nothing. `since` and `until` are of `last_seen_at`."""

    state: State | None = None
    queue: str | None = None
    kind: str | None = None
    stage: str | None = None
    tenant_id: UUID | None = None
    code: str | None = None
    fingerprint: str | None = None
    release: str | None = None
    replays: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def empty(self) -> bool:
        return all(getattr(self, each.name) is None for each in fields(self))


def redacted(message: KeptMessage) -> dict[str, Any]:
    """What is shown without a reason: what kind of message it is, and no value that came from outside."""
    if message.envelope is None:
        return {"readable": False}
    masked = {name: "***" for name in message.envelope if name not in {"task", "stage", "replay"}}
    return {"readable": True} | dict(message.envelope) | masked


def differences(attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    """What changed from each attempt to the next of its stage: one entry a pair, `changes` as name -> [before, after].
    Times and numbers always change, so they are not among them.
    """
    found = []
    for before, after in pairwise(attempts):
        if before.stage != after.stage:
            continue
        changes = {
            name: [getattr(before, name), getattr(after, name)]
            for name in ("outcome", "error_code", "error_class", "frames", "release", "worker")
            if getattr(before, name) != getattr(after, name)
        }
        found.append({"stage": after.stage, "before": before.number, "after": after.number, "changes": changes})
    return found
