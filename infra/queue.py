"""Publish to SQS. botocore is imported by the first message, not by the first request."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import cache
from http import HTTPStatus
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

from domain.jobs import QUEUE_OF, Message
from infra import aws, logs, settings, tracing
from infra.messages import encode

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef, SendMessageBatchRequestEntryTypeDef

_ASK_AGAIN_S = 10.0
_BATCH = 10  # SQS takes at most ten messages a call


@cache
def client() -> "SQSClient":
    from botocore.config import Config

    queues = settings.queues()
    made: SQSClient = aws.client(
        "sqs",
        region_name=queues.region,
        endpoint_url=queues.endpoint_url,
        # The relay repeats what fails here, so a slow queue must not hold up an answer.
        config=Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1}, max_pool_connections=32),
    )
    return made


def publish(messages: Sequence[Message]) -> list[Message]:
    """Send each message to its stage's queue. Returns those SQS has accepted; the others stay in the outbox.

    Never raises for a queue that is down: the jobs are committed, and the relay publishes them later.
    """
    accepted: list[Message] = []
    by_queue: dict[str, list[Message]] = {}
    for message in messages:
        by_queue.setdefault(QUEUE_OF[message.stage], []).append(message)
    for name, waiting in by_queue.items():
        for start in range(0, len(waiting), _BATCH):
            accepted += _send(name, waiting[start : start + _BATCH])
    return accepted


def _send(queue: str, batch: Sequence[Message]) -> list[Message]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with ExitStack() as spans:
            entries = [
                _entry(number, message, spans.enter_context(_published(message)))
                for number, message in enumerate(batch)
            ]
            answer = client().send_message_batch(QueueUrl=settings.queues().urls[queue], Entries=entries)
    except (BotoCoreError, ClientError, KeyError) as error:
        logs.warning("publish_failed", queue=queue, count=len(batch), error=type(error).__name__)
        return []
    if failed := answer.get("Failed"):
        logs.warning("publish_failed", queue=queue, count=len(failed), error="refused")
    return [batch[int(sent["Id"])] for sent in answer.get("Successful", [])]


def _published(message: Message) -> AbstractContextManager[tracing.Span]:
    return tracing.span(f"publish {message.stage}", "producer", tracing.nearest(message.traceparent))


def _entry(number: int, message: Message, span: tracing.Span) -> "SendMessageBatchRequestEntryTypeDef":
    """Fair queues: SQS spreads deliveries over groups, so one tenant's flood does not delay the others."""
    traced = replace(message, traceparent=span.traceparent)
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": str(number),
        "MessageBody": encode(traced),
        "MessageGroupId": str(message.tenant_id),
    }
    if span.traceparent is not None and (xray := tracing.xray(span.traceparent)) is not None:
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": {"StringValue": xray, "DataType": "String"}}
    return entry


def delay(queue: str, receipt_handle: str, seconds: float) -> None:
    """Make a received message visible again after `seconds`. `queue` is a URL or an ARN of one of our work queues.

    Best effort: where it fails, the visibility timeout decides.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    name = queue.replace(":", "/").rpartition("/")[2]
    queue_url = next((url for url in settings.queues().urls.values() if url.rpartition("/")[2] == name), None)
    if queue_url is None:
        return
    try:
        client().change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=min(ceil(seconds), 43_200)
        )
    except (BotoCoreError, ClientError) as error:
        logs.warning("delay_failed", error=type(error).__name__)


_answered: dict[str, tuple[float, bool]] = {}


def reachable() -> bool:
    """Whether the queue of submissions answers, as it was at most ten seconds ago. True where none is set: then nothing
    is missed. Who may publish need not be allowed to ask, so a refusal is an answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    url = settings.queues().urls.get("scoring")
    if url is None:
        return True
    at, answered = _answered.get(url, (-_ASK_AGAIN_S, False))
    if monotonic() - at >= _ASK_AGAIN_S:
        try:
            client().get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            answered = True
        except ClientError as error:
            answered = error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.FORBIDDEN
        except BotoCoreError:
            answered = False
        _answered[url] = monotonic(), answered
    return answered


@dataclass(frozen=True, slots=True)
class Received:
    id: str
    receipt_handle: str
    body: str


@cache
def dead_letter_urls() -> tuple[str, ...]:
    """Where our work queues send what they give up, as their redrive policies say."""
    found = []
    for url in settings.queues().urls.values():
        known = client().get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
        if "RedrivePolicy" in known:
            target = json.loads(known["RedrivePolicy"])["deadLetterTargetArn"]
            found.append(f"{url.rpartition('/')[0]}/{target.rpartition(':')[2]}")
    return tuple(found)


def receive(url: str, wait_s: int, most: int = 10) -> list[Received]:
    """At most `most`, ten of them; none after `wait_s`, which must be shorter than the client's read timeout of 2 s."""
    answer = client().receive_message(QueueUrl=url, MaxNumberOfMessages=most, WaitTimeSeconds=wait_s)
    return [Received(each["MessageId"], each["ReceiptHandle"], each["Body"]) for each in answer.get("Messages", [])]


def delete(url: str, *receipt_handles: str) -> None:
    """At most ten. What SQS does not delete comes again, and is found to be done."""
    if receipt_handles:
        entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "ReceiptHandle": each} for number, each in enumerate(receipt_handles)
        ]
        client().delete_message_batch(QueueUrl=url, Entries=entries)
