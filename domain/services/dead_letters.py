"""What operators see of dead letters, and say about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.dead_letters import (
    Attempt,
    DeadLetter,
    Event,
    Group,
    Grouping,
    KeptMessage,
    LetterFilter,
    RevealedMessage,
    differences,
)
from domain.pages import Page, Window
from domain.ports import OperationsWork


@dataclass(frozen=True, slots=True)
class LetterView:
    """A letter with all that is known of it but the bytes of its messages. `attempts` are of its stage."""

    letter: DeadLetter
    attempts: Sequence[Attempt]
    messages: Sequence[KeptMessage]
    events: Sequence[Event]


def page(work: OperationsWork, window: Window, wanted: LetterFilter) -> Page[DeadLetter]:
    """Newest first."""
    return work.dead_letters.page(window, wanted)


def view(work: OperationsWork, letter_id: UUID) -> LetterView:
    letter = work.dead_letters.read(letter_id)
    attempts = [each for each in _attempts(work, letter) if each.stage == letter.stage]
    return LetterView(letter, attempts, work.dead_letters.messages(letter_id), work.dead_letters.events(letter_id))


def diff(work: OperationsWork, letter_id: UUID) -> list[dict[str, Any]]:
    return differences(_attempts(work, work.dead_letters.read(letter_id)))


def _attempts(work: OperationsWork, letter: DeadLetter) -> Sequence[Attempt]:
    if letter.tenant_id is None or letter.job_id is None:
        return ()
    return work.jobs.attempts(letter.tenant_id, letter.job_id)


def reveal(work: OperationsWork, letter_id: UUID, reason: str) -> RevealedMessage | None:
    """The newest message, to the byte. On record, in the log of the letter's tenant."""
    return work.dead_letters.reveal(letter_id, reason)


def discard(work: OperationsWork, letter_id: UUID, reason: str) -> DeadLetter:
    """Out of the way: no replay takes it. Its job stays as it is. Raises DeadLetterInOtherState."""
    return work.dead_letters.move(letter_id, "open", "discarded", "discarded", reason)


def restore(work: OperationsWork, letter_id: UUID, reason: str) -> DeadLetter:
    return work.dead_letters.move(letter_id, "discarded", "open", "restored", reason)


def groups(work: OperationsWork, by: Grouping, wanted: LetterFilter, most: int) -> list[Group]:
    return work.dead_letters.groups(by, wanted, most)


def group(work: OperationsWork, fingerprint: str) -> Group:
    return work.dead_letters.group(fingerprint)


def note(work: OperationsWork, fingerprint: str, text: str) -> Group:
    work.dead_letters.note(fingerprint, text)
    return work.dead_letters.group(fingerprint)


def resolve(work: OperationsWork, fingerprint: str, release: str) -> Group:
    """Say which release mends it: the next letter opens the group again, and says in which release."""
    work.dead_letters.resolve(fingerprint, release)
    return work.dead_letters.group(fingerprint)
