"""Lambda's entry for the queue of videos."""

from typing import Any

from infra.telemetry import entry
from workers import sqs


@entry("media")
def handler(event: dict[str, Any], _context: Any) -> dict[str, list[dict[str, str]]]:
    """One record at a time: the function's timeout is a film's."""
    failures = [record["messageId"] for record in event["Records"] if not sqs.handled(record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}
