"""Clients of AWS. The session that boto3 keeps for all of them is not made for two threads that make one at once."""

import threading
from typing import Any

_making = threading.Lock()


def client(service: str, **options: Any) -> Any:
    """As boto3 makes it, which is imported now: it costs a third of a cold start."""
    import boto3  # noqa: PLC0415

    make: Any = boto3.client
    with _making:
        return make(service, **options)
