"""What the signed-in person is told."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.paging import Cursor, Limit, ListBody, Paging
from domain.notifications import TEXTS, Kind, Notification
from infra.database import unit_of_work

router = APIRouter(prefix="/v1/notifications", tags=["notifications"], route_class=StrictRoute)


class Subject(BaseModel):
    """What it is about; `href` is null where there is nothing to read."""

    type: str
    id: UUID
    href: str | None


class NotificationBody(BaseModel):
    """`title` and `text` are fixed for each kind: no health data, no names."""

    id: UUID
    kind: Kind
    title: str
    text: str
    subject: Subject
    created_at: datetime
    read_at: datetime | None


class NotificationList(ListBody):
    items: list[NotificationBody]


def notification_body(notification: Notification) -> NotificationBody:
    title, text = TEXTS[notification.kind]
    return NotificationBody(
        id=notification.id,
        kind=notification.kind,
        title=title,
        text=text,
        subject=Subject(type=notification.subject_type, id=notification.subject_id, href=_href(notification)),
        created_at=notification.created_at,
        read_at=notification.read_at,
    )


def _href(about: Notification) -> str | None:
    if about.kind == "program_rejected":
        return None
    if about.subject_type == "webhook":
        return f"/v1/business/webhooks/{about.subject_id}"
    if about.subject_type == "import":
        return f"/v1/imports/{about.subject_id}"
    if about.subject_type == "assessment":
        return f"/v1/assessments/{about.subject_id}/result"
    return f"/v1/programs/{about.subject_id}"


@router.get(
    "",
    summary="One's own notifications, newest first",
    response_model=NotificationList,
    responses=responses(400, 401, 403, 422, 503),
)
def list_notifications(user: TenantUser, limit: Limit = 50, cursor: Cursor = None, *, unread: bool = False) -> Response:
    """With `unread=true`, only those that have not been read."""
    paging = Paging("/v1/notifications", user, limit, cursor, {"unread": "true"} if unread else None)
    with unit_of_work(user) as uow:
        page = uow.notifications.page(paging.window, unread=unread)
    return paging.respond(NotificationList, page, [notification_body(notification) for notification in page.items])


@router.post(
    "/{notification_id}/read",
    summary="Mark a notification as read",
    responses=responses(401, 403, 404, 503),
)
def read_notification(notification_id: UUID, user: TenantUser) -> NotificationBody:
    """The same again when it has been read before: `read_at` stays the first time."""
    with unit_of_work(user) as uow:
        return notification_body(uow.notifications.mark_read(notification_id))
