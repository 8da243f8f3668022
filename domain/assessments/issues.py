"""What is wrong with an answer, in words that never repeat the answer."""

import re
from typing import Literal

from domain.assessments.model import Frozen

IssueCode = Literal[
    "required", "wrong_type", "out_of_range", "unknown_option", "unknown_question", "not_a_question",
    "duplicate", "exclusive", "too_few", "too_many", "too_long",
    "bad_text", "pattern", "not_a_date", "in_future",
]  # fmt: skip

MESSAGES: dict[IssueCode, str] = {
    "required": "Please answer this question.",
    "wrong_type": "The answer has the wrong type for this question.",
    "out_of_range": "The answer is outside the range of this question.",
    "unknown_option": "The answer is not one of the options.",
    "unknown_question": "This template has no such question.",
    "not_a_question": "This part of the template takes no answer.",
    "duplicate": "The same thing is given twice.",
    "exclusive": "This option cannot be combined with others.",
    "too_few": "More entries are needed.",
    "too_many": "There are too many entries.",
    "too_long": "The text is too long.",
    "bad_text": "The text holds characters that cannot be stored.",
    "pattern": "The text does not have the expected form.",
    "not_a_date": "A date is written as year-month-day, such as 1980-01-31.",
    "in_future": "The date lies in the future.",
}

_PLAIN_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Issue(Frozen):
    """`pointer` (RFC 6901) names the place below /answers."""

    pointer: str
    code: IssueCode
    message: str


def issue(code: IssueCode, *path: str | int) -> Issue:
    """A key that could not be a link id may hold anything, so the pointer stops above it."""
    pointer = "/answers"
    for part in path:
        if not isinstance(part, int) and not _PLAIN_KEY.fullmatch(part):
            break
        pointer += f"/{part}"
    return Issue(pointer=pointer, code=code, message=MESSAGES[code])
