"""What can be assessed: what FFP ships, and what a tenant writes for itself."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from api.auth import TemplateEditor
from api.bodies import DocumentRoute, StrictRoute
from api.errors import responses
from api.headers import IfMatch, etag
from api.models import Body
from domain.assessments.template import Template
from domain.records import TemplateVersion
from domain.services import templates
from domain.tenancy import Actor
from infra.database import template_work
from infra.ids import new_id

router = APIRouter(prefix="/v1", tags=["templates"])
plain = APIRouter(prefix="/templates", route_class=StrictRoute)
documents = APIRouter(prefix="/templates", route_class=DocumentRoute)


TemplateId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$", examples=["low-back-pain"])]
Version = Annotated[str, Path(pattern=r"^[0-9.]{5,32}$", examples=["1.0.0"])]


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


class VersionSummary(TemplateSummary):
    """`status`: draft, published or retired. `shipped`: FFP's own, which every tenant sees; otherwise the tenant's."""

    status: str
    revision: int
    shipped: bool
    updated_at: datetime
    published_at: datetime | None
    links: dict[str, str]


class VersionList(BaseModel):
    items: list[VersionSummary]
    next: str | None = None
    prev: str | None = None


class VersionBody(VersionSummary):
    """`document`: as in TemplateBody."""

    document: dict[str, Any]


class Document(Body):
    document: dict[str, Any] = Field(
        description="A template, as GET shows it; what has its default may be left out.",
        examples=[{"id": "clinic-intake", "version": "1.0.0", "title": {"en": "Intake"}, "items": [], "feeds": {}}],
    )


class FindingBody(BaseModel):
    """`where`: a link id, scale or feed. `mend`: what to do."""

    where: str
    code: str
    mend: str


class LintBody(BaseModel):
    """No findings: it can be published."""

    findings: list[FindingBody]


def _summary(template: Template) -> dict[str, Any]:
    return {
        "id": template.id,
        "version": template.version,
        "content_hash": template.content_hash,
        "title": template.title,
        "regions": list(template.regions),
    }


@plain.get("", summary="Templates this tenant can use", responses=responses(401, 403, 503))
def list_templates(user: TemplateEditor) -> TemplateList:
    with template_work(user) as work:
        found = work.templates.list()
    return TemplateList(items=[TemplateSummary(**_summary(template)) for _, template in found])


@plain.get("/{template_id}", summary="The newest version of a template", responses=responses(401, 403, 404, 503))
def get_template(template_id: TemplateId, user: TemplateEditor) -> TemplateBody:
    with template_work(user) as work:
        ref = work.templates.find(template_id)
        template = work.templates.get(ref.id, ref.content_hash)
    return TemplateBody(**_summary(template), document=template.model_dump(mode="json", by_alias=True))


def _version(found: TemplateVersion) -> dict[str, Any]:
    address = f"/v1/templates/{found.slug}/versions/{found.version}"
    return {
        "id": found.slug,
        "version": found.version,
        "content_hash": found.content_hash,
        "title": found.document["title"],
        "regions": found.document["regions"],
        "status": found.status,
        "revision": found.revision,
        "shipped": found.shipped,
        "updated_at": found.updated_at,
        "published_at": found.published_at,
        "links": {"self": address, "fhir": f"{address}/fhir"},
    }


def version_response(found: TemplateVersion, status: int = 200) -> Response:
    """The whole version, with the ETag that changing it asks for."""
    document = Template.model_validate(found.document).model_dump(mode="json", by_alias=True)
    body = VersionBody(**_version(found), document=document)
    headers = {"ETag": etag(found.revision), "Location": body.links["self"], "Cache-Control": "private, no-cache"}
    return Response(body.model_dump_json(), status, headers, "application/json")


def create_draft(user: Actor, template: Template) -> Response:
    """201 with the draft, or 200 when there is one with this content already."""
    with template_work(user) as work:
        found, made = templates.create(work, template, new_id())
    return version_response(found, 201 if made else 200)


@documents.post(
    "",
    summary="Write a template",
    status_code=201,
    response_model=VersionBody,
    responses=responses(400, 401, 403, 409, 413, 415, 422, 503) | {200: {"model": VersionBody}},
)
def create_template(body: Document, user: TemplateEditor) -> Response:
    """Makes a draft by the id and version of the document. To send the same again changes nothing."""
    return create_draft(user, templates.parse(body.document))


@plain.get("/{template_id}/versions", summary="Versions of a template", responses=responses(401, 403, 404, 503))
def list_template_versions(template_id: TemplateId, user: TemplateEditor) -> VersionList:
    """Newest first. The tenant's own stand before shipped ones of the same number; members see no drafts."""
    with template_work(user) as work:
        found = templates.versions(work, template_id)
    return VersionList(items=[VersionSummary(**_version(each)) for each in found])


@plain.get(
    "/{template_id}/versions/{version}",
    summary="One version of a template",
    response_model=VersionBody,
    responses=responses(401, 403, 404, 503),
)
def get_template_version(template_id: TemplateId, version: Version, user: TemplateEditor) -> Response:
    with template_work(user) as work:
        found = templates.version(work, template_id, version)
    return version_response(found)


@documents.put(
    "/{template_id}/versions/{version}",
    summary="Change a draft",
    response_model=VersionBody,
    responses=responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503),
)
def replace_template_draft(
    template_id: TemplateId, version: Version, body: Document, user: TemplateEditor, revision: IfMatch
) -> Response:
    with template_work(user) as work:
        found = templates.replace(work, template_id, version, revision, body.document)
    return version_response(found)


@plain.post(
    "/{template_id}/versions/{version}/lint",
    summary="What there is to mend before publishing",
    responses=responses(401, 403, 404, 503),
)
def lint_template(template_id: TemplateId, version: Version, user: TemplateEditor) -> LintBody:
    """At most 200 findings of the form, and those of the safety questions."""
    with template_work(user) as work:
        template, rules = templates.to_lint(work, template_id, version)
    found = templates.findings_of(template, rules)
    return LintBody(findings=[FindingBody(where=each.where, code=each.code, mend=each.mend) for each in found])


@plain.post(
    "/{template_id}/versions/{version}/publish",
    summary="Publish a draft",
    response_model=VersionBody,
    responses=responses(401, 403, 404, 409, 412, 422, 428, 503),
)
def publish_template(template_id: TemplateId, version: Version, user: TemplateEditor, revision: IfMatch) -> Response:
    """From now on it never changes. Assessments start with the newest published version; open ones keep theirs."""
    with template_work(user) as work:
        found = templates.publish(work, template_id, version, revision)
    return version_response(found)


@plain.post(
    "/{template_id}/versions/{version}/retire",
    summary="Take a published version out of use",
    response_model=VersionBody,
    responses=responses(401, 403, 404, 409, 412, 428, 503),
)
def retire_template(template_id: TemplateId, version: Version, user: TemplateEditor, revision: IfMatch) -> Response:
    """No assessment starts with it any more; those that are open can be finished."""
    with template_work(user) as work:
        found = templates.retire(work, template_id, version, revision)
    return version_response(found)


for part in (plain, documents):
    router.include_router(part)
