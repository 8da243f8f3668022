"""Start, save, submit, score and read assessments."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from domain.assessments import ENGINE_VERSION
from domain.assessments.completion import Completed, check_partial, complete
from domain.assessments.errors import NotSubmitted
from domain.assessments.results import Result, changes_between, result_of
from domain.assessments.template import Template
from domain.errors import (
    AlreadySubmitted,
    ConsentRequired,
    IdempotencyKeyReused,
    InvalidAnswers,
    NotFound,
    StaleRevision,
)
from domain.jobs import Job
from domain.ports import UnitOfWork
from domain.records import Answers, Assessment, NewSubmission, ScoreRecord, SubmissionClaim
from domain.rights import HEALTH_DATA
from domain.safety.rules import PainThresholds, RedFlagRules

SUBMIT_ROUTE = "assessments.submit"


def start(uow: UnitOfWork, slug: str, assessment_id: UUID) -> tuple[Assessment, bool]:
    """The caller's open assessment of this template, made as `assessment_id` if there is none, and whether it was."""
    template = uow.templates.find(slug)
    return uow.assessments.start(assessment_id, template.id)


def amend(uow: UnitOfWork, assessment_id: UUID, submitted: UUID) -> tuple[Assessment, bool]:
    """A new attempt that begins with the answers of the submitted one, made as `assessment_id`; or the attempt that is
    open already, as it is. What was submitted stays as it was.

    Raises NotSubmitted, and TemplateRetired where nobody may start with this version any more.
    """
    if uow.assessments.read(submitted).status != "submitted":
        raise NotSubmitted
    return uow.assessments.amend(assessment_id, submitted)


def save(uow: UnitOfWork, assessment_id: UUID, revision: int, changes: Answers) -> Assessment:
    """Merge `changes` into the draft; None takes an answer away. A partial set of answers is fine.

    Raises InvalidAnswers for a wrong type, range, option or question, StaleRevision, AlreadySubmitted.
    """
    assessment = uow.assessments.read(assessment_id)
    if assessment.job_id is not None:
        raise AlreadySubmitted(assessment.job_id)
    if assessment.revision != revision:
        raise StaleRevision
    template = uow.templates.get(assessment.template.id, assessment.template.content_hash)
    answers = merge(assessment.answers, changes)
    if issues := check_partial(template, changes):
        raise InvalidAnswers(issues)
    return uow.assessments.save(assessment_id, revision, answers)


def merge(answers: Answers, changes: Answers) -> Answers:
    merged = answers | changes
    return {question: value for question, value in merged.items() if value is not None}


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """What a client sent. `answers` are last changes to the draft; the key makes sending it twice harmless."""

    assessment_id: UUID
    revision: int
    key: str
    answers: Answers
    correlation_id: str
    traceparent: str | None = None

    @property
    def body_hash(self) -> str:
        """Of everything that makes two requests the same: the assessment and the answers, not the headers."""
        same = json.dumps([str(self.assessment_id), self.answers], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(same.encode()).hexdigest()


def submit(
    uow: UnitOfWork, request: SubmitRequest, *, job_id: UUID, submission_id: UUID, today: date
) -> tuple[Job, bool]:
    """Freeze the answers and create their job, in one commit. Returns the job and whether it is a replay.

    Raises InvalidAnswers, StaleRevision, AlreadySubmitted, ConsentRequired, IdempotencyKeyReused, NotFound; then
    nothing changed.
    """
    found = uow.assessments.open_submission(request.assessment_id, SUBMIT_ROUTE, request.key)
    if found.key_hash is not None and found.key_hash != request.body_hash:
        raise IdempotencyKeyReused
    if found.key_job is not None:
        return found.key_job, True
    if found.job_id is not None:
        raise AlreadySubmitted(found.job_id)
    if found.missing_consent is not None:
        raise ConsentRequired(HEALTH_DATA, found.missing_consent)
    if found.revision != request.revision:
        raise StaleRevision
    template = uow.templates.get(found.template_id, found.template_hash)
    completed = complete(template, merge(found.answers, request.answers), today)
    if completed.issues:
        raise InvalidAnswers(completed.issues)
    return uow.assessments.submit(
        NewSubmission(
            assessment_id=request.assessment_id,
            revision=request.revision,
            route=SUBMIT_ROUTE,
            key=request.key,
            body_hash=request.body_hash,
            job_id=job_id,
            submission_id=submission_id,
            answers=completed.answers,
            enabled=sorted(completed.enabled),
            computed=completed.computed,
            answered_on=today,
            engine_version=ENGINE_VERSION,
            correlation_id=request.correlation_id,
            traceparent=request.traceparent,
        )
    )


def score(uow: UnitOfWork, claim: SubmissionClaim, rules: RedFlagRules) -> bool:
    """Score and screen a claimed submission. Returns whether a program is to follow: a red flag ends the job here."""
    template = uow.templates.get(claim.template_id, claim.submission.template_hash)
    completed = complete(template, claim.submission.answers, claim.submission.answered_on)
    found, referral = judged(template, completed, rules, claim.settings)
    uow.jobs.finish_scoring(claim.job, ENGINE_VERSION, found.model_dump(mode="json"), referral=referral)
    return not referral


def judged(
    template: Template, completed: Completed, rules: RedFlagRules, settings: Mapping[str, Any]
) -> tuple[Result, bool]:
    """The result, and whether it is a referral. `settings` are the tenant's."""
    found = result_of(template, completed, rules, _thresholds(settings))
    return found, found.screening.outcome == "referral"


def _thresholds(settings: Mapping[str, Any]) -> PainThresholds | None:
    """The tenant's own pain limits; None for the documented default."""
    own = settings.get("pain_thresholds")
    return None if own is None else PainThresholds.model_validate(own)


@dataclass(frozen=True, slots=True)
class ResultView:
    """A stored result with its change since the attempt before and since the first one."""

    record: ScoreRecord
    since_previous: dict[str, Any] | None
    since_first: dict[str, Any] | None


def result(uow: UnitOfWork, assessment_id: UUID) -> ResultView:
    """Raises NotFound until scoring has committed."""
    records = uow.assessments.scores(assessment_id)
    if not records or records[0].assessment_id != assessment_id:
        raise NotFound
    newest = records[0]
    previous = records[1] if len(records) > 1 else None
    first = records[-1] if len(records) > 1 else None
    return ResultView(
        newest,
        changes_between(previous.result, newest.result) if previous else None,
        changes_between(first.result, newest.result) if first else None,
    )
