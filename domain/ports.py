"""What the services need from the outside; infra/ provides it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from domain.assessments.template import Template
from domain.audit import AuditEntry, AuditFilter
from domain.emails import Email
from domain.jobs import Job, Message, Stage
from domain.members import Invitation, Member, Wanted
from domain.notifications import Notification
from domain.pages import Page, Window
from domain.records import (
    Answers,
    Assessment,
    AssessmentHead,
    Claim,
    NewSubmission,
    OpenSubmission,
    Program,
    ProgramHead,
    ScoreRecord,
    Snapshot,
    TemplateRef,
    TemplateVersion,
    WaitingProgram,
)
from domain.rights import Asked, Consent, Document, Erasure, Export, Profile
from domain.safety.rules import RedFlagRules
from domain.tenancy import Actor, Context, Operator
from domain.webhooks import Delivery, Endpoint

if TYPE_CHECKING:
    from datetime import time

    from domain.bulk_actions.ports import ActionEffects, BulkActions
    from domain.cohorts import Cohorts
    from domain.failures import Failure
    from domain.feeds import Feed
    from domain.imports.ports import Effects, Imports
    from domain.limits import Limits, LimitsVersion
    from domain.operations import DeadLetters, OperatorsJobs, Replays
    from domain.outcomes.records import Record
    from domain.programs.library import Library
    from domain.reminders import Reminder
    from domain.reports import Report
    from domain.services.catching_up import Due, Moved
    from domain.services.reminders import Person
    from domain.services.webhooks import Wanted as WantedWebhook
    from domain.sessions.events import Event
    from domain.sessions.records import Adaptation, CheckIn, Entry, OpenSession, SessionDetail
    from domain.sessions.state import State
    from domain.videos import NewVideo, Video
    from domain.videos import Status as VideoStatus


class Assessments(Protocol):
    def start(self, assessment_id: UUID, template_id: UUID) -> tuple[Assessment, bool]:
        """The caller's open assessment of this template, and whether it was made now."""
        ...

    def read(self, assessment_id: UUID) -> Assessment: ...

    def page(self, window: Window, slug: str | None, status: str | None) -> Page[AssessmentHead]:
        """Newest first: the tenant's for those who care for it, one's own for others."""
        ...

    def amend(self, assessment_id: UUID, submitted: UUID) -> tuple[Assessment, bool]:
        """The open assessment of the same person and template, made with the submitted one's answers if there is none,
        and whether it was. Raises TemplateRetired.
        """
        ...

    def submission(self, assessment_id: UUID) -> Snapshot | None:
        """What was handed in, once it was."""
        ...

    def save(self, assessment_id: UUID, revision: int, answers: Answers) -> Assessment: ...

    def open_submission(self, assessment_id: UUID, route: str, key: str) -> OpenSubmission: ...

    def submit(self, new: NewSubmission) -> tuple[Job, bool]:
        """The job, and whether it is a replay of an earlier answer. Commits."""
        ...

    def scores(self, assessment_id: UUID) -> list[ScoreRecord]:
        """The stored results of this person on this template up to this assessment, newest first."""
        ...


class Jobs(Protocol):
    def read(self, job_id: UUID) -> Job: ...

    def under_way(self) -> Sequence[Job]:
        """The caller's own that have not ended, oldest change first."""
        ...

    def changed(self, since: datetime) -> Sequence[Job]: ...

    def cancel(self, job_id: UUID, request_id: str) -> Job: ...

    def mark_published(self, job_id: UUID, stage: Stage) -> None: ...

    def claim(self, message: Message, lease_s: float, worker: str) -> Claim: ...

    def finish_scoring(self, job: Job, engine_version: str, result: dict[str, Any], *, referral: bool) -> None: ...

    def finish_generation(self, job: Job, program: dict[str, Any], plan: dict[str, Any] | None) -> None:
        """`plan` is the solved spec behind the program where it is new, to be kept."""
        ...

    def enqueue(self, job_id: UUID, kind: str, user_id: UUID, subject_id: UUID, traceparent: str | None = None) -> Job:
        """A job of any kind but `assessment`; where one for the subject is under way, that one."""
        ...

    def finish(self, job: Job, result_type: str | None = None, result_id: UUID | None = None) -> None:
        """End the job with what this unit has written. Raises LeaseLost."""
        ...

    def end_attempt(self, job: Job, outcome: str, failure: "Failure", pause_s: float = 0.0) -> None: ...


class Programs(Protocol):
    def solved(self, input_hash: str) -> dict[str, Any] | None: ...

    def read(self, program_id: UUID) -> Program: ...

    def head(self, program_id: UUID) -> ProgramHead: ...

    def page(self, window: Window, status: str | None) -> Page[ProgramHead]:
        """What the caller may see, newest first."""
        ...

    def work_on(self, program_id: UUID) -> Program:
        """Without a row in the audit log, for workers."""
        ...

    def rewrite(
        self, program_id: UUID, revision: int, sessions: Sequence[Mapping[str, Any]], proof: Mapping[str, Any]
    ) -> Program:
        """Replace lines of a program that waits for review. Raises StaleRevision unless it still is at `revision`."""
        ...


class Training(Protocol):
    def calendar(self, first: date, last: date) -> "list[Entry]":
        """The caller's own sessions of the active program, both days included."""
        ...

    def of_program(self, program_id: UUID) -> "list[Entry]": ...

    def read(self, session_id: UUID) -> "SessionDetail": ...

    def open(self, session_id: UUID) -> "OpenSession":
        """One of the caller's own, locked until the unit ends."""
        ...

    def note(self, session_id: UUID, events: "Sequence[Event]", state: "State") -> None: ...

    def move(self, program_id: UUID, revision: int, move: str, note: str | None) -> bool: ...

    def asked_for(self, program_id: UUID) -> dict[str, Any]: ...

    def check_in(
        self,
        check_in_id: UUID,
        program_id: UUID,
        answers: Mapping[str, str],
        level: str | None,
        flags: Sequence[str],
        advice_key: str | None,
    ) -> str | None: ...

    def check_ins(self, program_id: UUID, owner: UUID) -> "list[CheckIn]": ...


class Adaptations(Protocol):
    def session(self, session_id: UUID | None) -> dict[str, Any]: ...

    def told(self, session_id: UUID) -> int:
        """By how many events."""
        ...

    def hold_session(self, session_id: UUID) -> None:
        """Nothing is reported of it until the unit ends."""
        ...

    def history(self, program_id: UUID) -> list[dict[str, Any]]: ...

    def decided(self, session_id: UUID | None) -> dict[str, list[str]]: ...

    def hold(self, program_id: UUID, revision: int) -> bool: ...

    def untouched(self, session_ids: Sequence[UUID]) -> bool:
        """Whether nobody has begun any of these sessions; and nobody does before the unit ends."""
        ...

    def write_lines(
        self,
        lines: Sequence[Mapping[str, Any]],
        gone: Sequence[Mapping[str, Any]],
        minutes: Sequence[Mapping[str, Any]],
    ) -> None: ...

    def add(self, made: Sequence[Mapping[str, Any]]) -> None: ...

    def reassess(self, program_id: UUID, user_id: UUID) -> None: ...

    def tell(self, kind: str, program_id: UUID, user_id: UUID) -> None: ...

    def tell_staff(self, kind: str, program_id: UUID, but: UUID | None = None) -> None: ...

    def record(self, action: str, program_id: UUID, user_id: UUID) -> None: ...

    def get(self, adaptation_id: UUID) -> "Adaptation": ...

    def settle(
        self, adaptation: "Adaptation", status: str, note: str | None, changes: Sequence[Mapping[str, Any]]
    ) -> "Adaptation": ...


class Reminders(Protocol):
    def people(self, after: UUID | None, limit: int, now: datetime) -> "list[Person]":
        """With an active program and something to be reminded of on their day, by the program's id."""
        ...

    def write(self, reminders: "Sequence[Reminder]") -> int:
        """Each with its e-mail in the same commit, unless it has been made before. Returns how many were made."""
        ...


class Feeds(Protocol):
    def count(self) -> int:
        """The caller's that work; two requests of one person count one after the other."""
        ...

    def add(self, feed_id: UUID, token_hash: bytes, starts_at: "time | None") -> "Feed": ...

    def page(self) -> "list[Feed]": ...

    def revoke(self, feed_id: UUID) -> None: ...


class Reports(Protocol):
    def add(self, report_id: UUID, program_id: UUID, user_id: UUID) -> None:
        """Again: nothing happens."""
        ...

    def read(self, report_id: UUID) -> "Report": ...

    def downloaded(self, report: "Report") -> None: ...

    def finish(self, report_id: UUID, size: int, sha256: str, expires_at: datetime) -> None: ...


class OutcomeRecords(Protocol):
    def read(self, person: UUID) -> "Record":
        """Everything that this person's outcomes are made of. Raises NotFound for whom the caller does not see."""
        ...


class MissedSessions(Protocol):
    def strategy(self) -> str: ...

    def due(self, after: UUID | None, limit: int, now: datetime) -> "list[Due]":
        """Active programs whose first open session may be past on their person's calendar."""
        ...

    def write(self, moved: "Sequence[Moved]") -> int:
        """Returns how many sessions were moved or dropped."""
        ...

    def bases(self, program_id: UUID) -> dict[tuple[UUID, int], dict[str, Any]]:
        """Doses as they were before a re-entry, by session and position."""
        ...


class Reviews(Protocol):
    def queue(self, window: Window) -> Page[WaitingProgram]: ...

    def decide(self, program_id: UUID, revision: int, decision: str, note: str | None) -> bool:
        """Whether it waited for a decision. Raises StaleRevision, NotFound."""
        ...


class Libraries(Protocol):
    def get(self, content_hash: str) -> "Library": ...


class Business(Protocol):
    def settings(self) -> dict[str, Any]: ...

    def change(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The settings with `changes`; None takes one away."""
        ...


class Notifications(Protocol):
    def page(self, window: Window, *, unread: bool) -> Page[Notification]:
        """The caller's own, newest first."""
        ...

    def since(self, moment: datetime) -> Sequence[Notification]:
        """The caller's own made after `moment`, oldest first."""
        ...

    def mark_read(self, notification_id: UUID) -> Notification: ...


class Members(Protocol):
    def page(self, window: Window, *, role: str | None, status: str | None, search: str | None) -> Page[Member]: ...

    def read(self, member_id: UUID) -> Member:
        """Leaves a row in the audit log where it is somebody else."""
        ...

    def get(self, member_id: UUID | None) -> Member: ...

    def change(
        self, member_id: UUID, revision: int, action: str, *, role: str | None = None, status: str | None = None
    ) -> Member:
        """Raises StaleRevision, Forbidden, LastOwner."""
        ...

    def step_down(self) -> None:
        """The caller, an owner, becomes an administrator."""
        ...

    def business_name(self) -> str: ...


class Invitations(Protocol):
    def page(self, window: Window, *, role: str | None, status: str | None) -> Page[Invitation]: ...

    def read(self, invitation_id: UUID) -> Invitation: ...

    def made_since(self, moment: datetime) -> int: ...

    def known(self, emails: Sequence[str]) -> set[str]:
        """Which of these addresses are of somebody who is here."""
        ...

    def close_expired(self, emails: Sequence[str]) -> None: ...

    def make(self, invitation_id: UUID, wanted: Wanted, days: int) -> tuple[Invitation, bool]:
        """The open invitation of this address, and whether it was made now."""
        ...

    def extend(self, invitation_id: UUID, days: int) -> Invitation | None: ...

    def revoke(self, invitation_id: UUID) -> Invitation | None: ...

    def revoke_of(self, user_id: UUID | None) -> None:
        """What somebody who leaves has still open."""
        ...


class Webhooks(Protocol):
    def count(self) -> int:
        """How many endpoints there are; nobody else adds one before this unit ends."""
        ...

    def read(self, endpoint_id: UUID) -> Endpoint: ...

    def add(self, endpoint_id: UUID, wanted: "WantedWebhook", sealed: bytes) -> Endpoint: ...

    def change(self, endpoint_id: UUID, revision: int, wanted: "WantedWebhook") -> Endpoint | None:
        """None where it is not there in this revision."""
        ...

    def add_test(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery: ...

    def resend(self, endpoint_id: UUID, delivery_id: UUID) -> Delivery: ...

    def replay(self, endpoint_id: UUID, since: datetime, until: datetime) -> int:
        """How many there were."""
        ...


class Videos(Protocol):
    def known_exercises(self, exercises: Sequence[str]) -> list[str]: ...

    def add(self, video_id: UUID, upload_id: UUID, new: "NewVideo") -> "Video": ...

    def change(self, video_id: UUID, revision: int, values: Mapping[str, Any]) -> "Video":
        """Raises StaleRevision unless the video still is at `revision`."""
        ...

    def move(
        self,
        video_id: UUID,
        revision: int,
        was: "Sequence[VideoStatus]",
        to: "VideoStatus",
        values: Mapping[str, Any] | None = None,
    ) -> "Video":
        """Raises VideoInOtherState unless it `was` in one of these states, and StaleRevision."""
        ...


class Emails(Protocol):
    def queue(self, kind: str, to_user: UUID | None, to_address: str, params: Mapping[str, str]) -> Job:
        """An e-mail and its job, in the outbox with this unit. `params` hold no health data."""
        ...

    def read(self, email_id: UUID | None) -> Email: ...

    def add_token(self, invitation_id: str, token_hash: bytes) -> bool:
        """Whether the invitation is still open; then this token opens it too."""
        ...

    def end(self, email_id: UUID | None, status: str, message_id: str | None = None) -> None: ...


class Templates(Protocol):
    def find(self, slug: str) -> TemplateRef:
        """The newest published version under this name; the tenant's own before a shipped one."""
        ...

    def versions(self, slug: str, version: str | None = None) -> list[TemplateVersion]:
        """Newest first, one entry a version: the tenant's own before a shipped one. Members see no drafts."""
        ...

    def list(self) -> list[tuple[TemplateRef, Template]]: ...

    def get(self, template_id: UUID, content_hash: str) -> Template: ...

    def own(self, slug: str, version: str) -> TemplateVersion | None:
        """The version if the caller's tenant has it, or for content admins if it is a shipped one."""
        ...

    def draft(self, template_id: UUID, template: Template) -> TemplateVersion | None:
        """None when there is such a version. The following three: None unless it is at this revision and state."""
        ...

    def replace(self, template: Template, revision: int) -> TemplateVersion | None: ...

    def publish(self, slug: str, version: str, revision: int) -> TemplateVersion | None: ...

    def retire(self, slug: str, version: str, revision: int) -> TemplateVersion | None: ...

    def safety_rules(self) -> RedFlagRules: ...


class AuditLog(Protocol):
    """Of one tenant, newest first."""

    def page(self, window: Window, wanted: AuditFilter) -> Page[AuditEntry]: ...

    def about_me(self, window: Window) -> Page[AuditEntry]:
        """What others did to the caller's records, or read of them."""
        ...


class OperatorsAuditLog(Protocol):
    """Of every tenant, newest first. To read it writes a row of it."""

    def page(self, window: Window, wanted: AuditFilter) -> Page[AuditEntry]: ...


class LimitsVersions(Protocol):
    """Only ever added to."""

    def newest(self) -> "LimitsVersion": ...

    def page(self, window: Window) -> "Page[LimitsVersion]":
        """Newest first."""
        ...

    def add(self, version: int, version_id: UUID, limits: "Limits", reason: str) -> bool:
        """Whether `version` was still to be had."""
        ...


class OperationsWork(Protocol):
    """One transaction of an operator."""

    @property
    def context(self) -> Operator: ...
    @property
    def audit_log(self) -> OperatorsAuditLog: ...
    @property
    def jobs(self) -> "OperatorsJobs": ...
    @property
    def dead_letters(self) -> "DeadLetters": ...
    @property
    def replays(self) -> "Replays": ...
    @property
    def limits(self) -> LimitsVersions: ...


class TemplateWork(Protocol):
    """One transaction on templates alone, of a tenant or of a content admin."""

    @property
    def context(self) -> Actor: ...
    @property
    def templates(self) -> Templates: ...


class Profiles(Protocol):
    """The caller's own."""

    def read(self) -> Profile: ...

    def change(self, revision: int, changes: Mapping[str, str]) -> Profile:
        """Raises StaleRevision unless the profile still is at `revision`."""
        ...

    def knows_time_zone(self, name: str) -> bool: ...


class Consents(Protocol):
    def asked(self) -> dict[Document, Asked]:
        """Every document's text in force, with what the caller said last."""
        ...

    def said(self) -> list[Consent]:
        """By the caller, newest first."""
        ...

    def say(self, consent_id: UUID, document: Document, version: str, *, given: bool) -> Consent: ...


class Keys(Protocol):
    def claim(self, route: str, key: str, body_hash: str) -> dict[str, Any] | None:
        """What was kept under an idempotency key; None: it is ours. Raises IdempotencyKeyReused, RequestInFlight."""
        ...

    def keep(self, route: str, key: str, response: dict[str, Any]) -> None: ...


class Exports(Protocol):
    def add(self, export_id: UUID, person: UUID) -> None: ...

    def page(self, person: UUID) -> list[Export]: ...

    def read(self, person: UUID, export_id: UUID) -> Export: ...

    def downloaded(self, export: Export) -> None: ...

    def finish(self, export_id: UUID, size: int, sha256: str, expires_at: datetime) -> None: ...

    def has_person(self, person: UUID) -> bool:
        """Whether there is somebody here whose records are not erased."""
        ...

    def rows(self, person: UUID, section: str) -> Iterator[dict[str, Any]]:
        """All rows of a section, read in parts."""
        ...


class Erasures(Protocol):
    def schedule(self, delay_s: float) -> Erasure:
        """Of the caller. Raises LastOwner."""
        ...

    def add_token(self, person: UUID, token_hash: bytes) -> bool:
        """Whether it can still be taken back; then who shows this token can."""
        ...

    def restore(self, person: UUID) -> None:
        """Raises NotFound where there is nothing to take back any more."""
        ...

    def begin(self, person: UUID) -> list[str] | None:
        """The subjects of the person's logins, from where there is no way back; None where nothing is due."""
        ...

    def erase(self, person: UUID, most: int) -> bool:
        """Delete about `most` rows; whether they were the last."""
        ...


class UnitOfWork(Protocol):
    """One transaction of one tenant."""

    @property
    def context(self) -> Context: ...
    @property
    def assessments(self) -> Assessments: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def programs(self) -> Programs: ...
    @property
    def training(self) -> Training: ...
    @property
    def adaptations(self) -> Adaptations: ...
    @property
    def missed_sessions(self) -> MissedSessions: ...
    @property
    def reminders(self) -> "Reminders": ...
    @property
    def feeds(self) -> "Feeds": ...
    @property
    def reports(self) -> "Reports": ...
    @property
    def outcomes(self) -> OutcomeRecords: ...
    @property
    def reviews(self) -> Reviews: ...
    @property
    def libraries(self) -> Libraries: ...
    @property
    def business(self) -> Business: ...
    @property
    def audit_log(self) -> AuditLog: ...
    @property
    def notifications(self) -> Notifications: ...
    @property
    def profile(self) -> Profiles: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def exports(self) -> Exports: ...
    @property
    def erasures(self) -> Erasures: ...
    @property
    def templates(self) -> Templates: ...
    @property
    def invitations(self) -> Invitations: ...
    @property
    def members(self) -> Members: ...
    @property
    def emails(self) -> Emails: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def imports(self) -> "Imports": ...
    @property
    def cohorts(self) -> "Cohorts": ...
    @property
    def import_effects(self) -> "Effects": ...
    @property
    def bulk_actions(self) -> "BulkActions": ...
    @property
    def action_effects(self) -> "ActionEffects": ...
    @property
    def videos(self) -> Videos: ...
