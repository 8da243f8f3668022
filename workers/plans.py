"""Programs of many at once, worked out while no transaction is open."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic
from typing import Any

from domain.jobs import Job
from domain.programs.milp import solve_week
from domain.services import import_records
from domain.services.import_records import Candidate, Plans, Ready
from infra import content, settings
from infra.ids import new_id
from infra.units import UnitOfWork

Open = Callable[[], AbstractContextManager[UnitOfWork]]
_BUDGET_S = 20.0  # after which a job leaves the rest to the next one; well within the lease
_MOST_PLANS = 500  # about 60 kB each
# Plans that this process has checked, by the hash of their spec: they are of nobody.
_plans: Plans = {}


def worked_out(
    begin: Open, job: Job, candidates: list[Candidate], *, all_of_them: bool = False
) -> tuple[list[Ready], list[Candidate]]:
    """With their programs; and those that this job leaves to the next one, since new specs take their time to solve.

    `all_of_them` leaves none: what has been solved is kept on the way, so that another attempt does not begin anew.
    """
    if len(_plans) > _MOST_PLANS:
        _plans.clear()
    unknown = import_records.unknown_specs(candidates, _plans)
    stored: dict[str, dict[str, Any]] = {}
    if unknown:
        with begin() as uow:
            stored = uow.import_effects.solved(unknown)
    made: list[Ready] = []
    until, kept = monotonic() + _BUDGET_S, 0
    for place, candidate in enumerate(candidates):
        if monotonic() > until:
            if not all_of_them:
                return made, candidates[place:]
            with begin() as uow:
                uow.import_effects.keep_plans([p for each in made[kept:] if (p := each.values["plan"])])
                uow.imports.hold(job, settings.lease_s())
            until, kept = monotonic() + _BUDGET_S, len(made)
        made.append(import_records.ready(candidate, _plans, stored, content.load_library(), solve_week, new_id))
    return made, []
