"""The signed-in person: profile, consents, a copy of their data, and leaving for good."""

import re
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, Field, StrictBool, StringConstraints

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.exports import Download, ExportBody, download_of, export_body, requested
from api.headers import IdempotencyKey, IfMatch, IfNoneMatch, etag, unchanged
from api.models import Body, JobBody
from domain.jobs import message_for
from domain.rights import Asked, Consent, Document, Profile
from domain.services import consents, erasure, exports, me
from infra import settings, tracing
from infra.database import unit_of_work
from infra.ids import new_id
from infra.publishing import publish_committed

router = APIRouter(prefix="/v1/me", tags=["me"], route_class=StrictRoute)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _one_line(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("control characters")
    return value


class TenantBody(BaseModel):
    id: UUID
    name: str
    kind: str


class ProfileBody(BaseModel):
    """`locale`: a language tag; `time_zone`: a name of the IANA database. `role` is the one in `tenant`."""

    id: UUID
    email: str
    display_name: str
    locale: str
    time_zone: str
    role: str
    tenant: TenantBody
    created_at: datetime


class ChangeProfile(Body):
    """What is not named stays."""

    display_name: (
        Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), AfterValidator(_one_line)] | None
    ) = Field(None, examples=["Robin Ashe"])
    locale: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] | None = Field(
        None, examples=["en-GB"]
    )
    time_zone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,64}$")] | None = Field(
        None, examples=["Europe/London"]
    )


class ConsentBody(BaseModel):
    document: Document
    version: str
    accepted: bool
    at: datetime


class AskedBody(BaseModel):
    """The text in force. `accepted`: whether consent to this version holds; `last`: what was said last, to whatever
    version.
    """

    document: Document
    version: str
    title: str
    text: str
    content_hash: str
    accepted: bool
    last: ConsentBody | None


class ConsentList(BaseModel):
    """`history`: everything the person has said, newest first, at most 200 entries."""

    items: list[AskedBody]
    history: list[ConsentBody]


class Answer(Body):
    """`accepted` false takes a consent back."""

    document: Document = Field(examples=["health_data"])
    version: str = Field(max_length=32, examples=["1.0.0"])
    accepted: StrictBool = Field(examples=[True])


class ExportList(BaseModel):
    items: list[ExportBody]


class Erase(Body):
    confirm: Literal["erase"] = Field(description="To be sure that it is meant.")


class ErasureBody(BaseModel):
    """`due_at`: when everything is deleted. Until then it can be taken back: see the e-mail."""

    status: Literal["erasing"]
    due_at: datetime


def _profile(profile: Profile) -> Response:
    names = ("id", "email", "display_name", "locale", "time_zone", "role", "created_at")
    tenant = TenantBody(id=profile.tenant_id, name=profile.tenant_name, kind=profile.tenant_kind)
    body = ProfileBody(tenant=tenant, **{name: getattr(profile, name) for name in names})
    return Response(body.model_dump_json(), 200, _headers(profile), "application/json")


def _headers(profile: Profile) -> dict[str, str]:
    return {"ETag": etag(profile.revision), "Cache-Control": "private, no-cache"}


def _consent(consent: Consent) -> ConsentBody:
    return ConsentBody(document=consent.document, version=consent.version, accepted=consent.given, at=consent.at)


def _asked(asked: Asked) -> AskedBody:
    return AskedBody(
        document=asked.text.document,
        version=asked.text.version,
        title=asked.text.title,
        text=asked.text.body,
        content_hash=asked.text.content_hash,
        accepted=asked.given,
        last=None if asked.last is None else _consent(asked.last),
    )


@router.get(
    "",
    summary="One's own profile",
    response_model=ProfileBody,
    responses=responses(401, 403, 404, 503) | {304: {"description": "Not changed since the given ETag"}},
)
def get_me(user: TenantUser, known: IfNoneMatch) -> Response:
    with unit_of_work(user) as uow:
        profile = me.read(uow)
    if unchanged(known, profile.revision):
        return Response(status_code=304, headers=_headers(profile))
    return _profile(profile)


@router.patch(
    "",
    summary="Change one's own profile",
    response_model=ProfileBody,
    responses=responses(400, 401, 403, 404, 412, 413, 415, 422, 428, 503),
)
def change_me(body: ChangeProfile, user: TenantUser, revision: IfMatch) -> Response:
    changes = {name: value for name, value in body.model_dump().items() if value is not None}
    with unit_of_work(user) as uow:
        profile = me.change(uow, revision, changes)
    return _profile(profile)


@router.get("/consents", summary="What one is asked to agree to, and has", responses=responses(401, 403, 503))
def list_consents(user: TenantUser) -> ConsentList:
    with unit_of_work(user) as uow:
        asked, said = consents.asked(uow)
    return ConsentList(items=[_asked(each) for each in asked], history=[_consent(each) for each in said])


@router.post(
    "/consents",
    summary="Agree to a text, or take it back",
    status_code=201,
    responses=responses(400, 401, 403, 409, 413, 415, 422, 503),
)
def answer_consent(body: Answer, user: TenantUser) -> ConsentBody:
    """Each answer is kept, with the version it was to. 409 when the text has changed meanwhile. To say again what holds
    changes nothing.
    """
    with unit_of_work(user) as uow:
        return _consent(consents.answer(uow, new_id(), body.document, body.version, given=body.accepted))


@router.post(
    "/exports",
    summary="Have a copy of all one's data made",
    status_code=202,
    response_model=JobBody,
    responses=responses(400, 401, 403, 404, 409, 422, 503),
)
def request_export(user: TenantUser, key: IdempotencyKey) -> Response:
    """A job makes it; while one is being made it is that one. The export has the job's id."""
    with unit_of_work(user) as uow:
        job, replayed = exports.request(uow, new_id(), key, traceparent=tracing.current())
    return requested(user, job, replayed=replayed)


@router.get("/exports", summary="One's exports, newest first", responses=responses(401, 403, 503))
def list_exports(user: TenantUser) -> ExportList:
    """Those that are kept, at most 50, with what a business has asked for."""
    with unit_of_work(user) as uow:
        found = [] if user.user_id is None else uow.exports.page(user.user_id)
    return ExportList(items=[export_body(each, "/v1/me") for each in found])


@router.get("/exports/{export_id}", summary="One export", responses=responses(401, 403, 404, 503))
def get_export(export_id: UUID, user: TenantUser) -> ExportBody:
    with unit_of_work(user) as uow:
        return export_body(uow.exports.read(user.user_id or export_id, export_id), "/v1/me")


@router.get(
    "/exports/{export_id}/download",
    summary="Where to download an export",
    responses=responses(401, 403, 404, 409, 410, 503),
)
def download_export(export_id: UUID, user: TenantUser, response: Response) -> Download:
    """An address that works for five minutes, for whoever has it."""
    with unit_of_work(user) as uow:
        export = exports.downloadable(uow, user.user_id or export_id, export_id)
    response.headers["Cache-Control"] = "no-store"
    return download_of(user.tenant_id, export)


@router.post(
    "/erasure",
    summary="Be erased",
    status_code=202,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
def request_erasure(body: Erase, user: TenantUser) -> ErasureBody:  # noqa: ARG001 - that it is there is what counts
    """Access ends at once; everything is deleted after 30 days, in which it can be taken back by the link in the e-mail
    or by whoever runs the business. 409 for the last owner of a business that has other people.
    """
    with unit_of_work(user) as uow:
        found, email = erasure.request(uow, settings.erasure_delay_s())
    if email is not None:
        publish_committed(user, message_for(email))
    return ErasureBody(status="erasing", due_at=found.due_at)
