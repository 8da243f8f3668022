"""What the processes of a stack find in their environment, and what this machine's environment may choose."""

import os
from collections.abc import Mapping
from pathlib import Path

from infra.local.buckets import EXPORTS, VIDEOS
from infra.local.emulator import ACCESS_KEY, REGION, SECRET_KEY
from infra.local.errors import LocalStackError
from infra.local.identities import UserPool
from infra.local.postgres import EmbeddedPostgres
from infra.settings import QUEUES, WEBHOOK_QUEUES

# Seconds where a number. Short, so that on a laptop a killed worker's job is taken over while one watches. Each may be
# set in the environment of `ffp up`, as may everything else listed here.
TUNABLES = {
    "FFP_VISIBILITY_S": "30",
    "FFP_LEASE_S": "20",
    "FFP_RELAY_PERIOD_S": "2",
    "FFP_RELAY_GRACE_S": "3",
    "FFP_REPUBLISH_AFTER_S": "45",
    "FFP_MAIL_FROM": "FFP <no-reply@ffp.example>",
    "FFP_WEB_URL": "http://localhost:5173",
    "FFP_ERASURE_DELAY_S": "2592000",
    "FFP_VIDEO_PROGRESS_S": "5",
    "FFP_VIDEO_HLS": "off",
    "FFP_EVEN_ANSWER_S": "0.25",
    "FFP_WEBHOOK_ALLOW_PRIVATE": "off",
    # Demos and tests sign in more often than people.
    "FFP_AUTH_QUOTAS": "login=300/1000/60 register=100/1000/60 confirm=100/1000/60 resend=100/1000/60"
    " forgot=100/1000/60 reset=100/1000/60 refresh=300/1000/60",
    "FFP_LOG_LEVEL": "INFO",
    "FFP_LOG_FORMAT": "console",
}


def tunable(name: str) -> str:
    return os.environ.get(name) or TUNABLES[name]


def whole_seconds(name: str) -> int:
    """SQS takes nothing finer."""
    value = tunable(name)
    if not value.isdecimal():
        raise LocalStackError(f"{name} must be a whole number of seconds")
    return int(value)


def chosen_postgres() -> Path | None:
    """FFP_POSTGRES_BIN: a directory with other PostgreSQL programs than the wheel's."""
    chosen = os.environ.get("FFP_POSTGRES_BIN")
    return Path(chosen) if chosen else None


def stack_environment(
    postgres: EmbeddedPostgres, endpoint: str, queues: Mapping[str, str], pool: UserPool, cdn: tuple[str, Path]
) -> dict[str, str]:
    """The variables that infra/settings.py reads, and those that keep AWS libraries on this machine. `cdn`: where it
    is, and the file with the keys that sign its addresses.
    """
    return {
        "FFP_DATABASE_URL": postgres.url("ffp_app"),
        "FFP_RELAY_DATABASE_URL": postgres.url("ffp_relay"),
        "FFP_OPS_DATABASE_URL": postgres.url("ffp_ops"),
        "FFP_ADMIN_DATABASE_URL": postgres.url(),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_SQS": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        **{f"FFP_QUEUE_{name.upper()}_URL": queues[name] for name in (*QUEUES, *WEBHOOK_QUEUES)},
        "FFP_BUCKET_EXPORTS": EXPORTS,
        "FFP_BUCKET_VIDEOS": VIDEOS,
        "FFP_CDN_URL": cdn[0],
        "FFP_CDN_KEYS_FILE": str(cdn[1]),
        "FFP_COGNITO_ENDPOINT_URL": endpoint,
        "FFP_COGNITO_ISSUER": f"https://cognito-idp.{REGION}.amazonaws.com/{pool.pool_id}",
        "FFP_COGNITO_USER_POOL_ID": pool.pool_id,
        "FFP_COGNITO_CLIENT_ID": pool.client_id,
        "FFP_COGNITO_REGISTRATION_CLIENT_ID": pool.registration_client_id,
        **{name: tunable(name) for name in TUNABLES},
    }


def inherited() -> dict[str, str]:
    """What a process of the stack keeps of this machine's environment: nobody's AWS settings, and no proxy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FFP_"))}
    past = kept.get("NO_PROXY") or kept.get("no_proxy")
    direct = ",".join(filter(None, (past, "127.0.0.1,localhost")))
    return {**kept, "NO_PROXY": direct, "no_proxy": direct, "PYTHONUNBUFFERED": "1"}
