"""The queues of the local stack, as template.yaml makes them on AWS."""

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from infra.settings import QUEUES, WEBHOOK_QUEUES

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

MAX_RECEIVES = 5  # then the message moves to the dead-letter queue
DEAD_LETTER_RETENTION_S = 14 * 24 * 3600
WEBHOOK_VISIBILITY_S = 30  # longer than a batch takes


def ensure_queues(client: "SQSClient", endpoint: str, *, visibility_s: int, prefix: str = "") -> dict[str, str]:
    """Makes what is missing, sets what differs. Returns name -> URL, dead-letter queues as NAME-dlq.

    `prefix` goes before the queues' own names, so that tests side by side do not meet.
    """
    urls = {}
    for name in QUEUES:
        dead = client.create_queue(QueueName=f"{prefix}{name}-dlq")["QueueUrl"]
        client.set_queue_attributes(QueueUrl=dead, Attributes={"MessageRetentionPeriod": str(DEAD_LETTER_RETENTION_S)})
        known = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
        live = client.create_queue(QueueName=f"{prefix}{name}")["QueueUrl"]
        redrive = {"deadLetterTargetArn": known["QueueArn"], "maxReceiveCount": MAX_RECEIVES}
        client.set_queue_attributes(
            QueueUrl=live,
            Attributes={"VisibilityTimeout": str(visibility_s), "RedrivePolicy": json.dumps(redrive)},
        )
        # The emulator remembers the address it had when the queue was made; the port may be another one now.
        urls[name] = endpoint + urlsplit(live).path
        urls[f"{name}-dlq"] = endpoint + urlsplit(dead).path
    for name in WEBHOOK_QUEUES:  # what is lost here is sent again: no dead letters
        made = client.create_queue(QueueName=prefix + name.replace("_", "-"))["QueueUrl"]
        client.set_queue_attributes(QueueUrl=made, Attributes={"VisibilityTimeout": str(WEBHOOK_VISIBILITY_S)})
        urls[name] = endpoint + urlsplit(made).path
    return urls
