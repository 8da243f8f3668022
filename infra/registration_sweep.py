"""What becomes of registrations that nobody finished: completed where a fault cut them off, taken back where nobody
confirmed them. As ffp_relay, which can read no registration but those it is to look after.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from domain.errors import Unavailable
from infra import identities, logs, settings, sign_in
from infra.keepalive import KEEPALIVE
from infra.rows import Row

_AT_ONCE = 20  # users asked about in one run: the schedule has a minute


def sweep(*, kept_h: float, limit: int = _AT_ONCE) -> dict[str, int]:
    """Counts by what was done. While Cognito does not answer, nothing is: it is asked again some minutes later."""
    done = {"registrations_completed": 0, "registrations_dropped": 0}
    for row in _call("select email, state, tenant_id, old from app.claim_registrations(%s, %s)", (kept_h, limit)):
        try:
            outcome = _look_after(row)
        except Unavailable:
            logs.warning("registrations_left")
            break
        if outcome:
            done[outcome] += 1
    _call("select app.sweep_codes()")
    return done


def _look_after(row: Row) -> str | None:
    email, old = row["email"], row["old"]
    if row["state"] in ("confirmed", "known"):
        return _drop(email, undo=False)
    found = identities.find(email)
    ours = found is not None and found.tenant_id == str(row["tenant_id"])
    if found is not None and not found.is_unconfirmed:
        if not ours:
            return _drop(email, undo=False)  # somebody who had the address before
        _call("select app.place_registration(%s, %s)", (email, found.subject))
        _call("select app.confirm_registration(%s)", (email,))
        return "registrations_completed"
    if old:
        if found is not None and ours:
            identities.delete(found.subject)
        return _drop(email, undo=True)
    if found is not None and ours:
        _call("select app.place_registration(%s, %s)", (email, found.subject))
        return "registrations_completed"
    return None


def _drop(email: str, *, undo: bool) -> str:
    _call("select app.drop_registration(%s, %s)", (email, undo))
    return "registrations_dropped"


def _call(query: str, params: Sequence[Any] = ()) -> list[Row]:
    """A connection of its own for each: none waits for Cognito."""
    url = settings.relay_database_url()
    with psycopg.connect(
        url,
        **KEEPALIVE,
        **sign_in.parameters(url),
        row_factory=dict_row,
        autocommit=True,
        connect_timeout=3,
        application_name="ffp-relay",
        options="-c lock_timeout=2s -c statement_timeout=10s",
    ) as connection:
        return connection.execute(query, params).fetchall()
