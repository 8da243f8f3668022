"""Secrets of webhooks, sealed as they lie in PostgreSQL: AES-256-GCM with one key of the installation."""

import hashlib
import os
from typing import TYPE_CHECKING
from uuid import UUID

from infra import settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORM = b"\x01"
_NONCE_BYTES = 12


def _cipher() -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - no other request needs it

    return AESGCM(hashlib.sha256(b"ffp webhook " + settings.webhook_key()).digest())


def seal(tenant_id: UUID, endpoint_id: UUID, secret: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _FORM + nonce + _cipher().encrypt(nonce, secret, _of(tenant_id, endpoint_id))


def unseal(tenant_id: UUID, endpoint_id: UUID, sealed: bytes) -> bytes:
    """Raises cryptography.exceptions.InvalidTag for what was sealed for another endpoint, or with another key."""
    nonce = sealed[1 : 1 + _NONCE_BYTES]
    return _cipher().decrypt(nonce, sealed[1 + _NONCE_BYTES :], _of(tenant_id, endpoint_id))


def _of(tenant_id: UUID, endpoint_id: UUID) -> bytes:
    """A sealed secret that is copied to another row opens nothing."""
    return _FORM + tenant_id.bytes + endpoint_id.bytes
