"""Files of videos in object storage: what is uploaded, and what is served. See infra/objects.py."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.errors import Unavailable
from infra import aws, settings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

UPLOAD_S = 900  # how long the form of an upload is good for
_FOR_EVER = "private, max-age=31536000, immutable"  # what lies under a key never changes


class Missing(Exception):
    """There is no such file."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a browser posts, with the file as its last field, as multipart/form-data to `url`."""

    url: str
    fields: dict[str, str]


@cache
def client() -> "S3Client":
    from botocore.config import Config  # noqa: PLC0415

    at = settings.object_storage()
    made: S3Client = aws.client(
        "s3",
        region_name=at.region,
        endpoint_url=at.endpoint_url,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "virtual" if at.endpoint_url is None else "path"},
            connect_timeout=3,
            read_timeout=30,
            retries={"total_max_attempts": 3},
        ),
    )
    return made


@contextmanager
def _asking() -> Iterator[None]:
    from boto3.exceptions import Boto3Error  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise (Missing() if code in {"404", "NoSuchKey"} else Unavailable("s3", code)) from None
    except (BotoCoreError, Boto3Error) as error:
        raise Unavailable("s3", type(error).__name__) from None


def form(key: str, media_type: str, size: int) -> Form:
    """A form that stores exactly one file of this type and size (bytes) under this key. Computed here, asks nobody."""
    made: Any = client().generate_presigned_post(
        settings.videos_bucket(),
        key,
        Fields={"Content-Type": media_type},
        Conditions=[{"Content-Type": media_type}, ["content-length-range", size, size]],
        ExpiresIn=UPLOAD_S,
    )
    return Form(made["url"], made["fields"])


def looked_at(key: str) -> tuple[str, int]:
    """Type and size of a file. Raises Missing, Unavailable."""
    with _asking():
        found = client().head_object(Bucket=settings.videos_bucket(), Key=key)
    return found["ContentType"], found["ContentLength"]


def fetch(key: str, file: Path) -> None:
    """Raises Missing, Unavailable."""
    with _asking():
        client().download_file(settings.videos_bucket(), key, str(file))


def store(key: str, file: Path, media_type: str) -> None:
    """Raises Unavailable."""
    extra = {"ContentType": media_type, "CacheControl": _FOR_EVER}
    with _asking():
        client().upload_file(str(file), settings.videos_bucket(), key, ExtraArgs=extra)


def store_text(key: str, content: bytes, media_type: str) -> None:
    with _asking():
        client().put_object(
            Bucket=settings.videos_bucket(), Key=key, Body=content, ContentType=media_type, CacheControl=_FOR_EVER
        )
