"""The environment variables of infra/declared.py, in one place, read when asked and never at import."""

import hashlib
import os
import re
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

from infra.declared import ENVIRONMENTS, SETTINGS

QUEUES = ("scoring", "generation", "bulk", "notifications", "media")
# Between the dispatcher of webhooks, which has the database, and their sender, which has the internet.
WEBHOOK_QUEUES = ("webhooks", "webhook_results")
# The single-page application's development server and its preview of a build.
_LOCAL_ORIGINS = "http://localhost:5173,http://127.0.0.1:5173,http://localhost:4173,http://127.0.0.1:4173"
_QUOTA = re.compile(r"(\w+)=([1-9][0-9]{0,4})/([1-9][0-9]{0,4})/([1-9][0-9]{0,4})")
_WEBHOOK_KEY_LENGTH = 32
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")


class SettingMissing(RuntimeError):
    """A required variable is not set, or is not of its form; the message names it."""


def _given(name: str) -> str | None:
    """Its value or its declared default. What is set to nothing is not set."""
    default = SETTINGS[name].default
    return os.environ.get(name, default) or default


def _required(name: str) -> str:
    value = os.environ.get(SETTINGS[name].name, "")
    if not value:
        raise SettingMissing(f"{name} is not set. For the local stack: eval \"$(ffp env | sed 's/^/export /')\"")
    return value


def _seconds(name: str) -> float:
    try:
        value = float(_given(name) or "")
    except ValueError:
        raise SettingMissing(f"{name} must be a number of seconds") from None
    if not 0 < value <= 86_400:  # noqa: PLR2004 - a day
        raise SettingMissing(f"{name} must be more than 0 and at most 86400 seconds")
    return value


def values() -> dict[str, str]:
    """Every variable of ours that is set, and every other endpoint that the AWS library would use instead of AWS."""
    found = {name: os.environ.get(name) for name in SETTINGS}
    found |= {name: value for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL")}
    return {name: value for name, value in found.items() if value is not None}


def environment() -> str:
    """One of ENVIRONMENTS. Raises SettingMissing for any other: a misspelt `prod` must not be taken for a laptop."""
    value = _given("FFP_ENV") or ""
    if value not in ENVIRONMENTS:
        raise SettingMissing(f"FFP_ENV must be one of {', '.join(ENVIRONMENTS)}")
    return value


def cors_origins() -> tuple[str, ...]:
    """Origins whose scripts may read the API's answers: exact ones, never a pattern."""
    value = os.environ.get("FFP_CORS_ORIGINS")
    if value is None:
        value = _LOCAL_ORIGINS if environment() == "local" else ""
    origins = tuple(filter(None, (each.strip() for each in value.split(","))))
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingMissing("FFP_CORS_ORIGINS must be exact origins: https://app.example.com, separated by commas")
    return origins


def read_timeout_s() -> float:
    """How long a request's body may take to arrive: a client that sends a byte a second must not hold on for ever."""
    return _seconds("FFP_READ_TIMEOUT_S")


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


def admin_credentials_arn() -> str | None:
    """The secret of Secrets Manager with that role's password; None: the URL has it."""
    return _given("FFP_ADMIN_CREDENTIALS_ARN")


def cursor_key() -> bytes:
    """Signs the cursors of lists (32 bytes). Where none is set it is made from the database's URL: all processes of an
    installation share that one, and no client knows its password. On AWS, where the URL has none, the template gives
    the random part of the stack's id. It guards no data: row-level security does, whatever a cursor says.
    """
    given = _given("FFP_CURSOR_KEY") or database_url()
    return hashlib.sha256(b"ffp cursor " + given.encode()).digest()


def pool_size() -> int:
    value = _given("FFP_POOL_SIZE") or ""
    if not value.isdecimal() or not 0 < int(value) <= 1000:  # noqa: PLR2004 - no PostgreSQL takes more
        raise SettingMissing("FFP_POOL_SIZE must be a whole number from 1 to 1000")
    return int(value)


@dataclass(frozen=True)
class QueueSettings:
    urls: dict[str, str]
    region: str = field(default="eu-west-2")
    endpoint_url: str | None = None


@cache
def queues() -> QueueSettings:
    urls = {q: _given(f"FFP_QUEUE_{q.upper()}_URL") for q in QUEUES}
    return QueueSettings(
        urls={name: url for name, url in urls.items() if url},
        region=region(),
        endpoint_url=_given("AWS_ENDPOINT_URL_SQS") or _given("AWS_ENDPOINT_URL"),
    )


def region() -> str:
    return _given("AWS_REGION") or ""


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
    where = region()
    pool = _required("FFP_COGNITO_USER_POOL_ID")
    issuer = _given("FFP_COGNITO_ISSUER") or f"https://cognito-idp.{where}.amazonaws.com/{pool}"
    endpoint = _given("FFP_COGNITO_ENDPOINT_URL")
    keys_at = f"{endpoint}/{pool}" if endpoint else issuer
    return CognitoSettings(
        user_pool_id=pool,
        client_id=_required("FFP_COGNITO_CLIENT_ID"),
        issuer=issuer,
        jwks_url=f"{keys_at}/.well-known/jwks.json",
        endpoint_url=endpoint,
        region=where,
    )


def registration_client_id() -> str:
    """The client that registers people. It may write the attributes that say who somebody is, so it has a secret."""
    return _required("FFP_COGNITO_REGISTRATION_CLIENT_ID")


def cognito_domain_url() -> str:
    """Where the user pool's own pages are: /oauth2/authorize, /oauth2/token, /logout."""
    return (_given("FFP_COGNITO_DOMAIN_URL") or cognito().endpoint_url or _required("FFP_COGNITO_DOMAIN_URL")).rstrip(
        "/"
    )


@dataclass(frozen=True)
class AuthQuota:
    """How many of one kind of request in `window_s` seconds: of one account, and of one network address."""

    account: int
    address: int
    window_s: int


def auth_quotas() -> dict[str, AuthQuota]:
    """By kind of request: login, register, confirm, resend, forgot, reset, refresh."""
    found: dict[str, AuthQuota] = {}
    kinds = _QUOTA.findall(SETTINGS["FFP_AUTH_QUOTAS"].default or "")
    for each in (SETTINGS["FFP_AUTH_QUOTAS"].default or "").split() + (_given("FFP_AUTH_QUOTAS") or "").split():
        given = _QUOTA.fullmatch(each)
        if given is None or not any(given[1] == kind for kind, *_ in kinds):
            raise SettingMissing("FFP_AUTH_QUOTAS must be such as login=10/30/60, separated by spaces")
        found[given[1]] = AuthQuota(int(given[2]), int(given[3]), int(given[4]))
    return found


def even_answer_s() -> float:
    """What an answer takes at the least that must not tell whether there is an account."""
    return _seconds("FFP_EVEN_ANSWER_S")


def registration_kept_h() -> float:
    """After how many hours without its code a registration is taken back."""
    value = _given("FFP_REGISTRATION_KEPT_H") or ""
    if not value.isdecimal() or not 24 <= int(value) <= 720:  # noqa: PLR2004 - a code is good for a day; a month
        raise SettingMissing("FFP_REGISTRATION_KEPT_H must be a whole number of hours from 24 to 720")
    return float(value)


@dataclass(frozen=True)
class MailSettings:
    """`sender` is the From of every e-mail; `endpoint_url` None is AWS itself."""

    sender: str
    region: str
    endpoint_url: str | None = None


@cache
def mail() -> MailSettings:
    return MailSettings(_given("FFP_MAIL_FROM") or "", region(), _given("AWS_ENDPOINT_URL"))


def mail_per_s() -> float:
    """How many e-mails a second this process hands over at most."""
    return _number("FFP_MAIL_PER_S", 0.1, 1000, "e-mails a second, from 0.1 to 1000")


def web_url() -> str:
    """Where the web application is, without a slash at its end."""
    return (_given("FFP_WEB_URL") or "").rstrip("/")


@dataclass(frozen=True)
class ObjectSettings:
    """`exports` is a bucket's name; `endpoint_url` None is AWS itself."""

    exports: str
    region: str
    endpoint_url: str | None = None


@cache
def objects() -> ObjectSettings:
    endpoint = _given("AWS_ENDPOINT_URL_S3") or _given("AWS_ENDPOINT_URL")
    return ObjectSettings(_required("FFP_BUCKET_EXPORTS"), region(), endpoint)


@dataclass(frozen=True)
class StorageSettings:
    """Where S3 is; `endpoint_url` None is AWS itself."""

    region: str
    endpoint_url: str | None = None


@cache
def object_storage() -> StorageSettings:
    return StorageSettings(_given("AWS_REGION") or "", _given("AWS_ENDPOINT_URL_S3") or _given("AWS_ENDPOINT_URL"))


def videos_bucket() -> str:
    """What is uploaded, and what is made of it."""
    return _required("FFP_BUCKET_VIDEOS")


def cdn_url() -> str:
    """Where videos are served from, without a slash at its end."""
    return _required("FFP_CDN_URL").rstrip("/")


def cdn_keys_arn() -> str | None:
    """The secret of Secrets Manager with the keys that sign addresses of videos; None: cdn_keys_file() has them."""
    return _given("FFP_CDN_KEYS_ARN")


def cdn_keys_file() -> str:
    return _required("FFP_CDN_KEYS_FILE")


def video_progress_s() -> float:
    """How often the place that somebody has watched to is written down, at the most."""
    return _seconds("FFP_VIDEO_PROGRESS_S")


def video_hls() -> bool:
    """Whether renditions of several sizes are made beside the one file."""
    return _given("FFP_VIDEO_HLS") == "on"


def erasure_delay_s() -> float:
    """How long an erasure can be taken back."""
    return _number("FFP_ERASURE_DELAY_S", 0, 31_536_000, "seconds, at most a year")


@dataclass(frozen=True)
class RetentionSettings:
    """Days for which rows are kept. PostgreSQL's policies hold the least that any environment may choose."""

    notifications: float
    emails: float
    attempts: float
    exports: float


def retention() -> RetentionSettings:
    def days(kind: str, least: float) -> float:
        return _number(f"FFP_RETENTION_{kind}_DAYS", least, 3650, f"days, from {least} to 3650")

    return RetentionSettings(days("NOTIFICATIONS", 30), days("EMAILS", 30), days("ATTEMPTS", 7), days("EXPORTS", 0))


def _number(name: str, least: float, most: float, form: str) -> float:
    try:
        value = float(_given(name) or "")
    except ValueError:
        value = -1
    if not least <= value <= most:
        raise SettingMissing(f"{name} must be a number of {form}")
    return value


def lease_s() -> float:
    """How long a claimed job stays another worker's no. Longer than any attempt, shorter than the visibility."""
    return _seconds("FFP_LEASE_S")


def visibility_s() -> float:
    """SQS visibility timeout of the work queues; at least 6 x the function's timeout on AWS."""
    return _seconds("FFP_VISIBILITY_S")


def relay_period_s() -> float:
    return _seconds("FFP_RELAY_PERIOD_S")


def relay_grace_s() -> float:
    """How old an unpublished job must be before the relay takes it: the API's own publish gets its chance first."""
    return _seconds("FFP_RELAY_GRACE_S")


def republish_after_s() -> float:
    """After how long without an end the sweeper takes a published message for lost and sends it again."""
    return _seconds("FFP_REPUBLISH_AFTER_S")


@dataclass(frozen=True)
class WebhookQueues:
    to_send: str
    results: str


def webhook_queues() -> WebhookQueues | None:
    """URLs; None where no webhooks are sent."""
    to_send, results = (_given(f"FFP_QUEUE_{each.upper()}_URL") for each in WEBHOOK_QUEUES)
    return WebhookQueues(to_send, results) if to_send and results else None


def webhook_key() -> bytes:
    """Seals the secrets of webhooks as they lie in the database."""
    given = _given("FFP_WEBHOOK_KEY")
    if given is None and environment() == "local":
        url = database_url()
        return (urlsplit(url).password or url).encode()  # the port may be another one tomorrow
    if given is None or len(given) < _WEBHOOK_KEY_LENGTH:
        raise SettingMissing(f"FFP_WEBHOOK_KEY must have {_WEBHOOK_KEY_LENGTH} characters or more")
    return given.encode()


def webhook_key_arn() -> str | None:
    """The secret of Secrets Manager with the key in it; None: webhook_key() is it."""
    return _given("FFP_WEBHOOK_KEY_ARN")


def webhook_lease_s() -> float:
    """Longer than the sender's queue ever is."""
    return _seconds("FFP_WEBHOOK_LEASE_S")


def webhook_allow_private() -> bool:
    return _given("FFP_WEBHOOK_ALLOW_PRIVATE") == "on" and environment() == "local"


def relay_in_worker() -> bool:
    """Whether a worker process runs the relay and the sweeper as loops; on AWS they are functions of their own."""
    return _given("FFP_RELAY") != "off"


@cache
def release() -> str:
    """What runs here, as attempts and dead letters name it. Not set: the installed version."""
    given = _given("FFP_RELEASE") or _installed()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", given):
        raise SettingMissing("FFP_RELEASE must be 1 to 64 letters, digits and . _ + -")
    return given


def _installed() -> str:
    from importlib import metadata  # noqa: PLC0415 - brings the parser of e-mails

    try:
        return metadata.version("ffp")
    except metadata.PackageNotFoundError:  # a function's package has the code alone
        return "unknown"


def metrics_address() -> tuple[str, int] | None:
    """Host and port of /metrics; None: it is not served."""
    given = _given("FFP_METRICS_PORT")
    if given is None:
        return None
    host, _, port = given.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - TCP has no more
        raise SettingMissing("FFP_METRICS_PORT must be a port, or host:port")
    return host.strip("[]") or "127.0.0.1", int(port)


def traces_endpoint() -> str | None:
    """Where traces go; None: none are recorded."""
    return _given("OTEL_EXPORTER_OTLP_ENDPOINT")


@cache
def on_lambda() -> bool:
    return _given("AWS_LAMBDA_FUNCTION_NAME") is not None


def log_level() -> str:
    return (_given("FFP_LOG_LEVEL") or "").upper()


def log_format() -> str:
    return _given("FFP_LOG_FORMAT") or ""
