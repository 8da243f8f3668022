"""Verify Cognito access tokens. The token proves who; PostgreSQL says where and what."""

import threading
import time
from dataclasses import dataclass
from functools import cache

import jwt

from infra import logs, settings

# Tokens are checked against clocks we do not own: two machines may differ by this much.
_LEEWAY_S = 30
# An unknown key id may be a rotation, or a stranger: ask for the keys again, but not more often than this.
_REFRESH_S = 10
_RETRY_S = 1
_MAX_TOKEN = 8_192
# In access tokens only where a trigger of the pool puts it there.
_TENANT_CLAIM = "custom:tenantId"


class InvalidToken(Exception):
    """The token is not one of ours, or not any more. Says nothing about which check failed."""


class KeysUnavailable(Exception):
    """The key set cannot be fetched and none is cached."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A valid access token. `tenant` is what it claims where it claims one: membership has to agree."""

    subject: str
    issued_at: int
    tenant: str | None


class _Keys:
    """The pool's signing keys by id, fetched when an unknown id turns up, at most once in `_REFRESH_S`."""

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=3)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._next_fetch = float("-inf")
        self._lock = threading.Lock()

    def get(self, key_id: str) -> jwt.PyJWK:
        key = self._keys.get(key_id)
        if key is not None:
            return key
        with self._lock:
            if time.monotonic() >= self._next_fetch:
                self._fetch()
        if not self._keys:
            raise KeysUnavailable
        try:
            return self._keys[key_id]
        except KeyError:
            raise InvalidToken from None

    def _fetch(self) -> None:
        """One at a time. A failure keeps the keys we have, and is not repeated at once by everyone who waits here."""
        try:
            found = self._client.get_signing_keys(refresh=True)
        except (jwt.PyJWTError, OSError, ValueError, RecursionError) as error:
            logs.warning("signing_keys_unavailable", error=type(error).__name__)
            self._next_fetch = time.monotonic() + _RETRY_S
        else:
            self._keys = {key.key_id: key for key in found if key.key_id}
            self._next_fetch = time.monotonic() + _REFRESH_S


@cache
def _keys(url: str) -> _Keys:
    return _Keys(url)


def verify(token: str) -> Verified:
    """A valid access token of our client. Raises InvalidToken, or KeysUnavailable."""
    cognito = settings.cognito()
    if len(token) > _MAX_TOKEN:
        raise InvalidToken
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(
            token,
            _keys(cognito.jwks_url).get(str(header.get("kid"))),
            algorithms=["RS256"],
            issuer=cognito.issuer,
            leeway=_LEEWAY_S,
            # Access tokens carry no audience: Cognito names the client in `client_id`.
            options={"require": ["exp", "iat", "sub", "iss"], "verify_aud": False},
        )
        issued_at = int(claims["iat"])
    except (jwt.PyJWTError, ValueError, OverflowError, RecursionError):
        raise InvalidToken from None
    if claims.get("token_use") != "access" or claims.get("client_id") != cognito.client_id:
        raise InvalidToken
    subject = str(claims["sub"])
    if not (subject.isascii() and subject.isprintable()) or issued_at < 0:
        raise InvalidToken
    tenant = claims.get(_TENANT_CLAIM)
    return Verified(subject, issued_at, None if tenant is None else str(tenant))
