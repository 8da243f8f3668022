"""Calendar feeds: an address that a calendar reads somebody's sessions from."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

MOST = 10  # addresses of one person
TOKEN_BYTES = 32  # random: nobody guesses one, so there is nothing for a signature to add
PAST_DAYS, AHEAD_DAYS = 30, 370
# What a calendar shows may be seen by everybody at the office: no word on anybody's health.
TITLE = "Session"


@dataclass(frozen=True, slots=True)
class Feed:
    """`starts_at` is the wall clock's time at which sessions are shown; None: as whole days."""

    id: UUID
    starts_at: time | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """Whose calendar an address is of. `time_zone` is a name of the IANA database."""

    tenant_id: UUID
    user_id: UUID
    starts_at: time | None
    created_at: datetime
    time_zone: str


def hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
