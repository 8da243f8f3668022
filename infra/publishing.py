"""Publish what has just been committed, best effort."""

from collections.abc import Iterable, Sequence

from domain.errors import Unavailable
from domain.jobs import Job, Message, Stage, message_for
from domain.tenancy import Context
from infra import logs, queue
from infra.database import unit_of_work


def publish_committed(context: Context, message: Message) -> None:
    """Never raises: the job's row is in the outbox until it is marked, and the relay sends whatever stays there. What
    is held stays there until its turn, which may have come while it was committed.
    """
    if message.held:
        _publish_held(context, {message.stage})
    elif queue.publish([message]):
        _mark(context, message)


def publish_all(context: Context, jobs: Sequence[Job]) -> None:
    """The same for jobs that one commit has made, in as few calls as there can be."""
    _publish_held(context, {job.stage for job in jobs if job.held})
    sent = queue.publish([message_for(job) for job in jobs if not job.held])
    if not sent:
        return
    try:
        with unit_of_work(context) as uow:
            uow.jobs.mark_all_published([message.job_id for message in sent])
    except Unavailable:
        logs.warning("mark_published_failed", stage=sent[0].stage)


def _publish_held(context: Context, stages: Iterable[Stage]) -> None:
    """Not marked, as in `publish_turns`."""
    for stage in stages:
        try:
            with unit_of_work(context) as uow:
                turns = uow.jobs.turns_now(stage)
        except Unavailable:
            logs.warning("turns_failed", stage=stage)
        else:
            queue.publish(turns)


def publish_turns(context: Context, job: Job, turns: Sequence[Message]) -> None:
    """What is to be sent after `job` has ended its stage: its own next stage, and others whose turn it is, of any
    tenant. The others are not marked: their claim does that, and the relay sends those that nobody claims in time.
    """
    sent = queue.publish(turns)
    for message in sent:
        if message.job_id == job.id and message.tenant_id == job.tenant_id:
            _mark(context, message)


def _mark(context: Context, message: Message) -> None:
    try:
        with unit_of_work(context) as uow:
            uow.jobs.mark_published(message.job_id, message.stage)
    except Unavailable:
        logs.warning("mark_published_failed", stage=message.stage)
