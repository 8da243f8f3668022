"""What can stand in the way of a template, and of an assessment that follows one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.errors import DomainError


class Located(Protocol):
    """What is wrong at one place: `pointer` (RFC 6901), a stable code, and what to do."""

    @property
    def pointer(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Place:
    """See Located."""

    pointer: str
    code: str
    message: str


class Refused(DomainError):
    """Something was looked through and turned down; `reasons` says where and why."""

    def __init__(self, reasons: Sequence[Located]) -> None:
        self.reasons = list(reasons)


class InvalidTemplate(Refused):
    code = "invalid_template"
    detail = "The document is not a template. `errors` points at what is missing or not valid."


class TemplateNotPublishable(Refused):
    """The findings of the lint; each says how to mend it."""

    code = "template_not_publishable"
    detail = "The template cannot be published yet. `errors` says what to mend, and where."


class NotImportable(Refused):
    """`reasons`: everything that stands in the way, at most 100; first what must not stand anywhere."""

    code = "not_importable"
    detail = "The questionnaire asks for things a template cannot do. `errors` says what to change."


class NotExportable(Refused):
    """`reasons`: what FHIR has no words for, by link id, or why the answers make no completed response."""

    code = "not_exportable"
    detail = "FHIR cannot say this. `errors` says what to change."


class TemplateVersionExists(DomainError):
    code = "template_version_exists"
    detail = "There is a version with this number and other content. Give yours the next number, or change the draft."


class TemplateNotADraft(DomainError):
    code = "template_not_a_draft"
    detail = "What was published never changes. Make a new version."


class TemplateNotPublished(DomainError):
    code = "template_not_published"
    detail = "Only a published version can be retired, and only once."


class TemplateRetired(DomainError):
    code = "template_retired"
    detail = "The version this assessment followed has been retired. Start a new assessment."


class NotSubmitted(DomainError):
    code = "not_submitted"
    detail = "The assessment is still open: change its answers and submit it."
