"""One connection that hears whose jobs and notifications have changed."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg

from infra import logs, settings, sign_in
from infra.keepalive import KEEPALIVE


@dataclass(frozen=True, slots=True)
class Change:
    """Of what has this `id`, and of whose it is. Both are the person where all that is said is that something of theirs
    has changed.
    """

    id: UUID
    user_id: UUID


def run(heard: Callable[[Change | None], None], stop: threading.Event) -> None:
    """Call `heard` with every change, until `stop`. Reconnects by itself; `heard(None)` after a gap, since what was
    said in between is lost. Holds no transaction and reads no row.
    """
    while not stop.is_set():
        try:
            url = settings.database_url()
            with psycopg.connect(
                url,
                **KEEPALIVE,
                **sign_in.parameters(url),
                autocommit=True,
                connect_timeout=3,
                application_name="ffp-listener",
            ) as connection:
                connection.execute("listen ffp_changes")
                connection.execute("listen ffp_people")
                heard(None)
                while not stop.is_set():
                    for notification in connection.notifies(timeout=1):
                        for change in _changes(notification):
                            heard(change)
                        if stop.is_set():
                            return
        except (psycopg.Error, OSError) as error:
            logs.warning("listener_lost", error=type(error).__name__)
            stop.wait(1)


def _changes(said: psycopg.Notify) -> Iterator[Change]:
    if said.channel == "ffp_people":  # many at once, as in a chunk of an import
        for person in map(UUID, said.payload.split()):
            yield Change(person, person)
    else:
        _, _, user, subject = said.payload.split()
        yield Change(UUID(subject), UUID(user))
