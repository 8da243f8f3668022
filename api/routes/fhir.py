"""FHIR R4 in and out; docs/fhir.md says what maps to what."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse, Response

from api.auth import TemplateEditor, TenantUser
from api.bodies import FhirRoute
from api.errors import responses
from api.routes.templates import TemplateId, Version, VersionBody, create_draft
from domain.services import exchange
from infra.database import template_work, unit_of_work

router = APIRouter(prefix="/v1", tags=["fhir"], route_class=FhirRoute)


class FhirResponse(JSONResponse):
    media_type = "application/fhir+json"


def _fhir(resource: dict[str, Any]) -> FhirResponse:
    return FhirResponse(resource, headers={"Cache-Control": "private, no-cache"})


@router.get(
    "/templates/{template_id}/versions/{version}/fhir",
    summary="A template as a FHIR Questionnaire",
    response_class=FhirResponse,
    responses=responses(401, 403, 404, 422, 503),
)
def get_questionnaire(template_id: TemplateId, version: Version, user: TemplateEditor) -> FhirResponse:
    """422 for a draft with conditions that FHIR has no words for."""
    with template_work(user) as work:
        return _fhir(exchange.questionnaire(work, template_id, version))


@router.post(
    "/templates/import",
    summary="A FHIR Questionnaire as a draft",
    status_code=201,
    response_model=VersionBody,
    responses=responses(400, 401, 403, 409, 413, 415, 422, 503) | {200: {"model": VersionBody}},
)
def import_template(
    resource: Annotated[Any, Body(media_type="application/fhir+json", examples=[{"resourceType": "Questionnaire"}])],
    user: TemplateEditor,
) -> Response:
    """What a template cannot honour is refused, with the reason at its place. Lint says what is still to be added."""
    return create_draft(user, exchange.imported(resource))


@router.get(
    "/assessments/{assessment_id}/fhir",
    summary="A submitted assessment as a FHIR QuestionnaireResponse",
    response_class=FhirResponse,
    responses=responses(401, 403, 404, 422, 503),
)
def get_questionnaire_response(assessment_id: UUID, user: TenantUser) -> FhirResponse:
    """The answers as they were submitted, computed values and scores included; 404 before."""
    with unit_of_work(user) as uow:
        return _fhir(exchange.response(uow, assessment_id))


@router.get(
    "/programs/{program_id}/fhir",
    summary="A program as a FHIR CarePlan",
    response_class=FhirResponse,
    responses=responses(401, 403, 404, 503),
)
def get_care_plan(program_id: UUID, user: TenantUser) -> FhirResponse:
    """The CarePlan and its Goal in a Bundle."""
    with unit_of_work(user) as uow:
        return _fhir(exchange.care_plan(uow, program_id))
