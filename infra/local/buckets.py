"""The buckets of the local stack, as template.yaml makes them on AWS."""

from typing import TYPE_CHECKING, Any

from infra.local.emulator import REGION

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

EXPORTS = "ffp-exports"
VIDEOS = "ffp-videos"


def ensure_buckets(client: "S3Client") -> None:
    """Makes what is missing."""
    found = {each["Name"] for each in client.list_buckets()["Buckets"]}
    where: Any = {"LocationConstraint": REGION}
    for name in (EXPORTS, VIDEOS):
        if name not in found:
            client.create_bucket(Bucket=name, CreateBucketConfiguration=where)
