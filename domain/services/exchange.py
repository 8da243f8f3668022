"""Templates, answers and programs as FHIR R4. domain/fhir is imported by whoever exchanges, not by every cold start."""

from typing import Any
from uuid import UUID, uuid5

from domain.assessments.completion import complete
from domain.assessments.template import Template
from domain.errors import NotFound
from domain.ports import TemplateWork, UnitOfWork
from domain.services import templates

_STATUS: dict[str, Any] = {"draft": "draft", "published": "active", "retired": "retired"}
Json = dict[str, Any]


def questionnaire(work: TemplateWork, slug: str, number: str) -> Json:
    """Raises NotFound, NotExportable."""
    from domain.fhir import export_questionnaire  # noqa: PLC0415

    found = templates.version(work, slug, number)
    return export_questionnaire(Template.model_validate(found.document), _STATUS[found.status])


def imported(resource: object) -> Template:
    """Raises NotImportable with every reason."""
    from domain.fhir import import_questionnaire  # noqa: PLC0415

    return import_questionnaire(resource)


def response(uow: UnitOfWork, assessment_id: UUID) -> Json:
    """The submitted snapshot. Raises NotFound as long as there is none."""
    from domain.fhir import export_response  # noqa: PLC0415

    found = uow.assessments.submission(assessment_id)
    if found is None:
        raise NotFound
    template = uow.templates.get(found.template_id, found.submission.template_hash)
    return export_response(
        template,
        complete(template, found.submission.answers, found.submission.answered_on),
        response_id=str(found.submission.id),
        subject=_person(found.submission.user_id),
        authored=found.submitted_at,
    )


def care_plan(uow: UnitOfWork, program_id: UUID) -> Json:
    """The CarePlan has the program's own id; those of the resources around it are derived from it."""
    from domain.fhir import CarePlanIds, export_program  # noqa: PLC0415

    program = uow.programs.read(program_id)
    ids = CarePlanIds(bundle=uuid5(program_id, "bundle"), care_plan=program_id, goal=uuid5(program_id, "goal"))
    return export_program(program, ids, subject=_person(program.user_id))


def _person(user_id: UUID) -> str:
    return f"Patient/{user_id}"
