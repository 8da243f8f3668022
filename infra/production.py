"""What staging and production refuse: the values that make a laptop comfortable. All of them are named at once, and no
process serves before they are gone. `ffp config --check` says the same without starting anything.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from infra import settings
from infra.declared import SETTINGS, Door

STRICT = ("staging", "prod")
_CURSOR_KEY_LENGTH = 16
_WEBHOOK_KEY_LENGTH = 32
# As AWS makes them; those of its documentation end with EXAMPLE, and emulators take any word.
_ACCESS_KEY = re.compile(r"A[KS]IA[A-Z0-9]{12,}(?<!EXAMPLE)")
_ANY = "0.0.0.0"  # noqa: S104 # nosec B104 # refused, not listened on
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class Offence(NamedTuple):
    """The reason names what is expected, and never the value: it may be a secret."""

    name: str
    reason: str


@cache
def refuse(*doors: Door) -> None:
    """End the process, with every offence on stderr, where this environment does not allow what is set.

    `doors` are what the process is: what they cannot do without must be there.
    """
    try:
        where = settings.environment()
    except settings.SettingMissing as error:
        raise SystemExit(f"ffp: {error}") from None
    found = offences(*doors) if where in STRICT else []
    if found:
        named = "\n".join(f"  {each.name}: {each.reason}" for each in found)
        raise SystemExit(f"ffp: FFP_ENV is {where}, which refuses these settings:\n{named}")


def offences(*doors: Door) -> list[Offence]:
    """What is wrong for staging and production, in the order of the declarations."""
    values = settings.values()
    found = [*_missing(values, doors), *_wrong(values), *_malformed()]
    order = {name: number for number, name in enumerate(SETTINGS)}
    return sorted(set(found), key=lambda each: (order.get(each.name, len(order)), each))


def malformed() -> list[Offence]:
    """What no environment can use."""
    return list(_malformed())


def _missing(values: Mapping[str, str], doors: tuple[Door, ...]) -> Iterator[Offence]:
    for setting in SETTINGS.values():
        needs = [door for door in doors if door in setting.needed_by]
        if needs and not values.get(setting.name):
            yield Offence(setting.name, f"is not set, and needed by: {', '.join(needs)}")


def _wrong(values: Mapping[str, str]) -> Iterator[Offence]:
    for name, value in values.items():
        for pattern, check in _CHECKS:
            if value and re.fullmatch(pattern, name) and (reason := check(value)):
                yield Offence(name, reason)


def _malformed() -> Iterator[Offence]:
    readers: tuple[Callable[[], object], ...] = (
        settings.environment, settings.cors_origins, settings.read_timeout_s, settings.pool_size, settings.lease_s,
        settings.visibility_s, settings.relay_period_s, settings.relay_grace_s, settings.republish_after_s,
        settings.auth_quotas, settings.even_answer_s, settings.registration_kept_h, settings.metrics_address,
        settings.video_progress_s, settings.mail_per_s,
    )  # fmt: skip
    for read in readers:
        try:
            read()
        except settings.SettingMissing as error:
            name, _, reason = str(error).partition(" ")
            yield Offence(name, reason)
    if settings.log_level() not in _LEVELS:
        yield Offence("FFP_LOG_LEVEL", f"must be one of {', '.join(_LEVELS)}")


def _database(value: str) -> str | None:
    try:
        parts = conninfo_to_dict(value)
    except ProgrammingError:
        return "is not a PostgreSQL URL"
    if parts.get("sslmode") != "verify-full":
        return "must have sslmode=verify-full: else whoever is between can read the password and the data"
    return None


def _address(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "is not a URL"
    if parts.scheme != "https":
        return "must begin with https://"
    if host in {"", "::", "::1", _ANY, "localhost"} or host.endswith(".localhost") or host.startswith("127."):
        return "points to this machine: that is the local stack's emulator"
    return None


def _origins(value: str) -> str | None:
    if "*" in value:
        return "must name each origin: no pattern"
    return next(filter(None, (_address(origin.strip()) for origin in value.split(",") if origin.strip())), None)


def _cursor_key(value: str) -> str | None:
    return None if len(value) >= _CURSOR_KEY_LENGTH else f"must have {_CURSOR_KEY_LENGTH} characters or more"


def _access_key(value: str) -> str | None:
    return None if _ACCESS_KEY.fullmatch(value) else "is not a key of AWS: emulators take such ones"


def _log_format(value: str) -> str | None:
    return None if value == "json" else "must be json: lines for a terminal cannot be searched"


def _off(value: str) -> str | None:
    return None if value == "off" else "must be off: others could reach our own network through us"


def _webhook_key(value: str) -> str | None:
    return None if len(value) >= _WEBHOOK_KEY_LENGTH else f"must have {_WEBHOOK_KEY_LENGTH} characters or more"


# A pattern of names, and what it says to a value: a reason, or nothing.
_CHECKS: tuple[tuple[str, Callable[[str], str | None]], ...] = (
    (r"FFP_(\w+_)?DATABASE_URL", _database),
    (r"AWS_ENDPOINT_URL\w*|(?!.*DATABASE_URL)\w+_URL|FFP_COGNITO_ISSUER", _address),
    ("FFP_CORS_ORIGINS", _origins),
    ("FFP_CURSOR_KEY", _cursor_key),
    ("AWS_ACCESS_KEY_ID", _access_key),
    ("FFP_LOG_FORMAT", _log_format),
    ("FFP_WEBHOOK_ALLOW_PRIVATE", _off),
    ("FFP_WEBHOOK_KEY", _webhook_key),
)
