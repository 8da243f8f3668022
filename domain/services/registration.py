"""Register, confirm and reset: steps over a database and a user pool that share no transaction.

Each step may be the last one before a crash, and each may be repeated. What a repetition finds in the pool decides:

- a user who never proved the address is replaced, whoever made them: their password may be somebody else's;
- a user who is nobody here (no principal) has nothing to lose, and is replaced as well;
- a user who is somebody keeps all they have, and whoever asked learns nothing.
"""

from typing import Protocol
from uuid import UUID

from domain.accounts import AddressTaken, CodeRefused, Found, NewAccount, NewUser, password_faults
from domain.errors import ExpiredCode, RequestInFlight, WeakPassword, WrongCode

# How long a code is good, by the user pool.
CODE_LIFE_S = {"confirm": 24 * 3600, "reset": 3600}


class Book(Protocol):
    """The registrations, one an address."""

    def begin(self, account: NewAccount, key: str) -> UUID | None:
        """The tenant to register for; None where this key has been answered. Raises RequestInFlight,
        IdempotencyKeyReused.
        """
        ...

    def place(self, email: str, subject: str) -> None: ...

    def end_known(self, email: str, subject: str) -> tuple[UUID | None, UUID | None] | None:
        """Tenant and user of somebody who is known (None and None for staff); None for nobody."""
        ...

    def release(self, email: str) -> None: ...

    def unfinished(self, email: str) -> UUID | None: ...

    def confirm(self, email: str) -> None: ...

    def note_code(self, email: str, purpose: str) -> None: ...

    def code_age_s(self, email: str, purpose: str) -> float | None: ...


class Pool(Protocol):
    """The user pool."""

    def sign_up(self, user: NewUser, password: str) -> str: ...

    def find(self, username: str) -> Found | None: ...

    def delete(self, subject: str) -> None: ...

    def confirm(self, email: str, code: str) -> None: ...

    def reset(self, email: str, code: str, password: str) -> None: ...

    def has_password(self, email: str, password: str) -> bool: ...


def check_password(password: str, email: str, pointer: str = "/password") -> None:
    """Raises WeakPassword. Before anything is asked of the pool, which checks it only where there is no account."""
    if faults := password_faults(password, email):
        raise WeakPassword(faults, pointer)


def register(book: Book, pool: Pool, account: NewAccount, password: str, key: str) -> tuple[UUID, UUID] | None:
    """Make the account, or finish what an earlier attempt began. Returns tenant and user of who has had the address
    already, to be told by e-mail; None otherwise.

    Raises WeakPassword, RequestInFlight, IdempotencyKeyReused, Unavailable: the next attempt carries on.
    """
    check_password(password, account.email)
    try:
        tenant_id = book.begin(account, key)
        if tenant_id is None:
            return None
        book.note_code(account.email, "confirm")
        return _register(book, pool, NewUser(account.email, account.name, account.role, tenant_id), password)
    except Exception:
        book.release(account.email)
        raise


def _register(book: Book, pool: Pool, user: NewUser, password: str) -> tuple[UUID, UUID] | None:
    try:
        subject = pool.sign_up(user, password)
    except AddressTaken:
        found = pool.find(user.email)
        if found is not None:
            if not found.is_unconfirmed and (known := book.end_known(user.email, found.subject)) is not None:
                tenant_id, user_id = known
                return None if tenant_id is None or user_id is None else (tenant_id, user_id)
            pool.delete(found.subject)
        try:
            subject = pool.sign_up(user, password)
        except AddressTaken:  # somebody was faster, past this lease: through the pool itself
            raise RequestInFlight from None
    book.place(user.email, subject)
    return None


def confirm(book: Book, pool: Pool, email: str, code: str) -> None:
    """Prove the address. Raises WrongCode, ExpiredCode, TooManyRequests, Unavailable."""
    unfinished = book.unfinished(email)
    if unfinished is not None:
        # The attempt that made the user was cut off before it made the rows.
        found = pool.find(email)
        if found is not None and found.tenant_id == str(unfinished):
            book.place(email, found.subject)
    try:
        pool.confirm(email, code)
    except CodeRefused:
        raise _refusal(book, email, "confirm") from None
    book.confirm(email)


def reset(book: Book, pool: Pool, email: str, code: str, password: str) -> None:
    """Set a new password. Raises WeakPassword, WrongCode, ExpiredCode, TooManyRequests, Unavailable.

    Again after a fault that came later, with the code used up: where the password is the new one, that is all it takes.
    """
    check_password(password, email, "/new_password")
    try:
        pool.reset(email, code, password)
    except CodeRefused:
        if not pool.has_password(email, password):
            raise _refusal(book, email, "reset") from None


def _refusal(book: Book, email: str, purpose: str) -> WrongCode | ExpiredCode:
    """By when a code was last asked for, with or without an account; the pool's own word tells accounts apart."""
    age_s = book.code_age_s(email, purpose)
    return ExpiredCode() if age_s is None or age_s > CODE_LIFE_S[purpose] else WrongCode()
