"""What a person is told. The texts are fixed and say nothing of anybody's health: they may end up on a lock screen."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Kind = Literal[
    "referral",
    "program_ready",
    "program_to_review",
    "program_rejected",
    "webhook_disabled",
    "import_finished",
    "bulk_action_finished",
    "assessment_due",
    "program_paused",
    "program_resumed",
    "reassessment_due",
    "fewer_days_offered",
    "adaptation_to_review",
]

# kind -> title, text
TEXTS: dict[Kind, tuple[str, str]] = {
    "referral": (
        "See a professional first",
        "An assessment ended with a referral. Its result says what to do before any exercise.",
    ),
    "program_ready": ("A program is ready", "A new exercise program can be started."),
    "program_to_review": ("A program waits for review", "Approve, edit or reject it before it is shown."),
    "program_rejected": (
        "A program was not released",
        "A clinician looked at the new program and did not release it. The clinic will be in touch.",
    ),
    "program_paused": (
        "A program is paused",
        "A check-in needs to be looked at before any more exercise. The program says what to do.",
    ),
    "program_resumed": ("A program goes on", "A clinician has looked at the check-in. The program can be done again."),
    "reassessment_due": ("A new assessment is due", "Please answer the questions again before going on as before."),
    "fewer_days_offered": (
        "Would fewer days suit better?",
        "Less than half of the last two weeks' sessions were done. A new assessment can plan fewer days a week.",
    ),
    "adaptation_to_review": ("A change of a program waits for review", "Accept or decline it before it is made."),
    "import_finished": ("An import has finished", "Its report says what it did, row by row."),
    "bulk_action_finished": ("A bulk action has finished", "Its list says what became of each member."),
    "assessment_due": ("An assessment waits for you", "Please answer its questions and hand it in."),
    "webhook_disabled": (
        "A webhook was disabled",
        "A receiver of webhooks is gone or has failed for days. Mend it, enable it again, and replay what is missing.",
    ),
}


@dataclass(frozen=True, slots=True)
class Notification:
    """`subject_type` is `program`, `assessment`, `import`, `bulk_action` or `webhook`; `read_at` is None until it has
    been read.
    """

    id: UUID
    kind: Kind
    subject_type: str
    subject_id: UUID
    created_at: datetime
    read_at: datetime | None
