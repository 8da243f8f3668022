"""What the stack has in the emulator: queues, buckets, user pool, logins."""

from dataclasses import dataclass

from infra.local import clients
from infra.local.buckets import ensure_buckets
from infra.local.demo import LOGINS
from infra.local.emulator import Emulator
from infra.local.environment import tunable, whole_seconds
from infra.local.identities import UserPool, ensure_logins, ensure_pool
from infra.local.mailbox import ensure_sender
from infra.local.queues import ensure_queues


@dataclass(frozen=True)
class Services:
    """`queues` is name -> URL; `subs` is e-mail -> the id in that person's tokens."""

    endpoint: str
    queues: dict[str, str]
    pool: UserPool
    subs: dict[str, str]


def ensure_services(emulator: Emulator) -> Services:
    """Finds them, or makes what is missing and has the emulator write it down."""
    endpoint = emulator.url
    visibility_s = whole_seconds("FFP_VISIBILITY_S")
    queues = ensure_queues(clients.sqs(endpoint), endpoint, visibility_s=visibility_s)
    client = clients.cognito(endpoint)
    pool = ensure_pool(client)
    subs = ensure_logins(client, pool, LOGINS)
    ensure_buckets(clients.s3(endpoint))
    ensure_sender(endpoint, tunable("FFP_MAIL_FROM"))
    emulator.save()
    return Services(endpoint, queues, pool, subs)
