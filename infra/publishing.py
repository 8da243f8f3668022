"""Publish what has just been committed, best effort."""

from collections.abc import Sequence

from domain.errors import Unavailable
from domain.jobs import Job, Message, message_for
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


def publish_all(context: Context, jobs: Sequence[Job]) -> None:
    """The same for jobs that one commit has made, in as few calls as there can be."""
    sent = queue.publish([message_for(job) for job in jobs]) if jobs else []
    if not sent:
        return
    try:
        with unit_of_work(context) as uow:
            uow.jobs.mark_all_published([message.job_id for message in sent])
    except Unavailable:
        logs.warning("mark_published_failed", stage=sent[0].stage)
