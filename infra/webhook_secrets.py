"""Secrets of webhooks, sealed as they lie in PostgreSQL: AES-256-GCM with one key of the installation."""

import hashlib
import os
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.errors import Unavailable
from infra import aws, settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORM = b"\x01"
_NONCE_BYTES = 12


class Unreadable(Exception):
    """The secret has to be rotated."""


def _cipher() -> "AESGCM":
    """Raises Unavailable where there is no key: then there are no webhooks here."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - no other request needs it

    arn = settings.webhook_key_arn()
    try:
        key = _kept_key(arn) if arn else settings.webhook_key()
    except settings.SettingMissing as error:
        raise Unavailable(str(error)) from None
    return AESGCM(hashlib.sha256(b"ffp webhook " + key).digest())


@cache
def _kept_key(arn: str) -> bytes:
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    config = Config(connect_timeout=2, read_timeout=3)
    client: Any = aws.client("secretsmanager", region_name=settings.queues().region, config=config)
    try:
        key: str = client.get_secret_value(SecretId=arn)["SecretString"]
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(type(error).__name__) from None
    return key.encode()


def seal(tenant_id: UUID, endpoint_id: UUID, secret: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _FORM + nonce + _cipher().encrypt(nonce, secret, _of(tenant_id, endpoint_id))


def unseal(tenant_id: UUID, endpoint_id: UUID, sealed: bytes) -> bytes:
    """Raises Unreadable for what was sealed for another endpoint, or with another key."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415

    nonce = sealed[1 : 1 + _NONCE_BYTES]
    try:
        return _cipher().decrypt(nonce, sealed[1 + _NONCE_BYTES :], _of(tenant_id, endpoint_id))
    except InvalidTag:
        raise Unreadable from None


def _of(tenant_id: UUID, endpoint_id: UUID) -> bytes:
    """A sealed secret that is copied to another row opens nothing."""
    return _FORM + tenant_id.bytes + endpoint_id.bytes
