"""What the emulated mail service has taken, and the worker that hands it over."""

import pytest

from infra.local.mailbox import Mail, mails
from tests import cluster
from tests.api.conftest import receive
from tests.conftest import emulated_sqs
from workers import relay, sqs


def to(address: str) -> list[Mail]:
    """Every test has addresses of its own, so nobody else's mail is among these."""
    return [mail for mail in mails(cluster.emulator().url) if mail.to == address]


def deliver(monkeypatch: pytest.MonkeyPatch, queues: dict[str, str]) -> int:
    """Empty the outbox and then the queue of e-mails, as the Lambda functions do. Returns how many messages."""
    monkeypatch.setenv("FFP_RELAY_GRACE_S", "0.000001")
    relay.relay()
    client, done = emulated_sqs(), 0
    while found := receive(client, queues["notifications"]):
        answer = sqs.handler({"Records": found}, None)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for record in found:
            if record["messageId"] not in failed:
                client.delete_message(QueueUrl=queues["notifications"], ReceiptHandle=record["receiptHandle"])
        done += len(found)
    return done
