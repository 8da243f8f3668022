"""What can be assessed."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from domain.assessments.template import Template
from infra.database import unit_of_work

router = APIRouter(prefix="/v1/templates", tags=["templates"], route_class=StrictRoute)


TemplateId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$", examples=["low-back-pain"])]


class TemplateSummary(BaseModel):
    id: str
    version: str
    content_hash: str
    title: dict[str, str]
    regions: list[str]


class TemplateList(BaseModel):
    items: list[TemplateSummary]
    next: str | None = None
    prev: str | None = None


class TemplateBody(TemplateSummary):
    """`document`: the whole template; its JSON names follow FHIR's Questionnaire."""

    document: dict[str, Any]


def _summary(template: Template) -> dict[str, Any]:
    return {
        "id": template.id,
        "version": template.version,
        "content_hash": template.content_hash,
        "title": template.title,
        "regions": list(template.regions),
    }


@router.get("", summary="Templates this tenant can use", responses=responses(401, 403, 503))
def list_templates(user: TenantUser) -> TemplateList:
    with unit_of_work(user) as uow:
        found = uow.templates.list()
    return TemplateList(items=[TemplateSummary(**_summary(template)) for _, template in found])


@router.get("/{template_id}", summary="The newest version of a template", responses=responses(401, 403, 404, 503))
def get_template(template_id: TemplateId, user: TenantUser) -> TemplateBody:
    with unit_of_work(user) as uow:
        ref = uow.templates.find(template_id)
        template = uow.templates.get(ref.id, ref.content_hash)
    return TemplateBody(**_summary(template), document=template.model_dump(mode="json", by_alias=True))
