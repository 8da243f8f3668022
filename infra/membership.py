"""The first statement of every request: who a verified token is now, and one token of their tenant's throttle."""

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg_pool import PoolTimeout, TooManyRequests

from domain.tenancy import Allowance, Principal
from infra import throttle
from infra.pools import pool, translated

# What a server says on connections that it ends (57P01 and on); some are cut without a word, and have no SQLSTATE.
_GONE: Final = ("57P", "08")
_WINDOW_S: Final = 60


@dataclass(frozen=True, slots=True)
class Admission:
    """`token` is None where the throttle failed. `retry_after_s` is 0 for whom it lets in."""

    principal: Principal
    token: throttle.Taken | None
    retry_after_s: int


def open_request(subject: str, issued_at: int) -> Admission | None:
    """Who a verified token's subject is: membership as the database has it, not as the token remembers it. None also
    where their sessions have ended since `issued_at` (seconds since 1970).

    One autocommitted statement, so that requests of a tenant wait for its throttle's row as short as can be and a
    rollback refunds nothing. Repeated once on fresh connections if the server was restarted in between, and once
    without the throttle if that is what failed: then the request goes on, and a log line counts it.
    """
    with translated():
        try:
            return _repeated(subject, issued_at, throttled=True)
        except psycopg.Error as error:
            if "identity.take" not in str(error):  # the server's text names the function it was in
                raise
            admission = _repeated(subject, issued_at, throttled=False)
            throttle.unavailable(error)
            return admission


def _repeated(subject: str, issued_at: int, *, throttled: bool) -> Admission | None:
    try:
        return _asked(subject, issued_at, throttled=throttled)
    except (PoolTimeout, TooManyRequests):  # to wait once more would only lengthen the queue
        raise
    except psycopg.OperationalError as error:
        if error.sqlstate is not None and not error.sqlstate.startswith(_GONE):
            raise
        pool().check()
        return _asked(subject, issued_at, throttled=throttled)


def _asked(subject: str, issued_at: int, *, throttled: bool) -> Admission | None:
    with pool().connection() as raw:
        row = raw.execute("select * from app.open_request(%s, %s, %s)", (subject, issued_at, throttled)).fetchone()
    if row is None:
        return None
    principal = Principal(subject, row["role"], row["tenant_id"], row["user_id"])
    if not throttled:
        return Admission(principal, None, 0)
    allowance = Allowance(row["bucket"], row["requests_per_minute"], _WINDOW_S, row["remaining"], row["reset_s"])
    counted = str(principal.tenant_id or principal.user_id)
    return Admission(principal, throttle.Taken(counted, row["full_at"], allowance), row["retry_s"])
