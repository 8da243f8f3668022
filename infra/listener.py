"""One connection that hears which jobs have changed."""

import threading
from collections.abc import Callable
from uuid import UUID

import psycopg

from infra import logs, settings


def run(heard: Callable[[UUID | None], None], stop: threading.Event) -> None:
    """Call `heard` with the id of every job that changes, until `stop`. Reconnects by itself; `heard(None)` after a
    gap, since what was said in between is lost. Holds no transaction and reads no row.
    """
    while not stop.is_set():
        try:
            with psycopg.connect(
                settings.database_url(), autocommit=True, connect_timeout=3, application_name="ffp-listener"
            ) as connection:
                connection.execute("listen ffp_jobs")
                heard(None)
                while not stop.is_set():
                    for notification in connection.notifies(timeout=1):
                        heard(UUID(notification.payload))
                        if stop.is_set():
                            return
        except (psycopg.Error, OSError) as error:
            logs.warning("listener_lost", error=type(error).__name__)
            stop.wait(1)
