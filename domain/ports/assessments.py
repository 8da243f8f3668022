"""What services need of assessments and the templates they are of."""

from __future__ import annotations  # types are all that this imports

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from uuid import UUID

    from domain.assessments.template import Template
    from domain.jobs import Job
    from domain.pages import Page, Window
    from domain.records import (
        Answers,
        Assessment,
        AssessmentHead,
        NewSubmission,
        OpenSubmission,
        ScoreRecord,
        Snapshot,
        TemplateRef,
        TemplateVersion,
    )
    from domain.safety.rules import RedFlagRules


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
        """Of the stored results of this person on this template up to this assessment: the newest two and the first,
        newest first.
        """
        ...


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
