"""Webhooks: who of a business's own systems hears what happens here."""

import os
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, Field, StrictBool, model_validator

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IfMatch, etag
from api.models import Body
from api.paging import Cursor, Limit, ListBody, Paging
from domain.services import webhooks
from domain.tenancy import Context
from domain.webhooks import LONGEST_URL, SECRET_BYTES, Delivery, Endpoint, Event, Status, Wanted, written
from infra import settings, throttle, webhook_secrets
from infra.database import unit_of_work
from infra.ids import new_id

router = APIRouter(prefix="/v1/business/webhooks", tags=["webhooks"], route_class=StrictRoute)

_AT = "/v1/business/webhooks"
# Test events and resent ones: ten at once, one more each minute.
_ASKED_FOR = throttle.Quota(10, 600)

Url = Annotated[str, Field(min_length=1, max_length=LONGEST_URL, examples=["https://hooks.example.com/ffp"])]
Events = Annotated[
    list[Event], Field(max_length=20, description="Which events; none: all.", examples=[["job.succeeded"]])
]
Description = Annotated[str, Field(max_length=200, examples=["Practice software"])]


class NewWebhook(Body):
    url: Url
    events: Events = Field(default=[])
    description: Description = ""
    enabled: StrictBool = True


class ChangeWebhook(Body):
    """What is not given stays."""

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None
    enabled: StrictBool | None = None


class WebhookBody(BaseModel):
    """`disabled_reason`: `gone` (it answered 410), `failing` (for five days), null by its owner. Until `previous_until`
    the secret before the newest signs as well. `failing_since`: the first failure after the last success.
    """

    id: UUID
    url: str
    events: list[str]
    description: str
    enabled: bool
    disabled_reason: str | None
    previous_until: datetime | None
    failing_since: datetime | None
    revision: int
    created_at: datetime
    updated_at: datetime
    links: dict[str, str]


class WebhookSecret(WebhookBody):
    secret: str = Field(description="Shown this once. Verify signatures with it.", examples=["whsec_MfKQ9r8GKYqrTwjU"])


class WebhookList(BaseModel):
    """At most ten, oldest first."""

    items: list[WebhookBody]


class DeliveryBody(BaseModel):
    """`id` is the `webhook-id` of every attempt. `outcome`, `response_status` and `duration_ms` are of the last one:
    what the receiver has said beyond its status is not kept. `skipped`: the webhook was disabled.
    """

    id: UUID
    type: str
    subject_id: UUID
    status: Status
    attempts: int
    outcome: str | None
    response_status: int | None
    duration_ms: int | None
    created_at: datetime
    attempted_at: datetime | None
    next_attempt_at: datetime | None


class DeliveryList(ListBody):
    items: list[DeliveryBody]


class Period(Body):
    """`from` is included, `to` is not. Deliveries are kept for 30 days."""

    since: AwareDatetime = Field(alias="from", examples=["2026-11-20T00:00:00Z"])
    until: AwareDatetime = Field(alias="to", examples=["2026-11-22T00:00:00Z"])

    @model_validator(mode="after")
    def _in_order(self) -> "Period":
        if self.since >= self.until:
            raise ValueError("from must be before to")
        return self


class Replayed(BaseModel):
    replayed: int


def _fields(endpoint: Endpoint) -> dict[str, object]:
    at = f"{_AT}/{endpoint.id}"
    names = WebhookBody.model_fields.keys() - {"links"}
    links = {"self": at, "deliveries": f"{at}/deliveries"}
    return {name: getattr(endpoint, name) for name in names} | {"links": links}


def _respond(endpoint: Endpoint, secret: bytes | None = None, status: int = 200) -> Response:
    body = WebhookBody.model_validate(_fields(endpoint))
    if secret is not None:
        body = WebhookSecret.model_validate(_fields(endpoint) | {"secret": written(secret)})
    headers = {"ETag": etag(endpoint.revision), "Cache-Control": "no-store"}
    if status == 201:  # noqa: PLR2004
        headers["Location"] = f"{_AT}/{endpoint.id}"
    return Response(body.model_dump_json(), status, headers, "application/json")


def _delivery(delivery: Delivery) -> DeliveryBody:
    return DeliveryBody(
        id=delivery.id,
        type=delivery.type,
        subject_id=delivery.subject_id,
        status=delivery.status,
        attempts=delivery.attempt,
        outcome=delivery.outcome,
        response_status=delivery.response_status,
        duration_ms=delivery.duration_ms,
        created_at=delivery.created_at,
        attempted_at=delivery.attempted_at,
        next_attempt_at=delivery.next_at,
    )


def _secret(user: Context, endpoint_id: UUID) -> tuple[bytes, bytes]:
    """A new one, and the same sealed."""
    secret = os.urandom(SECRET_BYTES)
    return secret, webhook_secrets.seal(user.tenant_id, endpoint_id, secret)


@router.post(
    "",
    summary="Add a webhook",
    status_code=201,
    response_model=WebhookSecret,
    responses=responses(400, 401, 403, 409, 413, 415, 422, 429, 503),
)
def create_webhook(body: NewWebhook, user: TenantUser) -> Response:
    """`secret` is shown this once. At most ten webhooks."""
    endpoint_id = new_id()
    secret, sealed = _secret(user, endpoint_id)
    wanted, private = Wanted(**body.model_dump()), settings.webhook_allow_private()
    with unit_of_work(user) as uow:
        endpoint = webhooks.add(uow, endpoint_id, wanted, sealed, allow_private=private)
    return _respond(endpoint, secret, 201)


@router.get("", summary="The webhooks of the business", responses=responses(401, 403, 429, 503))
def list_webhooks(user: TenantUser) -> WebhookList:
    with unit_of_work(user) as uow:
        return WebhookList(items=[WebhookBody.model_validate(_fields(each)) for each in uow.webhooks.all()])


@router.get(
    "/{webhook_id}", summary="One webhook", response_model=WebhookBody, responses=responses(401, 403, 404, 429, 503)
)
def get_webhook(webhook_id: UUID, user: TenantUser) -> Response:
    with unit_of_work(user) as uow:
        return _respond(uow.webhooks.read(webhook_id))


@router.patch(
    "/{webhook_id}",
    summary="Change, enable or disable a webhook",
    response_model=WebhookBody,
    responses=responses(400, 401, 403, 404, 412, 413, 415, 422, 428, 429, 503),
)
def change_webhook(webhook_id: UUID, body: ChangeWebhook, user: TenantUser, revision: IfMatch) -> Response:
    """What happens while it is disabled is not sent, and can be replayed later."""
    wanted, private = Wanted(**body.model_dump()), settings.webhook_allow_private()
    with unit_of_work(user) as uow:
        return _respond(webhooks.change(uow, webhook_id, revision, wanted, allow_private=private))


@router.delete(
    "/{webhook_id}", summary="Delete a webhook", status_code=204, responses=responses(401, 403, 404, 429, 503)
)
def delete_webhook(webhook_id: UUID, user: TenantUser) -> Response:
    """Nothing is sent to it any more; its secret and its log are gone."""
    with unit_of_work(user) as uow:
        uow.webhooks.delete(webhook_id)
    return Response(status_code=204)


@router.post(
    "/{webhook_id}/rotate",
    summary="Change a webhook's secret",
    response_model=WebhookSecret,
    responses=responses(401, 403, 404, 429, 503),
)
def rotate_webhook(webhook_id: UUID, user: TenantUser) -> Response:
    """For 24 hours what is sent carries the signatures of both secrets. `secret` is shown this once."""
    secret, sealed = _secret(user, webhook_id)
    with unit_of_work(user) as uow:
        endpoint = uow.webhooks.rotate(webhook_id, sealed)
    return _respond(endpoint, secret)


@router.post(
    "/{webhook_id}/test",
    summary="Send a test event",
    status_code=202,
    responses=responses(401, 403, 404, 409, 429, 503),
)
def test_webhook(webhook_id: UUID, user: TenantUser) -> DeliveryBody:
    """A `webhook.test` to this webhook alone. The log says how it went."""
    throttle.take("webhook-test", str(webhook_id), _ASKED_FOR)
    with unit_of_work(user) as uow:
        return _delivery(webhooks.test(uow, webhook_id, new_id()))


@router.get(
    "/{webhook_id}/deliveries",
    summary="What was sent to a webhook, newest first",
    response_model=DeliveryList,
    responses=responses(400, 401, 403, 404, 422, 429, 503),
)
def list_webhook_deliveries(
    webhook_id: UUID, user: TenantUser, status: Status | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Of the last 30 days."""
    given = {"status": status} if status is not None else {}
    paging = Paging(f"{_AT}/{webhook_id}/deliveries", user, limit, cursor, {str(k): str(v) for k, v in given.items()})
    with unit_of_work(user) as uow:
        page = uow.webhooks.log(webhook_id, paging.window, status=status)
    return paging.respond(DeliveryList, page, [_delivery(each) for each in page.items])


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/resend",
    summary="Send once more what was sent",
    status_code=202,
    responses=responses(401, 403, 404, 409, 429, 503),
)
def resend_webhook_delivery(webhook_id: UUID, delivery_id: UUID, user: TenantUser) -> DeliveryBody:
    """With the same `webhook-id`, at once, and with every retry again if it fails."""
    throttle.take("webhook-resend", str(webhook_id), _ASKED_FOR)
    with unit_of_work(user) as uow:
        return _delivery(webhooks.resend(uow, webhook_id, delivery_id))


@router.post(
    "/{webhook_id}/replay",
    summary="Send what is missing",
    status_code=202,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
)
def replay_webhook(webhook_id: UUID, body: Period, user: TenantUser) -> Replayed:
    """All of this time that did not arrive: it failed, or the webhook was disabled. What arrived is not sent again."""
    with unit_of_work(user) as uow:
        return Replayed(replayed=webhooks.replay(uow, webhook_id, body.since, body.until))
