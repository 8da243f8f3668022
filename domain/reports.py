"""Programs on paper: what there is to print, and where the file is."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from domain.records import Program
from domain.rights import export_prefix

# Those whose exercises may be done: what is paused for safety, or waits for a clinician, is not to be hung on a wall.
PRINTED = frozenset({"active"})
DAYS = 7


@dataclass(frozen=True, slots=True)
class Report:
    """`status`: preparing, ready, failed or expired. `size` in bytes; `sha256` in hexadecimal."""

    id: UUID
    user_id: UUID
    program_id: UUID
    status: str
    size: int | None
    sha256: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime


def report_key(tenant_id: UUID, user_id: UUID, report_id: UUID) -> str:
    """Among the person's other files, so that it goes when they are erased."""
    return f"{export_prefix(tenant_id, user_id)}{report_id}.pdf"


def content(program: Program) -> dict[str, object]:
    """What is set in type: weeks with their sessions, and how each exercise is done, once. Sessions that were dropped
    are left out. Dates as people write them; `dose` in words.
    """
    sessions = [each for each in program.sessions if each.status != "dropped"]
    cues = {item.exercise: {"name": item.name, "cue": item.cue} for each in sessions for item in each.items}
    last = max((each.scheduled_on for each in sessions), default=program.start_on)
    return {
        "weeks": program.weeks,
        "from": _day(program.start_on),
        "until": _day(last),
        "sessions": [
            {
                "title": f"Week {each.week}, session {each.number}" + (" (lighter week)" if each.deload else ""),
                "day": f"{each.scheduled_on:%A} {_day(each.scheduled_on)}",
                "minutes": round(each.minutes),
                "items": [
                    {
                        "name": item.name,
                        "dose": f"{item.sets} x {item.reps}"
                        if item.reps is not None
                        else f"{item.sets} x {item.seconds} s",
                        "rest": f"{item.rest_s} s" if item.rest_s else "none",
                        "effort": "as is easy" if item.effort is None else f"{item.effort} of 10",
                    }
                    for item in each.items
                ],
            }
            for each in sessions
        ],
        "cues": sorted(cues.values(), key=lambda each: each["name"]),
    }


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
