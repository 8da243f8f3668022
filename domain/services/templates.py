"""Write templates: draft, lint, publish, retire."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import ValidationError

from domain.assessments.errors import (
    InvalidTemplate,
    Place,
    TemplateNotADraft,
    TemplateNotPublishable,
    TemplateNotPublished,
    TemplateVersionExists,
)
from domain.assessments.template import Template
from domain.errors import DomainError, NotFound, StaleRevision
from domain.ports import TemplateWork
from domain.records import TemplateVersion
from domain.safety.rules import RedFlagRules

if TYPE_CHECKING:
    from domain.assessments.lint import Finding


def parse(document: Any) -> Template:
    """Raises InvalidTemplate with a place for each thing that is missing or wrong."""
    try:
        return Template.model_validate(document)
    except ValidationError as error:
        from domain.assessments.places import places_of  # noqa: PLC0415 - see findings_of

        raise InvalidTemplate(places_of(error, document)) from None


def versions(work: TemplateWork, slug: str) -> list[TemplateVersion]:
    """Newest first. Raises NotFound where the caller may see none."""
    found = work.templates.versions(slug)
    if not found:
        raise NotFound
    return found


def version(work: TemplateWork, slug: str, number: str) -> TemplateVersion:
    """The tenant's own before a shipped one."""
    found = work.templates.versions(slug, number)
    if not found:
        raise NotFound
    return found[0]


def create(work: TemplateWork, template: Template, template_id: UUID) -> tuple[TemplateVersion, bool]:
    """The draft, made as `template_id` if there is none, and whether it was. The same content again changes nothing.

    Raises TemplateVersionExists for other content under the same name and number.
    """
    made = work.templates.draft(template_id, template)
    found = made or _own(work, template.id, template.version)
    if found.content_hash != template.content_hash:
        raise TemplateVersionExists
    return found, made is not None


def replace(work: TemplateWork, slug: str, number: str, revision: int, document: Any) -> TemplateVersion:
    """Raises InvalidTemplate, StaleRevision, and TemplateNotADraft for what has been published."""
    template = parse(document)
    wrong = [
        name
        for name, given, wanted in (("id", template.id, slug), ("version", template.version, number))
        if given != wanted
    ]
    if wrong:
        message = "This has to be the one of the address."
        raise InvalidTemplate([Place(f"/document/{name}", "differs", message) for name in wrong])
    return work.templates.replace(template, revision) or _refuse(work, slug, number, "draft", TemplateNotADraft)


def to_lint(work: TemplateWork, slug: str, number: str) -> tuple[Template, RedFlagRules]:
    """What `findings_of` needs; apart, so that nobody waits for a connection while it works."""
    return Template.model_validate(version(work, slug, number).document), work.templates.safety_rules()


def findings_of(template: Template, rules: RedFlagRules) -> "list[Finding]":
    """What there is to mend before publishing."""
    # Only who writes templates needs the lint: other cold starts do without.
    from domain.assessments.lint import lint  # noqa: PLC0415
    from domain.safety.lint import lint_safety  # noqa: PLC0415

    return [*lint(template), *lint_safety(template, rules)]


def publish(work: TemplateWork, slug: str, number: str, revision: int) -> TemplateVersion:
    """From now on assessments start with it, if it is the newest; those that are open keep theirs.

    Raises TemplateNotPublishable with what to mend, TemplateNotADraft, StaleRevision.
    """
    draft = _own(work, slug, number)
    if draft.status == "draft" and draft.revision == revision:
        template = Template.model_validate(draft.document)
        if found := findings_of(template, work.templates.safety_rules()):
            from domain.assessments.places import place_of, pointers_in  # noqa: PLC0415 - see findings_of

            pointers = pointers_in(template)
            raise TemplateNotPublishable([place_of(finding, pointers) for finding in found])
    return work.templates.publish(slug, number, revision) or _refuse(work, slug, number, "draft", TemplateNotADraft)


def retire(work: TemplateWork, slug: str, number: str, revision: int) -> TemplateVersion:
    """Nothing starts with it any more; what is open can be finished. Raises TemplateNotPublished, StaleRevision."""
    changed = work.templates.retire(slug, number, revision)
    return changed or _refuse(work, slug, number, "published", TemplateNotPublished)


def _own(work: TemplateWork, slug: str, number: str) -> TemplateVersion:
    found = work.templates.own(slug, number)
    if found is None:
        raise NotFound
    return found


def _refuse(work: TemplateWork, slug: str, number: str, wanted: str, otherwise: type[DomainError]) -> TemplateVersion:
    """Say why nothing was changed: it is not there, not in the state `wanted`, or not as the caller has read it."""
    raise otherwise if _own(work, slug, number).status != wanted else StaleRevision
