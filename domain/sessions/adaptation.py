"""What pain and effort in a session ask of the next ones: the table of the clinical rules, section 4, line by line.

More pain never gives more work: the order of ACTIONS is the order of care, and raising a pain never moves back in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from domain.sessions.state import Result

if TYPE_CHECKING:
    from domain.safety.rules import PainThresholds

Action = Literal["progress", "hold", "reduce", "regress", "reassess"]
ACTIONS: tuple[Action, ...] = ("progress", "hold", "reduce", "regress", "reassess")
# rule id -> what it is, for people
RULES: dict[str, str] = {
    "A01": "little pain, settled within a day, and all of the prescription done in two sessions: one thing more",
    "A02": "some pain that settled within a day: no more than now",
    "A03": "more than little pain that did not settle, or twice running: a set or a fifth less",
    "A04": "strong pain: an easier exercise in its place",
    "A05": "strong pain twice in seven days: a new assessment, and a clinician looks",
    "A06": "little pain, but not all done, not settled, or too hard: no more than now",
    "A07": "left out because of pain: a set or a fifth less",
}
TWICE_WITHIN = timedelta(days=7)
TOO_HARD = 2  # points of effort above what was prescribed


@dataclass(frozen=True, slots=True)
class Asked:
    """What a line prescribed when it was done: exactly one of `reps` and `seconds`; `effort` 0-10."""

    sets: int
    reps: int | None
    seconds: int | None
    effort: int | None


@dataclass(frozen=True, slots=True)
class Done:
    """One exercise in one session; `at` is when the session was finished."""

    at: datetime
    asked: Asked
    result: Result


@dataclass(frozen=True, slots=True)
class Decision:
    """`rule` is a key of RULES."""

    rule: str
    action: Action


def decide(history: Sequence[Done], thresholds: "PainThresholds", baseline: int) -> Decision | None:
    """What the newest of an exercise's sessions asks for; `history` is oldest first, `baseline` the pain (0-10) that
    the program was made for. None: nothing, or not known yet, because how it felt a day later has not been said.

    Amber begins at `thresholds.moderate`, red at `thresholds.severe`. Pain that nobody gave says nothing.
    """
    if not history:
        return None
    now, before = history[-1], history[-2] if len(history) > 1 else None
    if (now.result.status, now.result.reason) == ("skipped", "pain"):
        return Decision("A07", "reduce")
    pain = now.result.pain_during
    if now.result.status != "done" or pain is None:
        return None
    return _painful(pain, history, thresholds, baseline) or _little_pain(now, before, thresholds, baseline)


def _painful(pain: int, history: Sequence[Done], thresholds: "PainThresholds", baseline: int) -> Decision | None:
    now, before = history[-1], history[-2] if len(history) > 1 else None
    if pain >= thresholds.severe:
        recent = [d for d in history[:-1] if now.at - d.at <= TWICE_WITHIN]
        twice = any(_pain(d) >= thresholds.severe for d in recent)
        return Decision("A05", "reassess") if twice else Decision("A04", "regress")
    if pain >= thresholds.moderate:
        running = before is not None and _pain(before) >= thresholds.moderate
        if running or _settled(now.result, baseline) is False:
            return Decision("A03", "reduce")
        return Decision("A02", "hold")
    return None


def _little_pain(now: Done, before: Done | None, thresholds: "PainThresholds", baseline: int) -> Decision | None:
    settled = _settled(now.result, baseline)
    if settled is False or not _met(now) or _too_hard(now):
        return Decision("A06", "hold")
    if settled is None or before is None:
        return None
    good = (
        before.result.status == "done" and before.result.pain_during is not None
        and _pain(before) < thresholds.moderate and _settled(before.result, baseline) and _met(before)
        and not _too_hard(before)
    )  # fmt: skip
    return Decision("A01", "progress") if good else Decision("A06", "hold")


def _pain(done: Done) -> int:
    return -1 if done.result.pain_during is None else done.result.pain_during


def _settled(result: Result, baseline: int) -> bool | None:
    """Whether pain was back at the baseline a day later; None: it has not been said."""
    return None if result.pain_after_24h is None else result.pain_after_24h <= baseline


def _met(done: Done) -> bool:
    asked, result = done.asked, done.result
    size = asked.reps if asked.reps is not None else asked.seconds
    did = result.reps if asked.reps is not None else result.seconds
    return (result.sets or 0) >= asked.sets and (did or 0) >= (size or 0)


def _too_hard(done: Done) -> bool:
    asked, effort = done.asked.effort, done.result.effort
    return asked is not None and effort is not None and effort >= asked + TOO_HARD
