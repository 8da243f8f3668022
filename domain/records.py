"""Rows as the services see them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain.jobs import Job

Answers = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TemplateRef:
    """One published version: the row's id, and the name, version and hash people know it by."""

    id: UUID
    slug: str
    version: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """One version in any state: draft, published or retired. `document` is the template's JSON."""

    id: UUID
    slug: str
    version: str
    content_hash: str
    status: str
    revision: int
    updated_at: datetime
    published_at: datetime | None
    document: dict[str, Any]
    shipped: bool


@dataclass(frozen=True, slots=True)
class Assessment:
    id: UUID
    user_id: UUID
    template: TemplateRef
    status: str
    answers: Answers
    revision: int
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    job_id: UUID | None


@dataclass(frozen=True, slots=True)
class AssessmentHead:
    """An assessment as a list shows it, without the answers."""

    id: UUID
    user_id: UUID
    slug: str
    version: str
    status: str
    revision: int
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenSubmission:
    """What a submit needs to know first. `key_hash` and `key_job` are there when the idempotency key has been used.

    `missing_consent`: the version of the consent to the use of health data that its person still has to give.
    """

    template_id: UUID
    template_hash: str
    status: str
    answers: Answers
    revision: int
    key_hash: str | None
    key_job: Job | None
    job_id: UUID | None
    missing_consent: str | None = None


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """What a submit writes, in the order of the arguments of app.submit_assessment."""

    assessment_id: UUID
    revision: int
    route: str
    key: str
    body_hash: str
    job_id: UUID
    submission_id: UUID
    answers: Answers
    enabled: list[str]
    computed: Answers
    answered_on: date
    engine_version: str
    correlation_id: str
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Submission:
    """The immutable snapshot that is scored."""

    id: UUID
    assessment_id: UUID
    user_id: UUID
    template_hash: str
    answers: Answers
    enabled: list[str]
    computed: Answers
    attempt_number: int
    answered_on: date


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A submission, the row of its template, and when it was made."""

    submission: Submission
    template_id: UUID
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """A job taken for one attempt of one stage; `settings` are the tenant's."""

    job: Job
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SubmissionClaim(Claim):
    """One of kind `assessment`, with its work. `score` is the stored result once scoring has committed."""

    submission: Submission
    template_id: UUID
    score: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ScoreRecord:
    """One attempt's stored result; `number` is the attempt number, from 1."""

    assessment_id: UUID
    user_id: UUID
    number: int
    submitted_at: datetime
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prescribed:
    """One line of a session. Exactly one of `reps` and `seconds` is set; `effort` is 0-10; `rest_s` seconds."""

    position: int
    exercise: str
    name: str
    cue: str
    role: str
    sets: int
    reps: int | None
    seconds: int | None
    rest_s: int
    minutes: float
    effort: int | None
    why: list[str]


@dataclass(frozen=True, slots=True)
class Session:
    id: UUID
    week: int
    number: int
    deload: bool
    scheduled_on: date
    minutes: float
    items: list[Prescribed]
    status: str = "planned"  # planned, started, done, missed or dropped
    planned_on: date | None = None  # the day it was made for, once it has been moved


@dataclass(frozen=True, slots=True)
class ProgramHead:
    """A program without its content. `reviewed_at` is None until a clinician has decided, or where none is asked."""

    id: UUID
    user_id: UUID
    assessment_id: UUID
    status: str
    revision: int
    weeks: int
    start_on: date
    created_at: datetime
    reviewed_at: datetime | None


@dataclass(frozen=True, slots=True)
class WaitingProgram:
    """An entry of the review queue; `name` is the person's, or the e-mail address where there is none."""

    id: UUID
    user_id: UUID
    name: str
    region: str
    revision: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewProgram:
    """One that is to be made by the plan of a hash, from a Monday on; `sessions` are the ids of its sessions."""

    id: UUID
    start_on: date
    sessions: list[UUID]
    input_hash: str


@dataclass(frozen=True, slots=True)
class Program:
    """`review_note` is what a clinician wrote for clinicians with the decision."""

    id: UUID
    user_id: UUID
    assessment_id: UUID
    status: str
    weeks: int
    start_on: date
    spec: dict[str, Any]
    proof: dict[str, Any]
    input_hash: str
    library_hash: str
    engine_version: str
    created_at: datetime
    sessions: list[Session]
    revision: int = 1
    reviewed_by: UUID | None = None
    reviewed_at: datetime | None = None
    review_note: str | None = None
