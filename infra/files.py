"""Files that people upload for an import, and what is made of one for them. They lie below `imports/` in the bucket of
exports, whose lifecycle deletes everything after a week.
"""

from pathlib import Path
from typing import Any
from uuid import UUID

from domain.imports.limits import MOST_BYTES
from infra import settings
from infra.objects import asking, client, link_to

_CHUNK = 1 << 20
UPLOAD_S = 3600
LINK_S = 300
_MISSING = {"NoSuchKey", "404", "NotFound"}


def source_key(tenant_id: UUID, import_id: UUID) -> str:
    return f"imports/{tenant_id}/{import_id}/source"


def results_key(tenant_id: UUID, import_id: UUID, name: str) -> str:
    return f"imports/{tenant_id}/{import_id}/{name}"


def upload_form(key: str) -> dict[str, Any]:
    """An address and the fields of a form that uploads one file there, within an hour and of bounded size. Computed
    here, asks nobody.
    """
    made: dict[str, Any] = client().generate_presigned_post(
        settings.objects().exports, key, Conditions=[["content-length-range", 1, MOST_BYTES]], ExpiresIn=UPLOAD_S
    )
    return made


def put(key: str, content: Path | bytes) -> None:
    """Raises Unavailable."""
    with asking():
        if isinstance(content, bytes):
            client().put_object(Bucket=settings.objects().exports, Key=key, Body=content)
            return
        with content.open("rb") as body:
            client().put_object(Bucket=settings.objects().exports, Key=key, Body=body)


def get(key: str, target: Path) -> bool:
    """Whether there is one: it is written to `target`, at most one byte more than an import may have. Raises
    Unavailable.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    with asking():
        try:
            found = client().get_object(Bucket=settings.objects().exports, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return False
            raise
        left = MOST_BYTES + 1
        with target.open("wb") as file:
            while left and (part := found["Body"].read(min(_CHUNK, left))):
                left -= len(part)
                file.write(part)
    return True


def link(key: str, filename: str) -> str:
    return link_to(key, filename, LINK_S)
