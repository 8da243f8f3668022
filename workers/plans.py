"""Programs of many at once, worked out while no transaction is open."""

import json
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from time import monotonic
from typing import Any

from domain.jobs import Job
from domain.programs.milp import solve_week
from domain.programs.plan import Plan
from domain.services import import_records
from domain.services.import_records import Candidate, Ready
from infra import content, settings
from infra.ids import new_id
from infra.units import UnitOfWork

Open = Callable[[], AbstractContextManager[UnitOfWork]]
_BUDGET_S = 20.0  # after which a job leaves the rest to the next one; well within the lease
_MOST_CHECKED = 20_000
_checked: dict[str, int] = {}
"""How many sessions a plan has that this process has checked, by its hash. ffp_app cannot change what is stored."""


class Plans:
    """The plans that a job asks for: what was `given` of them by the database, and what had to be found.

    Those found are kept at 4 kB each; unpacked they are 120.
    """

    def __init__(self, given: Mapping[str, dict[str, Any] | None]) -> None:
        self._given = given
        self._found: dict[str, tuple[int, bytes]] = {}

    def sessions(self, spec: str) -> int | None:
        if spec in self._found:
            return self._found[spec][0]
        return _checked.get(spec) if spec in self._given else None

    def stored(self, spec: str) -> dict[str, Any] | None:
        return self._given.get(spec)

    def found(self, spec: str) -> dict[str, Any] | None:
        if spec not in self._found:
            return None
        plan: dict[str, Any] = json.loads(zlib.decompress(self._found[spec][1]))
        return plan

    def add(self, plan: Plan, *, is_new: bool) -> None:
        if is_new:
            self._found[plan.input_hash] = (plan.session_count, zlib.compress(plan.model_dump_json().encode(), 1))
        else:
            _checked[plan.input_hash] = plan.session_count


def worked_out(
    begin: Open, job: Job, candidates: list[Candidate], *, all_of_them: bool = False
) -> tuple[list[Ready], list[Candidate]]:
    """With their programs; and those that this job leaves to the next one, since new specs take their time to solve.

    `all_of_them` leaves none: what has been solved is kept on the way, so that another attempt does not begin anew.
    """
    if len(_checked) > _MOST_CHECKED:
        _checked.clear()
    wanted = sorted({each.spec.input_hash for each in candidates if each.spec})
    known = Plans({})
    if wanted:
        with begin() as uow:
            known = Plans(uow.import_effects.solved(wanted, [spec for spec in wanted if spec in _checked]))
    made: list[Ready] = []
    until, kept = monotonic() + _BUDGET_S, 0
    for place, candidate in enumerate(candidates):
        if monotonic() > until:
            if not all_of_them:
                return made, candidates[place:]
            with begin() as uow:
                uow.import_effects.keep_plans([plan for each in made[kept:] if (plan := each.plan())])
                uow.imports.hold(job, settings.lease_s())
            until, kept = monotonic() + _BUDGET_S, len(made)
        made.append(import_records.ready(candidate, known, content.load_library(), solve_week, new_id))
    return made, []
