"""boto3 clients for the emulator, whatever AWS settings or proxies this machine has."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from infra.local.emulator import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from types_boto3_cognito_idp import CognitoIdentityProviderClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient


def sqs(endpoint: str) -> "SQSClient":
    client: SQSClient = _session().client("sqs", endpoint_url=endpoint, config=_config())
    return client


def s3(endpoint: str) -> "S3Client":
    client: S3Client = _session().client("s3", endpoint_url=endpoint, config=_config())
    return client


def cognito(endpoint: str) -> "CognitoIdentityProviderClient":
    client: CognitoIdentityProviderClient = _session().client("cognito-idp", endpoint_url=endpoint, config=_config())
    return client


def ses(endpoint: str) -> Any:
    return _session().client("sesv2", endpoint_url=endpoint, config=_config())


@cache
def _session() -> Any:
    """One for all clients: what it reads of a service's description takes longer than to make a client of it."""
    return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=REGION)


def _config() -> Config:
    return Config(proxies={}, connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})
