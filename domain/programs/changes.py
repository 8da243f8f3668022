"""What a clinician asks to be changed in a plan."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """What stands against a change: where in the request (RFC 6901), the rule's id, and the rule in words."""

    pointer: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """New values for one line: `position` from 1 in a session, in one week or, with `week` None, in every week.

    None keeps what is there. At most one of `reps` and `seconds`; `rest_s` in seconds, `effort` 0-10. With another
    `exercise`, what is not said is its library's rest and the same share of its library's reps or seconds.
    """

    session: int
    position: int
    week: int | None = None
    exercise: str | None = None
    sets: int | None = None
    reps: int | None = None
    seconds: int | None = None
    rest_s: int | None = None
    effort: int | None = None

    def concerns(self, week: int, session: int | None = None, position: int | None = None) -> bool:
        """Whether it changes something there; a place without session or position is the whole week or session."""
        return self.week in (None, week) and session in (None, self.session) and position in (None, self.position)
