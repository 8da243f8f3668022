"""How often somebody may ask for something, counted by PostgreSQL for all processes together (migrations 0005).

    LOGIN_OF_ACCOUNT = Quota(10, 900)
    throttle.take("login-account", email, LOGIN_OF_ACCOUNT)

The tenants' own throttle is taken with the membership instead, in the same statement (infra/membership.py).
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg

from domain.errors import TooManyRequests, Unavailable
from domain.tenancy import Allowance
from infra import logs, metrics
from infra.pools import pool, translated


@dataclass(frozen=True, slots=True)
class Quota:
    """`limit` at once, and one more every `window_s / limit` seconds. At most 100,000."""

    limit: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A token that can be given back; `full_at` is what the database said of its bucket then."""

    subject: str
    full_at: datetime
    allowance: Allowance


def take(bucket: str, subject: str, quota: Quota) -> None:
    """Count one of what `bucket` names (`login-account`) for `subject` (an address, an e-mail as it is compared).

    One autocommitted statement, outside every unit of work: a rollback refunds nothing. The subject is stored as its
    hash. Raises TooManyRequests. Where the throttle itself fails, nobody is refused and a log line counts it.
    """
    hashed = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
    try:
        with translated(), pool().connection() as raw:
            row = raw.execute(
                "select taken, remaining, reset_s, retry_s from app.take_token(%s, %s, %s, %s)",
                (bucket, hashed, quota.limit, quota.window_s),
            ).fetchone()
    except (Unavailable, psycopg.Error) as error:
        unavailable(error)
        return
    if row is not None and not row["taken"]:
        raise TooManyRequests(
            row["retry_s"], Allowance(bucket, quota.limit, quota.window_s, row["remaining"], row["reset_s"])
        )


def give_back(token: Taken) -> Allowance:
    """Undo what an answer that costs nothing was counted as. Returns what is left then."""
    was = token.allowance
    try:
        with translated(), pool().connection() as raw:
            row = raw.execute(
                "select remaining, reset_s from app.return_token(%s, %s, %s, %s, %s)",
                (was.policy, token.subject, was.limit, was.window_s, token.full_at),
            ).fetchone()
    except (Unavailable, psycopg.Error) as error:
        unavailable(error)
        return was
    return replace(was, remaining=row["remaining"], reset_s=row["reset_s"]) if row else was


def unavailable(error: Exception) -> None:
    """A request goes on uncounted. A metric counts it."""
    logs.error("throttle_unavailable", error=type(error).__name__)
    metrics.record(metrics.LIMITER_FAILURES)
