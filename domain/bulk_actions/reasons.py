"""Why something is not done for a member: a code, and words that say nothing of their health."""

from domain.imports.faults import ROW_FAULTS

REASONS = {
    "already_there": "They have handed in this assessment before.",
    "draft_open": "They have this assessment open already.",
    "gone": "Their records have been erased.",
    "in_progress": "Something of theirs is being worked on.",
    "no_program": "They have no active program.",
    "not_active": "They are not an active member.",
    "not_wanted": "They do not want e-mails of this kind.",
    "nothing_due": "Nothing of theirs is due.",
    "program_waits": "A program of theirs waits for its review.",
    "quiet_hours": "They are not to be disturbed at this hour.",
    "reminded_today": "They have been reminded of it within a day.",
}


def message(code: str) -> str:
    return REASONS.get(code) or ROW_FAULTS[code]
