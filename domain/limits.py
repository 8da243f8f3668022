"""How much of the work a tenant may use, and what is not worked on at present: one document, changed as a whole.

PostgreSQL reads the newest one wherever something is published or claimed (app.limits_of), so a change acts at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from domain.jobs import QUEUE_OF, STAGES_OF, Stage

Share = Annotated[float, Field(strict=True, gt=0, le=1)]
Window = Annotated[int, Field(strict=True, ge=1, le=10_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StageLimits(_Part):
    """`concurrency`: most jobs of this stage that run at once, over all tenants; null: as many as there are workers.
    `paused`: nothing of it is sent or begun; what runs goes on.
    """

    concurrency: int | None = Field(None, strict=True, ge=1, le=10_000)
    paused: StrictBool = False


class TenantLimits(_Part):
    """What differs for one tenant; null: what everybody has."""

    share: Share | None = None
    window: Window | None = None


class Limits(_Part):
    """`share`: the part of the workers that one tenant uses at most while another one waits, and never less than one.
    `window`: most jobs of a tenant that are sent and not ended, in each stage; the others wait in the outbox.
    A stage or a tenant that is not named has what everybody has.
    """

    share: Share = 0.5
    window: Window = 100
    stages: dict[Stage, StageLimits] = {}
    tenants: dict[UUID, TenantLimits] = Field({}, max_length=1000)

    def with_paused(self, stages: Iterable[Stage], paused: bool) -> "Limits":
        changed = {
            stage: self.stages.get(stage, StageLimits()).model_copy(update={"paused": paused}) for stage in stages
        }
        return self.model_copy(update={"stages": self.stages | changed})


@dataclass(frozen=True, slots=True)
class LimitsVersion:
    """`changed_by`: an operator; None: as shipped."""

    version: int
    id: UUID
    limits: Limits
    reason: str
    changed_by: UUID | None
    changed_at: datetime


def stages_of_queue(queue: str) -> list[Stage]:
    """None for a queue that there is not."""
    return [stage for stage, its in QUEUE_OF.items() if its == queue]


def stages_of_kind(kind: str) -> list[Stage]:
    """None for a kind of job that there is not."""
    return list(STAGES_OF.get(kind, ()))
