"""The end of somebody's sessions: their refresh tokens in the user pool, their access tokens here."""

from typing import Protocol

from domain.accounts import Found


class Sessions(Protocol):
    def sign_out_everywhere(self, subject: str) -> None:
        """No refresh token of theirs gives new tokens any more."""
        ...

    def refuse_tokens(self, subject: str) -> float:
        """No access token issued until now is taken any more. Returns the seconds until a new one is."""
        ...


class Pool(Protocol):
    def find(self, username: str) -> Found | None: ...


def end_all(sessions: Sessions, subject: str) -> float:
    """Seconds until a new sign-in is good. First the pool: while it has not answered, the caller's token stays good for
    another try.
    """
    sessions.sign_out_everywhere(subject)
    return sessions.refuse_tokens(subject)


def end_all_of(sessions: Sessions, pool: Pool, email: str) -> float:
    """The same by address, after a new password."""
    found = pool.find(email)
    return 0.0 if found is None else end_all(sessions, found.subject)
