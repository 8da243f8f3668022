"""kombu's SQS transport, seeing our messages only.

Whatever stands in a queue is parsed by kombu outside of any task: deep nesting or a number in the wrong place would end
the worker. So each body is read by our own decoder and written anew; what is not ours arrives as an unknown message,
which Celery rejects and SQS moves to the dead letters.
"""

import json
from typing import Any

from kombu.transport import SQS

from infra import logs
from infra.messages import Unreadable, decode, encode


class Channel(SQS.Channel):
    def _prepare_json_payload(self, text: str) -> dict[str, Any]:
        try:
            envelope: dict[str, Any] = json.loads(encode(decode(text)))
        except Unreadable:
            logs.error("message_unreadable", length=len(text))
            return {}
        return envelope


class Transport(SQS.Transport):
    Channel = Channel
