"""The exact solver: HiGHS on the weekly model. The only module that imports it; workers only, and with the first week
that is solved: functions that solve none have no solver in their artefact.

1. The linear relaxation gives a bound on every week, and reduced costs that name the columns worth a look.
2. An integer program over those columns nearly always comes within GAP of that bound.
3. The counts are distributed over the sessions, with a few exchanges where that is not possible as they are; if that
   costs too much, the week is cut off and the next best one is tried.
4. If the bound is still too far away, the integer program over all columns, started from that week, tightens it.

Deterministic: one thread, fixed seed, stops by gap and node count. The clock is a guard far outside normal times.
"""

from collections import Counter
from dataclasses import dataclass
from math import floor, inf
from typing import TYPE_CHECKING

from domain.programs.distribution import distribute
from domain.programs.draft import Draft
from domain.programs.problem import Problem, Week, covered, objective
from domain.programs.weekly import Weekly, weekly_model, with_slack

if TYPE_CHECKING:
    import highspy
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

GAP = 0.02  # what counts as proven: the objective is within this share of the bound
KERNELS = (60, 120)  # columns of the small program, and of the second try
OPTIONS: dict[str, bool | int | float] = {
    "output_flag": False,
    "threads": 1,
    "random_seed": 1,
    "mip_rel_gap": 0.018,  # a little less than GAP: distribution may cost something
    "mip_max_nodes": 4000,
    "time_limit": 10.0,  # a guard, far outside normal times
    # Three root heuristics that cost half of the time here and find nothing: the kernel is already small.
    "mip_heuristic_run_root_reduced_cost": False,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_detect_symmetry": False,
}
MENDS = 12  # exchanges of exercises that may mend a week which could not be distributed as it was
KERNEL_NODES = 100  # the small program finds its week early; what it does after that is proof, which comes later
EPSILON = 1e-9
ROUNDING = 1e-6  # the solver may call a whole number a little less
# Percent of the session time that the weekly model leaves free, try by try (see with_slack).
SLACK = (2, 4, 7, 10, 14, 18)


@dataclass(frozen=True)
class _Solution:
    """Values and reduced costs of all variables, the objective, and the bound proved for all weeks."""

    values: "Vector"
    reduced: "Vector"
    objective: float
    bound: float


def solve_week(problem: Problem) -> Week | None:
    """The best week found, with a bound that no week of this problem exceeds. None if there is no week."""
    everything = weekly_model(problem)
    relaxed = _run(everything, whole=False)
    if relaxed is None:
        return None
    bound = relaxed.bound
    best = _week(problem, everything, relaxed)
    cuts: list[list[int]] = []
    for slack in (0, *SLACK):
        if best is not None and objective(problem, best) >= (1 - GAP) * bound:
            break
        model = with_slack(everything, slack, cuts)
        found = _run(model, start=None if best is None or slack else _values(problem, everything, best))
        if found is None:
            continue
        if slack == 0:
            bound = min(bound, found.bound)
        weeks = [week for week in (best, _distributed(problem, model, found)) if week is not None]
        best = max(weeks, key=lambda week: objective(problem, week), default=None)
        cuts.append(_chosen(model, found))
    return None if best is None else Week(best.sessions, best.sets, "highs", bound=floor(bound + ROUNDING))


def _week(problem: Problem, everything: Weekly, relaxed: _Solution) -> Week | None:
    """The best week of the small programs that could be distributed."""
    enough = (1 - GAP) * relaxed.bound
    best: Week | None = None
    cuts: list[list[int]] = []
    for slack in SLACK:
        model = with_slack(everything, slack, cuts)
        found = _from_few_columns(model, relaxed, enough)
        if found is None:
            continue
        weeks = [week for week in (best, _distributed(problem, model, found)) if week is not None]
        best = max(weeks, key=lambda week: objective(problem, week), default=None)
        if best is not None and (objective(problem, best) >= enough or found.objective < enough):
            break  # good enough, or nothing to come is
        cuts.append(_chosen(model, found))
    return best


def _from_few_columns(model: Weekly, relaxed: _Solution, enough: float) -> _Solution | None:
    """Columns of the relaxed solution and those that would cost it least; more of them if that is not enough."""
    import numpy as np  # noqa: PLC0415 - as said above

    count = len(model.columns)
    price = np.where(relaxed.values[:count] > EPSILON, inf, relaxed.reduced[:count])
    order = np.argsort(-price, kind="stable")
    best: _Solution | None = None
    for size in KERNELS:
        mask = np.zeros(count, dtype=bool)
        mask[order[:size]] = True
        found = _run(model, mask)
        if found is not None and (best is None or found.objective > best.objective):
            best = found
        if best is not None and best.objective >= enough:
            break
    return best or _run(model)


def _values(problem: Problem, model: Weekly, week: Week) -> list[float]:
    """The week as values of the model's variables."""
    counts = Counter(index for session in week.sessions for index in session)
    used = {(index, count, week.sets[index]) for index, count in counts.items()}
    chosen = [float((c.index, c.sessions, c.sets) in used) for c in model.columns]
    return chosen + [float(halves) for halves in covered(problem, week)]


def _chosen(model: Weekly, found: _Solution) -> list[int]:
    return [number for number in range(len(model.columns)) if found.values[number] > 0.5]  # noqa: PLR2004  binary


def _distributed(problem: Problem, model: Weekly, found: _Solution) -> Week | None:
    columns = [model.columns[number] for number in _chosen(model, found)]
    counts = {column.index: column.sessions for column in columns}
    sets = {column.index: column.sets for column in columns}
    draft = Draft(problem)
    draft.load(distribute(problem, counts, sets), sets)
    if not draft.repair(MENDS):
        return None
    week = draft.week()
    return Week(week.sessions, week.sets, "highs")


def _run(
    model: Weekly, mask: "Mask | None" = None, *, whole: bool = True, start: list[float] | None = None
) -> _Solution | None:
    """Solve over the columns of `mask` (all without one), from `start` if given. None if there is no solution."""
    import highspy  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in OPTIONS.items():
        solver.setOptionValue(option, value)
    if mask is not None:
        solver.setOptionValue("mip_max_nodes", KERNEL_NODES)
    solver.passModel(_program(model, mask, whole))
    if start is not None:
        known = highspy.HighsSolution()
        known.col_value = start
        solver.setSolution(known)
    solver.run()
    info = solver.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    solution = solver.getSolution()
    bound = info.mip_dual_bound if whole else info.objective_function_value
    return _Solution(np.array(solution.col_value), np.array(solution.col_dual), info.objective_function_value, bound)


def _program(model: Weekly, mask: "Mask | None", whole: bool) -> "highspy.HighsLp":
    import highspy  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    count = len(model.columns)
    upper = np.array(model.upper, dtype=float)
    if mask is not None:
        upper[:count][~mask] = 0.0
    lengths = [len(terms) for _, _, terms in model.rows]
    program = highspy.HighsLp()
    program.num_col_ = len(model.worth)
    program.num_row_ = len(model.rows)
    program.sense_ = highspy.ObjSense.kMaximize
    program.col_cost_ = np.array(model.worth, dtype=float)
    program.col_lower_ = np.zeros(len(model.worth))
    program.col_upper_ = upper
    program.row_lower_ = np.array([low for low, _, _ in model.rows])
    program.row_upper_ = np.array([high for _, high, _ in model.rows])
    matrix = program.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kRowwise
    matrix.start_ = np.concatenate([[0], np.cumsum(lengths)])
    matrix.index_ = np.array([number for _, _, terms in model.rows for number, _ in terms])
    matrix.value_ = np.array([value for _, _, terms in model.rows for _, value in terms], dtype=float)
    if whole:
        kinds = [highspy.HighsVarType.kInteger] * count
        program.integrality_ = kinds + [highspy.HighsVarType.kContinuous] * (len(model.worth) - count)
    return program
