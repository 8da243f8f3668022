"""What kombu's transport holds in memory."""

from typing import Any

from kombu import Connection

from domain.jobs import QUEUE_OF
from tests import cluster


def test_one_client_serves_every_queue(queues: dict[str, str]) -> None:
    """Each has 7 MB of its own."""
    names = sorted(set(QUEUE_OF.values()))
    connection: Any = Connection(  # type: ignore[no-untyped-call]
        f"sqs://{cluster.emulator().url.partition('://')[2]}",
        transport="workers.transport:Transport",
        transport_options={"region": "eu-west-1", "predefined_queues": {name: {"url": queues[name]} for name in names}},
    )
    with connection:
        channel = connection.channel()
        assert len({id(channel.sqs(name)) for name in names}) == 1
        assert {channel.sqs(name).meta.endpoint_url for name in names} == {cluster.emulator().url}
