"""Jobs of every tenant as operators see them: states, times and errors, as ffp_ops."""

from dataclasses import fields
from uuid import UUID

from domain.dead_letters import Attempt
from domain.errors import NotFound
from domain.jobs import QUEUE_OF
from domain.operations import JobFilter, JobHead, QueueState
from domain.pages import Page, Window
from domain.tenancy import Operator
from infra.listing import Listing
from infra.rows import Connection

_JOB = ", ".join("t.slug as tenant" if each.name == "tenant" else f"j.{each.name}" for each in fields(JobHead))
_SELECT = f"select {_JOB} from jobs j left join tenants t on t.id = j.tenant_id where true"  # noqa: S608 - our own names
_ATTEMPT = ", ".join(each.name for each in fields(Attempt))
_EQUAL = ("status", "kind", "stage", "tenant_id")


class OperatorsJobs:
    def __init__(self, connection: Connection[Operator]) -> None:
        self._connection = connection

    def page(self, window: Window, wanted: JobFilter) -> Page[JobHead]:
        """Last changed first."""
        given = [(f"j.{name} = %s", getattr(wanted, name)) for name in _EQUAL if getattr(wanted, name) is not None]
        if wanted.changed_since is not None:
            given.append(("j.updated_at > %s", wanted.changed_since))
        text = " and ".join([_SELECT, *(condition for condition, _ in given)])
        listing = Listing(text, ("j.updated_at", "j.id"), descending=True)
        return listing.page(self._connection, [value for _, value in given], window, lambda row: JobHead(**row))

    def read(self, job_id: UUID) -> JobHead:
        rows = self._connection.execute(f"{_SELECT} and j.id = %s", (job_id,))
        if not rows:
            raise NotFound
        return JobHead(**rows[0])

    def attempts(self, tenant_id: UUID, job_id: UUID) -> list[Attempt]:
        """In their order; those of the last weeks, as long as attempts are kept."""
        rows = self._connection.execute(
            f"select {_ATTEMPT} from attempts where tenant_id = %s and job_id = %s order by started_at, number",  # noqa: S608
            (tenant_id, job_id),
        )
        return [Attempt(**row) for row in rows]

    def cancel(self, job: JobHead) -> JobHead:
        """Raises JobIsFinal."""
        self._connection.read(
            "select app.cancel_any_job(%s, %s, %s, %s, %s, %s)",
            (job.tenant_id, job.id, self._connection.context.request_id),
        )
        return self.read(job.id)

    def queues(self) -> list[QueueState]:
        """Each work queue by the jobs that are for it, whether or not their message is there just now."""
        rows = self._connection.execute(
            """with stages as (select * from unnest(%s::text[], %s::text[]) as s (stage, queue)),
               open as (
                   select s.queue,
                       count(*) filter (where j.status in ('queued', 'retrying')
                           or (j.status = 'running' and j.lease_until is null)) as waiting,
                       count(*) filter (where j.status = 'running' and j.lease_until > now()) as running,
                       count(*) filter (where j.status = 'running' and j.lease_until <= now()) as lost,
                       count(*) filter (where j.published_at is null) as unpublished,
                       extract(epoch from now() - min(j.updated_at))::double precision as oldest_s
                   from jobs j join stages s using (stage)
                   where j.finished_at is null and j.status in ('queued', 'running', 'retrying')
                   group by s.queue),
               dead as (select coalesce(s.queue, 'none') as queue, count(*) as letters
                        from dead_letters l left join stages s using (stage) where l.state = 'open' group by 1),
               names as (select distinct queue from stages union select queue from dead)
               select n.queue, coalesce(o.waiting, 0) as waiting, coalesce(o.running, 0) as running,
                   coalesce(o.lost, 0) as lost, coalesce(o.unpublished, 0) as unpublished, o.oldest_s,
                   coalesce(d.letters, 0) as dead_letters
               from names n left join open o using (queue) left join dead d using (queue) order by 1""",
            (list(QUEUE_OF), list(QUEUE_OF.values())),
        )
        return [QueueState(**row) for row in rows]
