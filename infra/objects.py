"""Files in object storage (S3). botocore is imported by the first file, not by the first request."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.errors import Unavailable
from infra import aws, settings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_CHUNK = 1 << 20
_DELETE_MOST = 1000  # S3 takes no more in one call


@dataclass(frozen=True, slots=True)
class Stored:
    """`size` in bytes, `sha256` in hexadecimal."""

    size: int
    sha256: str
    stored_at: datetime


@cache
def client() -> "S3Client":
    from botocore.config import Config  # noqa: PLC0415

    objects = settings.objects()
    made: S3Client = aws.client(
        "s3",
        region_name=objects.region,
        endpoint_url=objects.endpoint_url,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "virtual" if objects.endpoint_url is None else "path"},
            connect_timeout=3,
            read_timeout=30,
            retries={"total_max_attempts": 3},
        ),
    )
    return made


@contextmanager
def asking() -> Iterator[None]:
    """What S3, or the way to it, has against a call is Unavailable."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise Unavailable("s3", error.response["Error"]["Code"]) from None
    except BotoCoreError as error:
        raise Unavailable("s3", type(error).__name__) from None


def put_once(key: str, file: Path, media_type: str) -> Stored:
    """Store the file unless something is there already: what has been stored is never another file. Returns what is
    there then, ours or an earlier attempt's. Raises Unavailable.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    digest = _sha256(file)
    bucket = settings.objects().exports
    with asking(), file.open("rb") as body:
        try:
            client().put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=media_type,
                ChecksumSHA256=base64.b64encode(digest).decode(),
                Metadata={"sha256": digest.hex()},
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"PreconditionFailed", "412"}:
                raise
        found: Any = client().head_object(Bucket=bucket, Key=key)
    return Stored(found["ContentLength"], found["Metadata"]["sha256"], found["LastModified"])


def delete_under(prefix: str) -> int:
    """Delete every file whose key begins so. Returns how many there were. Raises Unavailable."""
    bucket, deleted = settings.objects().exports, 0
    with asking():
        while True:
            found = client().list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=_DELETE_MOST).get("Contents", [])
            if not found:
                return deleted
            names: Any = [{"Key": each["Key"]} for each in found]
            answer = client().delete_objects(Bucket=bucket, Delete={"Objects": names, "Quiet": True})
            if answer.get("Errors"):
                raise Unavailable("s3", "delete_failed")
            deleted += len(names)


def link_to(key: str, filename: str, seconds: int) -> str:
    """An address from which anybody who has it can download the file for so long. Computed here, asks nobody."""
    disposition = f'attachment; filename="{filename}"'
    return client().generate_presigned_url(
        "get_object",
        Params={"Bucket": settings.objects().exports, "Key": key, "ResponseContentDisposition": disposition},
        ExpiresIn=seconds,
    )


def _sha256(file: Path) -> bytes:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()
