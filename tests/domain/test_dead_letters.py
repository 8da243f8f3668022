"""What is shown of a dead letter without a reason, and what changed between its attempts."""

from datetime import UTC, datetime
from typing import Any

from domain.dead_letters import Attempt, KeptMessage, differences, redacted

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def attempt(number: int, stage: str = "scoring", **changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "stage": stage, "number": number, "worker": "w", "started_at": NOW, "ended_at": NOW, "outcome": "retry",
        "error_code": "unexpected_error", "error_class": "KeyError", "frames": ["a"], "release": "1.0",
    }  # fmt: skip
    return Attempt(**values | changes)


def test_nothing_from_outside_is_shown() -> None:
    message = KeptMessage(
        "m", "q", 10, "hash", {"task": "t", "stage": "s", "replay": 1, "job_id": "secret", "new": "x"}, NOW
    )
    assert redacted(message) == {
        "readable": True,
        "task": "t",
        "stage": "s",
        "replay": 1,
        "job_id": "***",
        "new": "***",
    }
    assert redacted(KeptMessage("m", "q", 10, "hash", None, NOW)) == {"readable": False}


def test_each_attempt_is_held_against_the_one_before() -> None:
    found = differences([attempt(1), attempt(2), attempt(3, error_class="OSError", worker="v")])
    assert found == [
        {"stage": "scoring", "before": 1, "after": 2, "changes": {}},
        {"stage": "scoring", "before": 2, "after": 3, "changes": {"error_class": ["KeyError", "OSError"], "worker": ["w", "v"]}},
    ]  # fmt: skip


def test_attempts_of_two_stages_are_not_compared() -> None:
    assert differences([attempt(1), attempt(1, "generating")]) == []
    assert differences([]) == []
