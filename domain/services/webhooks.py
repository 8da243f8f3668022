"""Who of a business's systems is told what."""

from datetime import datetime
from uuid import UUID

from domain.errors import StaleRevision, TooManyWebhooks, WebhookDisabled
from domain.ports import UnitOfWork
from domain.webhooks import MOST, Delivery, Endpoint, Wanted, refuse_url


def add(uow: UnitOfWork, endpoint_id: UUID, wanted: Wanted, sealed: bytes, *, allow_private: bool) -> Endpoint:
    """`sealed` is its secret as it is kept. Raises WebhookUrlRefused, TooManyWebhooks."""
    refuse_url(wanted.url or "", allow_private=allow_private)
    if uow.webhooks.count() >= MOST:
        raise TooManyWebhooks
    return uow.webhooks.add(endpoint_id, wanted, sealed)


def change(uow: UnitOfWork, endpoint_id: UUID, revision: int, wanted: Wanted, *, allow_private: bool) -> Endpoint:
    """Enabled again, it counts as one that never failed. Raises NotFound, StaleRevision, WebhookUrlRefused."""
    if wanted.url is not None:
        refuse_url(wanted.url, allow_private=allow_private)
    changed = uow.webhooks.change(endpoint_id, revision, wanted)
    if changed is None:
        uow.webhooks.read(endpoint_id)
        raise StaleRevision
    return changed


def test(uow: UnitOfWork, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """An event of its own, to this endpoint alone. Raises NotFound, WebhookDisabled."""
    _refuse_disabled(uow, endpoint_id)
    return uow.webhooks.add_test(endpoint_id, delivery_id)


def resend(uow: UnitOfWork, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """The same again at once, with the full schedule if it fails. What is being sent just now stays as it is.

    Raises NotFound, WebhookDisabled.
    """
    _refuse_disabled(uow, endpoint_id)
    return uow.webhooks.resend(endpoint_id, delivery_id)


def replay(uow: UnitOfWork, endpoint_id: UUID, since: datetime, until: datetime) -> int:
    """All that was made in this time and did not arrive: failed, or the endpoint was disabled. Returns how many.

    Raises NotFound, WebhookDisabled.
    """
    _refuse_disabled(uow, endpoint_id)
    return uow.webhooks.replay(endpoint_id, since, until)


def _refuse_disabled(uow: UnitOfWork, endpoint_id: UUID) -> None:
    if not uow.webhooks.read(endpoint_id).enabled:
        raise WebhookDisabled
