"""Every environment variable FFP reads, in one place, read when asked and never at import."""

import hashlib
import os
from dataclasses import dataclass, field
from functools import cache

QUEUES = ("scoring", "generation", "bulk", "notifications")


class SettingMissing(RuntimeError):
    """A required variable is not set; the message names it."""


def _required(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise SettingMissing(f"{name} is not set. For the local stack: eval \"$(ffp env | sed 's/^/export /')\"")
    return value


def _seconds(name: str, default: float) -> float:
    try:
        value = float(os.environ.get(name, default))
    except ValueError:
        raise SettingMissing(f"{name} must be a number of seconds") from None
    if not 0 < value <= 86_400:  # noqa: PLR2004 - a day
        raise SettingMissing(f"{name} must be more than 0 and at most 86400 seconds")
    return value


def database_url() -> str:
    """Role ffp_app: row-level security applies."""
    return _required("FFP_DATABASE_URL")


def relay_database_url() -> str:
    """Role ffp_relay: job metadata of every tenant, nothing else."""
    return _required("FFP_RELAY_DATABASE_URL")


def ops_database_url() -> str:
    """Role ffp_ops: job metadata, dead letters and the audit log of every tenant, and nobody's answers."""
    return _required("FFP_OPS_DATABASE_URL")


def admin_database_url() -> str:
    """May become ffp_owner: migrations and seeds only."""
    return _required("FFP_ADMIN_DATABASE_URL")


def cursor_key() -> bytes:
    """Signs the cursors of lists (32 bytes). Where none is set it is made from the database's URL: all processes of an
    installation share that one, and no client knows its password. On AWS, where the URL has none, the template gives
    the random part of the stack's id. It guards no data: row-level security does, whatever a cursor says.
    """
    given = os.environ.get("FFP_CURSOR_KEY", "") or database_url()
    return hashlib.sha256(b"ffp cursor " + given.encode()).digest()


def pool_size() -> int:
    return int(os.environ.get("FFP_POOL_SIZE", "8"))


@dataclass(frozen=True)
class QueueSettings:
    urls: dict[str, str]
    region: str = field(default="eu-west-2")
    endpoint_url: str | None = None


@cache
def queues() -> QueueSettings:
    urls = {q: os.environ.get(f"FFP_QUEUE_{q.upper()}_URL", "") for q in QUEUES}
    return QueueSettings(
        urls={name: url for name, url in urls.items() if url},
        region=os.environ.get("AWS_REGION") or "eu-west-2",
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL_SQS") or os.environ.get("AWS_ENDPOINT_URL") or None,
    )


@dataclass(frozen=True)
class CognitoSettings:
    """`endpoint_url` None is AWS itself; `issuer` is what tokens carry as `iss`; `jwks_url` where their keys are."""

    user_pool_id: str
    client_id: str
    issuer: str
    jwks_url: str
    endpoint_url: str | None = None
    region: str = field(default="eu-west-2")


@cache
def cognito() -> CognitoSettings:
    region = os.environ.get("AWS_REGION") or "eu-west-2"
    pool = _required("FFP_COGNITO_USER_POOL_ID")
    issuer = os.environ.get("FFP_COGNITO_ISSUER") or f"https://cognito-idp.{region}.amazonaws.com/{pool}"
    endpoint = os.environ.get("FFP_COGNITO_ENDPOINT_URL") or None
    keys_at = f"{endpoint}/{pool}" if endpoint else issuer
    return CognitoSettings(
        user_pool_id=pool,
        client_id=_required("FFP_COGNITO_CLIENT_ID"),
        issuer=issuer,
        jwks_url=f"{keys_at}/.well-known/jwks.json",
        endpoint_url=endpoint,
        region=region,
    )


def lease_s() -> float:
    """How long a claimed job stays another worker's no. Longer than any attempt, shorter than the visibility."""
    return _seconds("FFP_LEASE_S", 60)


def visibility_s() -> float:
    """SQS visibility timeout of the work queues; at least 6 x the function's timeout on AWS."""
    return _seconds("FFP_VISIBILITY_S", 360)


def relay_period_s() -> float:
    return _seconds("FFP_RELAY_PERIOD_S", 5)


def relay_grace_s() -> float:
    """How old an unpublished job must be before the relay takes it: the API's own publish gets its chance first."""
    return _seconds("FFP_RELAY_GRACE_S", 10)


def republish_after_s() -> float:
    """After how long without an end the sweeper takes a published message for lost and sends it again."""
    return _seconds("FFP_REPUBLISH_AFTER_S", 900)


def relay_in_worker() -> bool:
    """Whether a worker process runs the relay and the sweeper as loops; on AWS they are functions of their own."""
    return os.environ.get("FFP_RELAY", "on") != "off"


def log_level() -> str:
    return os.environ.get("FFP_LOG_LEVEL", "INFO").upper()


def log_format() -> str:
    return os.environ.get("FFP_LOG_FORMAT", "json")
