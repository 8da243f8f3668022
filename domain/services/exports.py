"""A copy of everything about one person, as a file. domain/fhir is imported by whoever makes one."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from domain.assessments.errors import NotExportable
from domain.errors import ExportExpired, ExportNotReady, NotFound
from domain.jobs import Job
from domain.ports import UnitOfWork
from domain.rights import Export, Profile
from domain.services import exchange

ROUTE = "exports.request"
FORMAT = "ffp.export.1"
# Read under the person's own policies, in the order of the file.
SECTIONS = (
    "consents", "assessments", "submissions", "scores", "programs", "sessions", "exercises", "session_events",
    "exercise_results", "adaptations", "check_ins", "videos", "feeds",
    "reports", "reminders",
    "imported", "notifications", "jobs",
    "audit",
)  # fmt: skip
Json = dict[str, Any]


def request(
    uow: UnitOfWork, job_id: UUID, key: str, person: UUID | None = None, traceparent: str | None = None
) -> tuple[Job, bool]:
    """Have an export made, of the caller or of `person`, and whether the key had been used for it before. While one is
    being made for the same asker, it is that one. Raises NotFound, IdempotencyKeyReused, RequestInFlight.
    """
    asker = uow.context.user_id
    if asker is None:
        raise NotFound
    whose = asker if person is None else person
    kept = uow.keys.claim(ROUTE, key, hashlib.sha256(whose.bytes).hexdigest())
    if kept is not None:
        return uow.jobs.read(UUID(kept["job_id"])), True
    if not uow.exports.has_person(whose):
        raise NotFound
    subject = whose if whose == asker else uuid5(whose, str(asker))
    job = uow.jobs.enqueue(job_id, "export", whose, subject, traceparent)
    uow.exports.add(job.id, whose)
    uow.keys.keep(ROUTE, key, {"job_id": str(job.id)})
    return job, False


def downloadable(uow: UnitOfWork, person: UUID, export_id: UUID) -> Export:
    """Raises NotFound, ExportNotReady, ExportExpired. What comes of it is on record."""
    found = uow.exports.read(person, export_id)
    if found.status == "expired":
        raise ExportExpired
    if found.status != "ready":
        raise ExportNotReady
    uow.exports.downloaded(found)
    return found


def document(uow: UnitOfWork, profile: Profile, as_of: datetime) -> Iterator[str]:
    """export.json, in parts: the profile, and each section as a list."""
    yield f'{{"format": "{FORMAT}", "as_of": {_text(as_of)}, "profile": {_text(_profile(profile))}'
    for section in SECTIONS:
        yield f',\n"{section}": '
        yield from _listed(uow.exports.rows(profile.id, section))
    yield "}\n"


def emails(uow: UnitOfWork, person: UUID) -> Iterator[str]:
    """emails.json: which e-mails have gone out. For a worker, who alone may read it."""
    yield from _listed(uow.exports.rows(person, "emails"))


def bundle(uow: UnitOfWork, profile: Profile) -> Iterator[str]:
    """fhir-bundle.json, in parts: the Patient, a QuestionnaireResponse for each submission, CarePlan and Goal for each
    program. What FHIR has no way to say is named in an OperationOutcome; export.json has it all the same.
    """
    head = {"resourceType": "Bundle", "id": str(uuid5(profile.id, "bundle")), "type": "collection"}
    yield f'{_text(head)[:-1]}, "entry": '
    yield from _listed(_entries(uow, profile))
    yield "}\n"


def _entries(uow: UnitOfWork, profile: Profile) -> Iterator[Json]:
    yield _entry(profile.id, _patient(profile))
    for row in uow.exports.rows(profile.id, "submissions"):
        try:
            yield _entry(row["id"], exchange.response(uow, row["assessment_id"]))
        except NotExportable:
            yield _entry(uuid5(row["id"], "outcome"), _left_out(row["id"]))
    for row in uow.exports.rows(profile.id, "programs"):
        yield from exchange.care_plan(uow, row["id"])["entry"]


def _entry(number: UUID, resource: Json) -> Json:
    return {"fullUrl": f"urn:uuid:{number}", "resource": resource}


def _patient(profile: Profile) -> Json:
    name = {"name": [{"text": profile.display_name}]} if profile.display_name else {}
    telecom = [{"system": "email", "value": profile.email}]
    return {"resourceType": "Patient", "id": str(profile.id), "active": True, **name, "telecom": telecom}


def _left_out(submission: UUID) -> Json:
    issue = {
        "severity": "warning",
        "code": "not-supported",
        "diagnostics": f"Submission {submission} has no form in FHIR. export.json holds it.",
    }
    return {"resourceType": "OperationOutcome", "id": str(uuid5(submission, "outcome")), "issue": [issue]}


def _profile(profile: Profile) -> Json:
    names = ("id", "email", "display_name", "locale", "time_zone", "role", "tenant_id", "tenant_name", "created_at")
    return {name: getattr(profile, name) for name in names}


def _listed(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    before = "["
    for row in rows:
        yield f"{before}\n{_text(row)}"
        before = ","
    yield "[]" if before == "[" else "\n]"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str | float:
    match value:
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return float(value)
        case UUID():
            return str(value)
        case _:
            raise TypeError(f"no JSON for {type(value).__name__}")
