"""Webhooks: what a business is told, how it is signed (Standard Webhooks), when it is tried again, and where to."""

import base64
import hashlib
import hmac
import ipaddress
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from domain.errors import WebhookUrlRefused

Event = Literal[
    "job.succeeded",
    "job.failed",
    "program.ready",
    "program.to_review",
    "program.paused",
    "program.resumed",
    "program.reassessment_due",
    "session.due",
    "referral.made",
    "member.joined",
    "member.removed",
]
Status = Literal["pending", "sending", "delivered", "failed", "skipped"]
TEST: Final = "webhook.test"
MOST: Final = 10  # endpoints of a business
SECRET_BYTES: Final = 32
LONGEST_URL: Final = 2000
OVERLAP_H: Final = 24  # PostgreSQL's trigger says the same

# Seconds to the next try; after the last one none comes. Three days and three hours in all.
RETRIES_S: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
TRIES: Final = len(RETRIES_S) + 1
_JITTER = 0.2

_HREFS: Final[dict[str, str]] = {
    "job": "/v1/jobs/{}",
    "program": "/v1/programs/{}",
    "session": "/v1/sessions/{}",
    "referral": "/v1/assessments/{}/result",
    "member": "/v1/business/members/{}",
    "webhook": "/v1/business/webhooks/{}",
}
_LONGEST_HOST = 253
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
# Names that never are anybody else's server.
_INNER = frozenset({"localhost", "local", "internal", "lan", "home", "corp", "intranet", "arpa", "onion"})
_GLOBAL_6 = ipaddress.ip_network("2000::/3")
# These carry an IPv4 address inside: Teredo and its neighbours, 6to4, and 6to4's relays.
_REFUSED = tuple(map(ipaddress.ip_network, ("2001::/23", "2002::/16", "192.88.99.0/24")))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`events` none: all. `disabled_reason`: `gone` (it answered 410) or `failing`; None by its owner, or enabled."""

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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an endpoint is to be; None leaves what is there. `events` none at all: every event."""

    url: str | None = None
    events: list[str] | None = None
    description: str | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """`outcome`, `response_status` and `duration_ms` are of the last attempt; `next_at` of the one to come."""

    id: UUID
    endpoint_id: UUID
    type: str
    subject_id: UUID
    status: Status
    attempt: int
    next_at: datetime | None
    attempted_at: datetime | None
    outcome: str | None
    response_status: int | None
    duration_ms: int | None
    created_at: datetime


def body(kind: str, subject_id: UUID, at: datetime) -> bytes:
    """Ids and where to read more, as whoever reads it may. Nothing of anybody's health, and no name."""
    href = _HREFS[kind.partition(".")[0]].format(subject_id)
    content = {"type": kind, "timestamp": at.isoformat(), "data": {"id": str(subject_id), "href": href}}
    return json.dumps(content, separators=(",", ":")).encode()


def written(secret: bytes) -> str:
    """A secret as its owner gets it, once."""
    return "whsec_" + base64.b64encode(secret).decode()


def headers(delivery_id: UUID, at_s: int, content: bytes, secrets: list[bytes]) -> dict[str, str]:
    """Standard Webhooks' three: one signature a secret, the newest first. `at_s`: seconds since 1970."""
    signed = f"{delivery_id}.{at_s}.".encode() + content
    made = (base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets)
    return {
        "webhook-id": str(delivery_id),
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{each}" for each in made),
    }


def next_try_s(tries: int, chance: float) -> float | None:
    """Seconds from the end of the `tries`-th try to the next one; None: there is none. `chance` is from 0 to 1."""
    if tries > len(RETRIES_S):
        return None
    return RETRIES_S[tries - 1] * (1 + _JITTER * (2 * chance - 1))


def refuse_url(url: str, *, allow_private: bool) -> None:
    """Raises WebhookUrlRefused for what is not the address of a server that others can reach by HTTPS.

    `allow_private` is for a developer's machine: http, every port, and names and addresses of this machine.
    """
    parts, host, port = _parts(url)
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise WebhookUrlRefused("not_https")
    for sign, reason in (("@", "credentials"), ("#", "fragment")):
        if sign in (parts.netloc if sign == "@" else url):
            raise WebhookUrlRefused(reason)
    if not allow_private and port not in (None, 443):
        raise WebhookUrlRefused("port")
    if not (host if allow_private else _is_public_name(host)):
        raise WebhookUrlRefused("host")


def _parts(url: str) -> tuple[SplitResult, str, int | None]:
    if len(url) > LONGEST_URL:
        raise WebhookUrlRefused("too_long")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise WebhookUrlRefused("malformed")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise WebhookUrlRefused("malformed") from None
    return parts, host, port


def _is_public_name(host: str) -> bool:
    labels = host.split(".")
    if len(labels) == 1 or len(host) > _LONGEST_HOST or not all(_LABEL.fullmatch(each) for each in labels):
        return False
    # A last label that begins with a digit is an address in one of its many spellings.
    return labels[-1] not in _INNER and not labels[-1][0].isdigit()


def is_public(address: str) -> bool:
    """Whether an address that a name stands for is one of the internet at large."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if any(found in network for network in _REFUSED if network.version == found.version):
        return False
    if found.version == 6 and found not in _GLOBAL_6:  # noqa: PLR2004 - mapped, NAT64 and local ones
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved
