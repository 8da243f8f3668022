"""What operators order about dead letters: a look first, then a replay that they can hold, stop and hand on."""

from uuid import UUID

from domain.errors import ExpectedCountDiffers, ReplayInOtherState, RequestInFlight, SecondOperatorNeeded
from domain.pages import Page, Window
from domain.ports import OperationsWork
from domain.replays import STEPS, DryRun, Order, Replay, ReplayedLetter


def look(work: OperationsWork, order: Order) -> DryRun:
    """What the order would do. Nothing changes."""
    return work.replays.dry_run(order.selector, order.most)


def start(work: OperationsWork, order: Order, replay_id: UUID) -> tuple[Replay, bool]:
    """The replay, and whether this key had ordered it before. It waits for a second operator where one of its letters
    has been replayed too often.

    Raises ExpectedCountDiffers, IdempotencyKeyReused; then nothing was ordered.
    """
    if known := work.replays.known(order):
        return known, True
    found = work.replays.dry_run(order.selector, order.most)
    if order.expected_count is not None and order.expected_count != found.count:
        raise ExpectedCountDiffers
    waits = order.mode == "execute" and found.over_limit > 0
    made = work.replays.add(replay_id, order, "waiting" if waits else "running")
    if made is None:  # the same key, at the same time
        raise RequestInFlight
    if made.total != found.taken:  # one more has died in between
        raise ExpectedCountDiffers
    return made, False


def move(work: OperationsWork, replay_id: UUID, action: str) -> Replay:
    """`action`: a key of STEPS. Raises NotFound, ReplayInOtherState, SecondOperatorNeeded."""
    replay = work.replays.read(replay_id)
    if action == "confirm" and replay.operator_id == work.context.user_id:
        raise SecondOperatorNeeded
    before, after = STEPS[action]
    if not work.replays.move(replay_id, before, after, action):
        raise ReplayInOtherState
    return work.replays.read(replay_id)


def read(work: OperationsWork, replay_id: UUID) -> Replay:
    return work.replays.read(replay_id)


def page(work: OperationsWork, window: Window) -> Page[Replay]:
    return work.replays.page(window)


def letters(work: OperationsWork, replay_id: UUID, window: Window, outcome: str | None) -> Page[ReplayedLetter]:
    work.replays.read(replay_id)
    return work.replays.letters(replay_id, window, outcome)
