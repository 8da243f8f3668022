"""Every environment variable that FFP reads, declared once: what it means, its default, and who cannot do without it.

`infra/settings.py` reads them, `ffp config` shows them, docs/settings.md lists them, and what staging and production
refuse is in `infra/production.py`. Plain data: a settings library costs a cold start more than all of this.
"""

from dataclasses import dataclass
from typing import Literal

# `worker` is a Celery process of a fleet or a laptop, `sqs` a Lambda function on one queue.
Door = Literal[
    "api",
    "worker",
    "sqs",
    "media",
    "relay",
    "sweeper",
    "dead_letters",
    "replays",
    "missed_sessions",
    "webhooks",
    "webhook_sender",
    "migrate",
]
ENVIRONMENTS = ("local", "dev", "staging", "prod")


@dataclass(frozen=True, slots=True)
class Setting:
    """`default` is what applies where it is not set, as one would write it; None: nothing, or what `help` says.

    A secret's value is never shown. `needed_by` are the doors that do not start without it in staging and production.
    """

    name: str
    help: str
    default: str | None = None
    unit: str = ""
    secret: bool = False
    needed_by: tuple[Door, ...] = ()


_ALL = (
    Setting(
        "FFP_ENV", "Where this runs: local, dev, staging or prod. The last two refuse development values.", "local"
    ),
    Setting(
        "FFP_DATABASE_URL",
        "PostgreSQL as ffp_app, under row-level security.",
        secret=True,
        needed_by=("api", "worker", "sqs", "replays", "missed_sessions"),
    ),
    Setting(
        "FFP_RELAY_DATABASE_URL",
        "PostgreSQL as ffp_relay: job metadata of every tenant, nothing else.",
        secret=True,
        needed_by=("relay", "sweeper", "dead_letters", "replays", "missed_sessions", "webhooks"),
    ),
    Setting(
        "FFP_OPS_DATABASE_URL",
        "PostgreSQL as ffp_ops: job metadata, dead letters and audit log of every tenant, nobody's answers.",
        secret=True,
    ),
    Setting(
        "FFP_ADMIN_DATABASE_URL",
        "PostgreSQL as a role that may become ffp_owner: migrations and shipped content.",
        secret=True,
        needed_by=("migrate",),
    ),
    Setting(
        "FFP_ADMIN_CREDENTIALS_ARN",
        "The Secrets Manager secret, as RDS keeps it, with the password that FFP_ADMIN_DATABASE_URL does not have.",
    ),
    Setting("FFP_POOL_SIZE", "Most connections of one process to PostgreSQL.", "8"),
    Setting(
        "FFP_CURSOR_KEY",
        "Signs the cursors of lists, 16 characters or more. Not set: made from FFP_DATABASE_URL.",
        secret=True,
        needed_by=("api",),
    ),
    Setting(
        "FFP_CORS_ORIGINS",
        "Origins of web applications that may call the API, exact, separated by commas; empty for none. Not set: the"
        " web application's development server where FFP_ENV is local, else none.",
    ),
    Setting("FFP_READ_TIMEOUT_S", "How long a request's body may take to arrive.", "20", "seconds"),
    Setting("FFP_COGNITO_USER_POOL_ID", "The Cognito user pool whose tokens the API takes.", needed_by=("api",)),
    Setting("FFP_COGNITO_CLIENT_ID", "The only client of that pool whose tokens the API takes.", needed_by=("api",)),
    Setting(
        "FFP_COGNITO_REGISTRATION_CLIENT_ID",
        "The client of that pool that registers people: it has a secret, and nobody signs in with it.",
        needed_by=("api",),
    ),
    Setting(
        "FFP_COGNITO_DOMAIN_URL",
        "Where the pool's own sign-in pages are. Not set: FFP_COGNITO_ENDPOINT_URL.",
        needed_by=("api",),
    ),
    Setting(
        "FFP_AUTH_QUOTAS",
        "How often one may sign in, register and so on: `login=10/30/60` is 10 an account and 30 an address each 60"
        " seconds. Separated by spaces; what is not named keeps its default.",
        "login=10/30/60 register=5/20/3600 confirm=10/30/3600 resend=5/20/3600 forgot=5/20/3600 reset=10/30/3600"
        " refresh=30/120/60 invitation=30/120/3600 feed=60/600/3600",
    ),
    Setting(
        "FFP_EVEN_ANSWER_S",
        "How long an answer that must not tell whether there is an account takes at the least.",
        "1",
        "seconds",
    ),
    Setting("FFP_REGISTRATION_KEPT_H", "How long a registration that nobody confirms is kept.", "48", "hours"),
    Setting("FFP_COGNITO_ISSUER", "What tokens carry as `iss`. Not set: that of the pool in its region."),
    Setting("FFP_COGNITO_ENDPOINT_URL", "Where Cognito answers instead of AWS: the local stack's emulator."),
    Setting("FFP_QUEUE_SCORING_URL", "The SQS queue of submissions to score.", needed_by=("api", "worker", "relay")),
    Setting("FFP_QUEUE_GENERATION_URL", "The SQS queue of programs to generate.", needed_by=("worker", "relay")),
    Setting(
        "FFP_QUEUE_BULK_URL", "The SQS queue of exports, erasures and imports.", needed_by=("api", "worker", "relay")
    ),
    Setting("FFP_QUEUE_NOTIFICATIONS_URL", "The SQS queue of e-mails to send.", needed_by=("api", "worker", "relay")),
    Setting(
        "FFP_QUEUE_WEBHOOKS_URL",
        "The SQS queue of webhooks to post. Not set: none are sent.",
        needed_by=("webhooks", "webhook_sender"),
    ),
    Setting(
        "FFP_QUEUE_WEBHOOK_RESULTS_URL",
        "The SQS queue on which their sender tells how it went.",
        needed_by=("webhooks", "webhook_sender"),
    ),
    Setting(
        "FFP_WEBHOOK_KEY",
        "Seals the secrets of webhooks, 32 characters or more. Not set: made from FFP_DATABASE_URL, where FFP_ENV is"
        " local alone. Another key: every secret has to be rotated.",
        secret=True,
    ),
    Setting(
        "FFP_WEBHOOK_KEY_ARN",
        "The Secrets Manager secret that has this key, where no variable is to hold it.",
    ),
    Setting("FFP_WEBHOOK_LEASE_S", "How long a webhook is under way until it is taken for lost.", "120", "seconds"),
    Setting(
        "FFP_WEBHOOK_ALLOW_PRIVATE",
        "`on`: webhooks may go to this machine and private networks, by http and to any port. Only where FFP_ENV is"
        " local.",
        "off",
    ),
    Setting(
        "FFP_MAIL_FROM",
        "Who e-mails are from, of an identity that SES has verified.",
        "FFP <no-reply@ffp.example>",
        needed_by=("worker",),
    ),
    Setting(
        "FFP_MAIL_PER_S",
        "How many e-mails a process hands over at most: all of them together no more than SES allows the account.",
        "7",
        "a second",
    ),
    Setting(
        "FFP_WEB_URL",
        "Where the web application is: links in e-mails start with it.",
        "http://localhost:5173",
        needed_by=("worker",),
    ),
    Setting(
        "FFP_BUCKET_EXPORTS",
        "The S3 bucket of people's exports; what is in it is deleted after a week.",
        needed_by=("api", "worker"),
    ),
    Setting(
        "FFP_QUEUE_MEDIA_URL", "The SQS queue of videos to process.", needed_by=("api", "worker", "media", "relay")
    ),
    Setting(
        "FFP_BUCKET_VIDEOS",
        "The S3 bucket of videos: `uploads/` is deleted after a day, `videos/` is what the CDN serves.",
        needed_by=("api", "media"),
    ),
    Setting("FFP_CDN_URL", "Where videos are served from: a CloudFront distribution's address.", needed_by=("api",)),
    Setting(
        "FFP_CDN_KEYS_ARN",
        "The Secrets Manager secret with the keys that sign addresses of videos, the newest first.",
    ),
    Setting("FFP_CDN_KEYS_FILE", "A file with the same, where no secret has them: the local stack's."),
    Setting(
        "FFP_VIDEO_PROGRESS_S",
        "How often the place that somebody has watched a video to is written down, at the most.",
        "5",
        "seconds",
    ),
    Setting("FFP_VIDEO_HLS", "`on`: renditions of several sizes are made of a video, beside the one file.", "off"),
    Setting(
        "FFP_ERASURE_DELAY_S",
        "How long somebody who asked to be erased can take it back; their access ends at once.",
        "2592000",
        "seconds",
    ),
    Setting("FFP_RETENTION_NOTIFICATIONS_DAYS", "How long a notification is kept once it is read.", "180", "days"),
    Setting("FFP_RETENTION_EMAILS_DAYS", "How long it is kept that an e-mail went out.", "90", "days"),
    Setting("FFP_RETENTION_ATTEMPTS_DAYS", "How long the attempts of jobs that have ended are kept.", "30", "days"),
    Setting(
        "FFP_RETENTION_EXPORTS_DAYS", "How long it is kept that there was an export, after its file.", "30", "days"
    ),
    Setting(
        "FFP_LEASE_S", "How long a claimed job stays another worker's no: longer than any attempt.", "60", "seconds"
    ),
    Setting("FFP_VISIBILITY_S", "SQS visibility timeout of the work queues.", "360", "seconds"),
    Setting("FFP_RELAY", "`off`: a worker process runs neither relay nor sweeper beside its work.", "on"),
    Setting("FFP_RELAY_PERIOD_S", "How often a worker's own relay and sweeper look.", "5", "seconds"),
    Setting("FFP_RELAY_GRACE_S", "How old an unpublished job is before the relay takes it.", "10", "seconds"),
    Setting("FFP_REPUBLISH_AFTER_S", "How long without an end until a message is taken for lost.", "900", "seconds"),
    Setting("FFP_RELEASE", "What runs here, as dead letters and their groups name it. Not set: the installed version."),
    Setting("FFP_LOG_LEVEL", "The least that is logged: DEBUG, INFO, WARNING or ERROR.", "INFO"),
    Setting("FFP_LOG_FORMAT", "`json`, one object a line, or `console`, for reading in a terminal.", "json"),
    Setting(
        "FFP_METRICS_PORT",
        "Where this process serves /metrics and /health/live, beside its work: `9464` for this machine alone,"
        " `0.0.0.0:9464` for others. Not set: nowhere.",
    ),
    Setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Where traces go, by OTLP over HTTP. Not set: none are recorded. OpenTelemetry's other variables (OTEL_*) hold"
        " too.",
    ),
    Setting("AWS_LAMBDA_FUNCTION_NAME", "Set by Lambda: metrics are lines on standard output there."),
    Setting("AWS_REGION", "The region of the queues and the user pool.", "eu-west-2"),
    Setting(
        "AWS_USE_DUALSTACK_ENDPOINT",
        "`true`: the AWS library asks for AWS's addresses that know IPv6, for a network with no other way out.",
        "false",
    ),
    Setting("AWS_ENDPOINT_URL", "Where AWS services answer instead of AWS: the local stack's emulator."),
    Setting("AWS_ENDPOINT_URL_SQS", "The same for SQS alone."),
    Setting("AWS_ENDPOINT_URL_S3", "The same for S3 alone."),
    Setting(
        "AWS_ACCESS_KEY_ID", "Read by the AWS library, where no role of the machine or function gives credentials."
    ),
    Setting("AWS_SECRET_ACCESS_KEY", "Goes with AWS_ACCESS_KEY_ID.", secret=True),
    Setting("FFP_API_URL", "The API that the operators' commands ask. Not set: the local stack's."),
    Setting(
        "FFP_TOKEN", "The access token of these commands. Not set: they sign in as the stack's operator.", secret=True
    ),
    Setting("FFP_DATA_DIR", "Where the local stack keeps everything.", ".ffp"),
    Setting("FFP_POSTGRES_BIN", "A directory with other PostgreSQL programs than the local stack's own."),
)

SETTINGS = {setting.name: setting for setting in _ALL}
