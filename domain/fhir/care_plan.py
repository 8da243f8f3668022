"""A program as a FHIR R4 CarePlan with its Goal, in one collection Bundle."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from domain.fhir.names import BASE, LINE, UCUM, Json, extension
from domain.records import Prescribed, Program, Session

GOALS: dict[str, str] = {
    "reduce_pain": "Less pain",
    "improve_mobility": "Moving more freely",
    "build_strength": "Getting stronger",
    "return_to_sport": "Back to sport",
    "general_fitness": "Being fitter overall",
}
# Ours -> request-status. A newer program takes the place of an archived one before it was done.
STATUSES: dict[str, str] = {
    "active": "active",
    "pending_review": "draft",
    "paused_safety": "on-hold",
    "archived": "revoked",
    "rejected": "revoked",
    "ended": "completed",
}
# Ours -> care-plan-activity-status. A missed one waits to be done on another day.
ACTIVITIES: dict[str, str] = {
    "planned": "scheduled",
    "started": "in-progress",
    "done": "completed",
    "missed": "not-started",
    "dropped": "cancelled",
}
_EXERCISES = f"{BASE}/CodeSystem/exercises"
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class CarePlanIds:
    """The caller's ids of the resources, so that the same program is the same bytes each time."""

    bundle: UUID
    care_plan: UUID
    goal: UUID


def export_program(program: Program, ids: CarePlanIds, *, subject: str, author: str | None = None) -> Json:
    """One activity for each session, in order. `subject` and `author` are FHIR references, such as `Patient/1`."""
    last = program.start_on + timedelta(weeks=program.weeks, days=-1)
    goal = {
        "resourceType": "Goal",
        "id": str(ids.goal),
        "lifecycleStatus": "proposed" if program.status == "pending_review" else "active",
        "description": {"text": GOALS.get(program.spec["goal"], program.spec["goal"])},
        "subject": {"reference": subject},
        "startDate": program.start_on.isoformat(),
        "target": [{"dueDate": last.isoformat()}],
    }
    care_plan = {
        "resourceType": "CarePlan",
        "id": str(ids.care_plan),
        "language": "en",
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{program.id}"}],
        "status": STATUSES.get(program.status, "unknown"),
        "intent": "plan",
        "title": f"Exercise program, {program.weeks} weeks",
        "subject": {"reference": subject},
        "period": {"start": program.start_on.isoformat(), "end": last.isoformat()},
        "created": program.created_at.isoformat(),
        **({} if author is None else {"author": {"reference": author}}),
        "goal": [{"reference": f"urn:uuid:{ids.goal}"}],
        "activity": [{"detail": _detail(session, ids.goal)} for session in program.sessions],
    }
    entries = ((ids.care_plan, care_plan), (ids.goal, goal))
    return {
        "resourceType": "Bundle",
        "id": str(ids.bundle),
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:{number}", "resource": resource} for number, resource in entries],
    }


def _detail(session: Session, goal: UUID) -> Json:
    day = session.scheduled_on
    lighter = ", lighter week" if session.deload else ""
    return {
        "extension": [_line(item) for item in session.items],
        "code": {"text": f"Exercise session {session.number} of week {session.week}{lighter}"},
        "goal": [{"reference": f"urn:uuid:{goal}"}],
        "status": ACTIVITIES[session.status],
        "scheduledString": f"Week {session.week}, {_DAYS[day.weekday()]} {day.isoformat()}",
        "quantity": _quantity(session.minutes, "min", "min"),
        "description": "\n".join(f"{number}. {_words(item)}" for number, item in enumerate(session.items, 1)),
    }


def _words(item: Prescribed) -> str:
    """One line as a person reads it."""
    amount = f"{item.reps}" if item.reps is not None else f"{item.seconds} s"
    rest = f", rest {item.rest_s} s" if item.rest_s else ""
    effort = f", effort {item.effort} of 10" if item.effort is not None else ""
    cue = f". {item.cue}" if item.cue else ""
    return f"{item.name}: {item.sets} x {amount}{rest}{effort}{cue}"


def _line(item: Prescribed) -> Json:
    """One line as numbers with units."""
    parts = [
        extension("exercise", "Coding", {"system": _EXERCISES, "code": item.exercise, "display": item.name}),
        extension("role", "Code", item.role),
        extension("sets", "Quantity", _quantity(item.sets, "sets", "{set}")),
    ]
    if item.reps is not None:
        parts.append(extension("repetitions", "Quantity", _quantity(item.reps, "repetitions", "{repetition}")))
    if item.seconds is not None:
        parts.append(extension("hold", "Quantity", _quantity(item.seconds, "s", "s")))
    parts.append(extension("rest", "Quantity", _quantity(item.rest_s, "s", "s")))
    if item.effort is not None:
        parts.append(extension("effort", "Quantity", _quantity(item.effort, "of 10", "{score}")))
    parts.append(extension("duration", "Quantity", _quantity(item.minutes, "min", "min")))
    return {"url": LINE, "extension": parts}


def _quantity(value: float, unit: str, code: str) -> Json:
    return {"value": value, "unit": unit, "system": UCUM, "code": code}
