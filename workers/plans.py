"""Programs of many at once, worked out while no transaction is open."""

import marshal
import zlib
from collections.abc import Callable, Iterator
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
_MOST_PLANS = 2_000


class Packed(Plans):
    """Plans that this process has checked: they are of nobody. 4 kB each; unpacked they are 120, and 0.4 ms away."""

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}

    def __getitem__(self, spec: str) -> dict[str, Any]:
        plan: dict[str, Any] = marshal.loads(zlib.decompress(self._packed[spec]))  # noqa: S302 # nosec B302 # our own bytes
        return plan

    def __setitem__(self, spec: str, plan: dict[str, Any]) -> None:
        self._packed[spec] = zlib.compress(marshal.dumps(plan), 1)

    def __delitem__(self, spec: str) -> None:
        del self._packed[spec]

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, spec: object) -> bool:
        return spec in self._packed


_plans = Packed()


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
                uow.import_effects.keep_plans([_plans[spec] for each in made[kept:] if (spec := each.new_plan)])
                uow.imports.hold(job, settings.lease_s())
            until, kept = monotonic() + _BUDGET_S, len(made)
        made.append(import_records.ready(candidate, _plans, stored, content.load_library(), solve_week, new_id))
    return made, []
