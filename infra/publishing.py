"""Publish what has just been committed, best effort."""

from domain.errors import Unavailable
from domain.jobs import Message
from domain.tenancy import Context
from infra import logs, queue
from infra.database import unit_of_work


def publish_committed(context: Context, message: Message) -> None:
    """Never raises: the job's row is in the outbox until it is marked, and the relay sends whatever stays there."""
    if not queue.publish([message]):
        return
    try:
        with unit_of_work(context) as uow:
            uow.jobs.mark_published(message.job_id, message.stage)
    except Unavailable:
        logs.warning("mark_published_failed", stage=message.stage)
