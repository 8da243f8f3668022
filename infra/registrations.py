"""Registrations in PostgreSQL. Nobody reads them: each method is one function of schema `app`, one autocommitted
statement, and no connection is held between them while Cognito works.
"""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from domain.accounts import NewAccount
from domain.errors import IdempotencyKeyReused, RequestInFlight, Unavailable
from domain.tenancy import worker_context
from infra import logs
from infra.database import unit_of_work
from infra.ids import new_id
from infra.pools import pool, translated
from infra.rows import Row

_LEASE_S = 30  # longer than any request lives


class Registrations:
    """For one attempt. See domain/services/registration.py."""

    def __init__(self) -> None:
        self._attempt = new_id()

    def begin(self, account: NewAccount, key: str) -> UUID | None:
        [row] = _rows(
            "select outcome, tenant_id from app.begin_registration(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                account.email,
                key,
                account.body_hash,
                account.kind,
                account.name,
                account.tenant_name,
                self._attempt,
                new_id(),
                new_id(),
                _LEASE_S,
            ),
        )
        match row["outcome"]:
            case "in_flight":
                raise RequestInFlight
            case "reused":
                raise IdempotencyKeyReused
        tenant_id: UUID | None = row["tenant_id"]
        return tenant_id

    def place(self, email: str, subject: str) -> None:
        _rows("select app.place_registration(%s, %s)", (email, subject))

    def end_known(self, email: str, subject: str) -> tuple[UUID | None, UUID | None] | None:
        rows = _rows("select tenant_id, user_id from app.end_known_registration(%s, %s)", (email, subject))
        return (rows[0]["tenant_id"], rows[0]["user_id"]) if rows else None

    def release(self, email: str) -> None:
        """Best effort, again on a fresh connection where the one before was what failed: the lease ends by itself."""
        for _ in range(2):
            try:
                _rows("select app.release_registration(%s, %s)", (email, self._attempt))
            except Unavailable:
                pool().check()
            else:
                return

    def unfinished(self, email: str) -> UUID | None:
        [row] = _rows("select app.unfinished_registration(%s) as tenant_id", (email,))
        tenant_id: UUID | None = row["tenant_id"]
        return tenant_id

    def confirm(self, email: str) -> None:
        _rows("select app.confirm_registration(%s)", (email,))

    def note_code(self, email: str, purpose: str) -> None:
        _rows("select app.note_code(%s, %s)", (_hashed(email), purpose))

    def code_age_s(self, email: str, purpose: str) -> float | None:
        [row] = _rows("select app.code_age_s(%s, %s) as age", (_hashed(email), purpose))
        age: float | None = row["age"]
        return age


def tell_owner(tenant_id: UUID, user_id: UUID, email: str) -> None:
    """By e-mail, that somebody wanted a new account with this address. The relay publishes the message: one more call
    of another service would show in how long the answer took. Where it fails, nobody is told, and nothing else.
    """
    try:
        with unit_of_work(worker_context(tenant_id)) as uow:
            uow.emails.queue("account_exists", user_id, email, {})
    except Unavailable:
        logs.warning("account_exists_not_queued")


def _hashed(email: str) -> str:
    """Anybody may ask for a code for any address: those without an account are not kept in clear."""
    return hashlib.sha256(email.encode("utf-8", "surrogatepass")).hexdigest()


def _rows(query: str, params: Sequence[Any]) -> list[Row]:
    with translated(), pool().connection() as raw:
        return raw.execute(query, params).fetchall()
