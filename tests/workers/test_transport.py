"""What kombu's transport holds in memory, and when it looks again."""

from typing import Any

from kombu import Connection
from kombu.asynchronous import Hub, set_event_loop

from domain.jobs import QUEUE_OF
from tests import cluster

NAMES = sorted(set(QUEUE_OF.values()))


def connection_to(queues: dict[str, str]) -> Any:
    return Connection(  # type: ignore[no-untyped-call]
        f"sqs://{cluster.emulator().url.partition('://')[2]}",
        transport="workers.transport:Transport",
        transport_options={"region": "eu-west-1", "predefined_queues": {name: {"url": queues[name]} for name in NAMES}},
    )


def test_one_client_serves_every_queue(queues: dict[str, str]) -> None:
    """Each has 7 MB of its own."""
    with connection_to(queues) as connection:
        channel = connection.channel()
        assert len({id(channel.sqs(name)) for name in NAMES}) == 1
        assert {channel.sqs(name).meta.endpoint_url for name in NAMES} == {cluster.emulator().url}


def test_however_many_timers_are_due_none_waits_for_the_next_second(queues: dict[str, str]) -> None:
    hub: Any = Hub()  # type: ignore[no-untyped-call]
    set_event_loop(hub)
    try:
        with connection_to(queues) as connection:
            connection.channel()
            hub.timer.clear()
            done: list[int] = []
            for number in range(25):
                hub.call_later(0, done.append, number)
            pauses = []
            while len(done) < 25:
                pauses.append(hub.fire_timers())
            assert pauses[:-1] == [0, 0]
    finally:
        hub.close()
        set_event_loop(None)
