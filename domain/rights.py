"""What a person has with us apart from their health records: a profile, consents, copies of their data, an end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Document = Literal["terms", "privacy", "health_data"]
DOCUMENTS: tuple[Document, ...] = ("terms", "privacy", "health_data")
# Answers are scored and programs made only with this one, where the tenant asks for it.
HEALTH_DATA: Document = "health_data"

EXPORT_DAYS = 7  # for which a finished export can be downloaded


@dataclass(frozen=True, slots=True)
class Profile:
    """`tenant_kind` is `individual` or `business`; `locale` a language tag, `time_zone` a name of the IANA database."""

    id: UUID
    email: str
    display_name: str
    locale: str
    time_zone: str
    role: str
    tenant_id: UUID
    tenant_name: str
    tenant_kind: str
    revision: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ConsentText:
    """One version of what somebody is asked to agree to. Published, it never changes."""

    document: Document
    version: str
    title: str
    body: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class Consent:
    """What somebody said to one version: yes, or from then on no."""

    document: Document
    version: str
    given: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """The text in force, and what the person has said last to any version of it."""

    text: ConsentText
    last: Consent | None

    @property
    def given(self) -> bool:
        """Whether consent to this very version holds."""
        return self.last is not None and self.last.given and self.last.version == self.text.version


@dataclass(frozen=True, slots=True)
class Export:
    """`status`: preparing, ready, failed or expired. `size` in bytes; `sha256` in hexadecimal."""

    id: UUID
    user_id: UUID
    status: str
    size: int | None
    sha256: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Erasure:
    """When somebody will be erased. `made` is false where that was under way before."""

    due_at: datetime
    made: bool


def export_prefix(tenant_id: UUID, user_id: UUID) -> str:
    """Where all files of a person are."""
    return f"{tenant_id}/{user_id}/"


def export_key(tenant_id: UUID, user_id: UUID, export_id: UUID) -> str:
    """The one place of an export's file, however often it is made."""
    return f"{export_prefix(tenant_id, user_id)}{export_id}.zip"
