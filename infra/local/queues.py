"""The queues of the local stack, as template.yaml makes them on AWS."""

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from infra.settings import QUEUES, WEBHOOK_QUEUES

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType

MAX_RECEIVES = 5  # then the message moves to the dead-letter queue
DEAD_LETTER_RETENTION_S = 14 * 24 * 3600
WEBHOOK_VISIBILITY_S = 30  # longer than a batch takes


def ensure_queues(client: "SQSClient", endpoint: str, *, visibility_s: int, prefix: str = "") -> dict[str, str]:
    """Makes what is missing, sets what differs. Returns name -> URL, dead-letter queues as NAME-dlq.

    `prefix` goes before the queues' own names, so that tests side by side do not meet.
    """
    urls = {}

    def made(name: str, queue: str, attributes: "dict[QueueAttributeNameType, str]") -> str:
        url = _made(client, prefix + queue, attributes)
        # The emulator remembers the address it had when the queue was made; the port may be another one now.
        urls[name] = endpoint + urlsplit(url).path
        return url

    arn = ""
    for name in QUEUES:
        dead = made(f"{name}-dlq", f"{name}-dlq", {"MessageRetentionPeriod": str(DEAD_LETTER_RETENTION_S)})
        # All of an account and a region have one, but for the name at its end.
        arn = arn or client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        target = f"{arn.rpartition(':')[0]}:{prefix}{name}-dlq"
        redrive = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": MAX_RECEIVES})
        made(name, name, {"VisibilityTimeout": str(visibility_s), "RedrivePolicy": redrive})
    for name in WEBHOOK_QUEUES:  # what is lost here is sent again: no dead letters
        made(name, name.replace("_", "-"), {"VisibilityTimeout": str(WEBHOOK_VISIBILITY_S)})
    return urls


def _made(client: "SQSClient", name: str, attributes: "dict[QueueAttributeNameType, str]") -> str:
    """The URL of a queue that has these attributes now."""
    try:
        return client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    except client.exceptions.QueueNameExists:  # with others
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        client.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        return url
