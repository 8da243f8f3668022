"""Accounts: what an address and a password must be, and what the user pool is told about somebody."""

import hashlib
import json
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Kind = Literal["individual", "business"]
MIN_PASSWORD, MAX_PASSWORD = 12, 99  # Cognito takes no longer one

PASSWORD_RULES = {
    "too_short": f"A password has at least {MIN_PASSWORD} characters.",
    "too_long": f"A password has at most {MAX_PASSWORD} characters.",
    "outer_spaces": "A password neither begins nor ends with a space.",
    "contains_address": "A password does not contain the e-mail address.",
    "too_uniform": "A password has at least five different characters.",
    "too_common": "This password is too easily guessed.",
}
"""Every reason for which a password is refused. No rule asks for kinds of characters: length is what counts."""

_DIFFERENT = 5


class AddressTaken(Exception):
    """The user pool has a user with this address."""


class CodeRefused(Exception):
    """Wrong, used up, too old, or nobody's: the user pool does not say which in a way that may be passed on."""


@dataclass(frozen=True, slots=True)
class Found:
    """A user as the pool has them. `tenant_id` is what the server told the pool, as text."""

    subject: str
    status: str
    tenant_id: str | None

    @property
    def is_unconfirmed(self) -> bool:
        """Never signed in: nobody has proven the address yet."""
        return self.status == "UNCONFIRMED"


@dataclass(frozen=True, slots=True)
class NewUser:
    """What the pool shall know. Only the server can write the attributes that say who somebody is."""

    email: str
    name: str
    role: str
    tenant_id: UUID
    parent_business_id: UUID | None = None

    def attributes(self) -> dict[str, str]:
        found = {
            "email": self.email,
            "name": self.name,
            "custom:tenantId": str(self.tenant_id),
            "custom:role": self.role,
        }
        if self.parent_business_id is not None:
            found["custom:parentBusinessId"] = str(self.parent_business_id)
        return found


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What somebody registers as. `business_name` is None for an individual."""

    email: str
    name: str
    kind: Kind
    business_name: str | None

    @property
    def role(self) -> str:
        return "business_owner" if self.kind == "business" else "individual"

    @property
    def tenant_name(self) -> str:
        return self.business_name or self.name

    @property
    def body_hash(self) -> str:
        """Without the password: no digest of one is kept anywhere."""
        same = json.dumps([self.email, self.name, self.kind, self.business_name], separators=(",", ":"))
        return hashlib.sha256(same.encode()).hexdigest()


def normalised(email: str) -> str:
    """How addresses are stored and compared."""
    return email.strip().lower()


def password_faults(password: str, email: str) -> list[str]:
    """The rules (keys of PASSWORD_RULES) that `password` breaks."""
    folded, address = password.lower(), normalised(email)
    local = address.partition("@")[0]
    broken = {
        "too_short": len(password) < MIN_PASSWORD,
        "too_long": len(password) > MAX_PASSWORD,
        "outer_spaces": password != password.strip(),
        "contains_address": address in folded or folded == local,
        "too_uniform": len(set(password)) < _DIFFERENT,
        "too_common": "".join(filter(str.isalpha, folded)) in _COMMON or "".join(filter(str.isdigit, folded)) == folded,
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


# What is left of the long passwords that every list of guesses begins with, once digits and signs are taken away.
_COMMON = frozenset(
    {
        "password", "passwordpassword", "passwort", "qwertyuiop", "qwerty", "qwertyqwerty", "asdfghjkl", "letmein",
        "letmeinletmein", "iloveyou", "iloveyouiloveyou", "welcome", "welcomewelcome", "administrator", "changeme",
        "changemechangeme", "abcdefghijkl", "abcdefghijklm", "unbelievable", "trustno", "supersecret", "mypassword",
        "fitforpurpose", "physiotherapy",
    }
)  # fmt: skip
