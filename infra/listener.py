"""One connection that hears whose jobs and notifications have changed."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import psycopg

from infra import logs, settings, sign_in
from infra.keepalive import KEEPALIVE


@dataclass(frozen=True, slots=True)
class Change:
    """`kind` is `job` or `notification`; `id` its id, `user_id` whose it is."""

    kind: str
    tenant_id: UUID
    user_id: UUID
    id: UUID


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
                heard(None)
                while not stop.is_set():
                    for notification in connection.notifies(timeout=1):
                        heard(_change(notification.payload))
                        if stop.is_set():
                            return
        except (psycopg.Error, OSError) as error:
            logs.warning("listener_lost", error=type(error).__name__)
            stop.wait(1)


def _change(payload: str) -> Change:
    kind, tenant, user, subject = payload.split()
    return Change(kind, UUID(tenant), UUID(user), UUID(subject))
