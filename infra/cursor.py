"""Cursors: a place in a list, signed, so that only places we named come back, and only to the list they belong to."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence

from domain.errors import InvalidCursor
from domain.pages import Key
from infra import settings

_SIGNATURE_BYTES = 16


def seal(scope: Sequence[str], key: Key, *, backwards: bool) -> str:
    """The cursor of a place. `scope` names the list: whose it is, and how it is filtered."""
    place = json.dumps([backwards, *key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_signature(scope, place) + place).rstrip(b"=").decode()


def unseal(scope: Sequence[str], cursor: str) -> tuple[Key, bool]:
    """The key and the direction. Raises InvalidCursor for what `seal` did not make for this scope."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise InvalidCursor from None
    signature, place = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(scope, place)):
        raise InvalidCursor
    backwards, *key = json.loads(place)
    return tuple(key), backwards


def _signature(scope: Sequence[str], place: bytes) -> bytes:
    text = json.dumps(list(scope)).encode() + b"\0" + place
    return hmac.digest(settings.cursor_key(), text, hashlib.sha256)[:_SIGNATURE_BYTES]
