"""What one transaction offers: the repositories that work in it."""

from functools import cached_property
from typing import TYPE_CHECKING

from domain.tenancy import Actor, Context, Operator
from infra.assessments import AssessmentRepository
from infra.audit_log import AuditLogRepository, OperatorsAuditLog
from infra.business import BusinessRepository
from infra.consents import ConsentRepository
from infra.emails import EmailRepository
from infra.erasure import ErasureRepository
from infra.exports import ExportRepository
from infra.idempotency import KeyRepository
from infra.invitations import InvitationRepository
from infra.jobs import JobRepository
from infra.libraries import LibraryRepository
from infra.me import ProfileRepository
from infra.members import MemberRepository
from infra.notifications import NotificationRepository
from infra.programs import ProgramRepository
from infra.reviews import ReviewRepository
from infra.rows import Connection, TenantConnection
from infra.templates import TemplateRepository
from infra.tenants import TenantRepository

if TYPE_CHECKING:
    from infra.adaptations import AdaptationRepository
    from infra.bulk_action_effects import BulkActionEffects
    from infra.bulk_actions import BulkActionRepository
    from infra.cohorts import CohortRepository
    from infra.dead_letters import DeadLetterRepository
    from infra.feeds import FeedRepository
    from infra.import_effects import ImportEffects
    from infra.imports import ImportRepository
    from infra.limits import LimitsRepository
    from infra.missed import MissedRepository
    from infra.operations import OperatorsJobs
    from infra.outcomes import OutcomeRepository
    from infra.reminders import ReminderRepository
    from infra.replays import ReplayRepository
    from infra.reports import ReportRepository
    from infra.training import TrainingRepository
    from infra.videos import VideoRepository
    from infra.webhooks import WebhookRepository


class UnitOfWork:
    """One transaction of one tenant, and the repositories that work in it."""

    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection

    @property
    def context(self) -> Context:
        return self._connection.context

    @cached_property
    def assessments(self) -> AssessmentRepository:
        return AssessmentRepository(self._connection)

    @cached_property
    def jobs(self) -> JobRepository:
        return JobRepository(self._connection)

    @cached_property
    def programs(self) -> ProgramRepository:
        return ProgramRepository(self._connection)

    @cached_property
    def training(self) -> "TrainingRepository":
        from infra.training import TrainingRepository  # noqa: PLC0415 - of its own section

        return TrainingRepository(self._connection)

    @cached_property
    def adaptations(self) -> "AdaptationRepository":
        from infra.adaptations import AdaptationRepository  # noqa: PLC0415 - for workers and reviewers

        return AdaptationRepository(self._connection)

    @cached_property
    def missed_sessions(self) -> "MissedRepository":
        from infra.missed import MissedRepository  # noqa: PLC0415 - for one schedule

        return MissedRepository(self._connection)

    @cached_property
    def reminders(self) -> "ReminderRepository":
        from infra.reminders import ReminderRepository  # noqa: PLC0415 - for one schedule

        return ReminderRepository(self._connection)

    @cached_property
    def feeds(self) -> "FeedRepository":
        from infra.feeds import FeedRepository  # noqa: PLC0415 - few ask for them

        return FeedRepository(self._connection)

    @cached_property
    def reports(self) -> "ReportRepository":
        from infra.reports import ReportRepository  # noqa: PLC0415 - as above

        return ReportRepository(self._connection)

    @cached_property
    def outcomes(self) -> "OutcomeRepository":
        from infra.outcomes import OutcomeRepository  # noqa: PLC0415 - brings scoring

        return OutcomeRepository(self._connection)

    @cached_property
    def reviews(self) -> ReviewRepository:
        return ReviewRepository(self._connection)

    @cached_property
    def libraries(self) -> LibraryRepository:
        return LibraryRepository(self._connection)

    @cached_property
    def business(self) -> BusinessRepository:
        return BusinessRepository(self._connection)

    @cached_property
    def audit_log(self) -> AuditLogRepository:
        return AuditLogRepository(self._connection)

    @cached_property
    def notifications(self) -> NotificationRepository:
        return NotificationRepository(self._connection)

    @cached_property
    def invitations(self) -> InvitationRepository:
        return InvitationRepository(self._connection)

    @cached_property
    def members(self) -> MemberRepository:
        return MemberRepository(self._connection)

    @cached_property
    def emails(self) -> EmailRepository:
        return EmailRepository(self._connection, self.jobs)

    @cached_property
    def webhooks(self) -> "WebhookRepository":
        from infra.webhooks import WebhookRepository  # noqa: PLC0415 - few ask for them

        return WebhookRepository(self._connection)

    @cached_property
    def cohorts(self) -> "CohortRepository":
        from infra.cohorts import CohortRepository  # noqa: PLC0415 - for few

        return CohortRepository(self._connection)

    @cached_property
    def imports(self) -> "ImportRepository":
        from infra.imports import ImportRepository  # noqa: PLC0415 - for few as well

        return ImportRepository(self._connection)

    @cached_property
    def import_effects(self) -> "ImportEffects":
        from infra.import_effects import ImportEffects  # noqa: PLC0415

        return ImportEffects(self._connection)

    @cached_property
    def bulk_actions(self) -> "BulkActionRepository":
        from infra.bulk_actions import BulkActionRepository  # noqa: PLC0415 - as imports

        return BulkActionRepository(self._connection)

    @cached_property
    def action_effects(self) -> "BulkActionEffects":
        from infra.bulk_action_effects import BulkActionEffects  # noqa: PLC0415

        return BulkActionEffects(self._connection)

    @cached_property
    def videos(self) -> "VideoRepository":
        from infra.videos import VideoRepository  # noqa: PLC0415 - as above

        return VideoRepository(self._connection)

    @cached_property
    def templates(self) -> TemplateRepository:
        return TemplateRepository(self._connection)

    @cached_property
    def profile(self) -> ProfileRepository:
        return ProfileRepository(self._connection)

    @cached_property
    def consents(self) -> ConsentRepository:
        return ConsentRepository(self._connection)

    @cached_property
    def keys(self) -> KeyRepository:
        return KeyRepository(self._connection)

    @cached_property
    def exports(self) -> ExportRepository:
        return ExportRepository(self._connection)

    @cached_property
    def erasures(self) -> ErasureRepository:
        return ErasureRepository(self._connection)


class TemplateWork:
    """One transaction on templates and nothing else: all that somebody without a tenant can open."""

    def __init__(self, connection: Connection[Actor]) -> None:
        self._connection = connection
        self.templates = TemplateRepository(connection)

    @property
    def context(self) -> Actor:
        return self._connection.context


class OperationsWork:
    """One transaction of an operator, as ffp_ops: over every tenant, and over nobody's health data."""

    def __init__(self, connection: Connection[Operator]) -> None:
        self._connection = connection

    @property
    def context(self) -> Operator:
        return self._connection.context

    @cached_property
    def tenants(self) -> TenantRepository:
        return TenantRepository(self._connection)

    @cached_property
    def audit_log(self) -> OperatorsAuditLog:
        return OperatorsAuditLog(self._connection)

    # Loaded when asked for: operators' requests are few, and no cold start of anybody else should wait for them.
    @cached_property
    def jobs(self) -> "OperatorsJobs":
        from infra.operations import OperatorsJobs  # noqa: PLC0415

        return OperatorsJobs(self._connection)

    @cached_property
    def dead_letters(self) -> "DeadLetterRepository":
        from infra.dead_letters import DeadLetterRepository  # noqa: PLC0415

        return DeadLetterRepository(self._connection)

    @cached_property
    def limits(self) -> "LimitsRepository":
        from infra.limits import LimitsRepository  # noqa: PLC0415

        return LimitsRepository(self._connection)

    @cached_property
    def replays(self) -> "ReplayRepository":
        from infra.replays import ReplayRepository  # noqa: PLC0415

        return ReplayRepository(self._connection)
