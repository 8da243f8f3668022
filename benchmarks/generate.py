"""How fast the peak week of a program is solved, and how close to the optimum: our model against the plain one.

    python benchmarks/generate.py [--specs 200] [--seed 1] [--plain 20] [--plain-limit 20]

The same specs, objective and rules, one thread, one process. "plain" is the formulation one would write first, with a
variable for every exercise in every session; it is slow, so only the first `--plain` specs are given to it, each with
a limit of seconds. Prints milliseconds, gaps against the proven bound, and the memory of the process.
"""

import argparse
import random
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.plain import solve_plain
from domain.assessments.profile import Profile
from domain.programs.eligibility import eligible
from domain.programs.generator import generate
from domain.programs.milp import GAP, solve_week
from domain.programs.problem import Problem, objective, problem_of
from domain.programs.spec import ProgramSpec, spec_for
from domain.programs.support import support_of
from domain.programs.vocabulary import EQUIPMENT_OF_TIER, Goal, Level, Minutes, Region
from infra.content import load_library, load_red_flags


def random_specs(count: int, seed: int) -> list[ProgramSpec]:
    library, pick = load_library(), random.Random(seed)
    specs = []
    for _ in range(count):
        pain = pick.randint(0, 10)
        profile = Profile(
            region=pick.choice(get_args(Region)),
            pain=pain,
            severity=load_red_flags().pain_gate.thresholds.severity(pain),
            age=pick.randint(18, 85),
            level=pick.choice(get_args(Level)),
            equipment=EQUIPMENT_OF_TIER[pick.choice(["none", "basic", "full_gym"])],
            goal=pick.choice(get_args(Goal)),
            days=pick.randint(2, 5),
            minutes=pick.choice(get_args(Minutes)),
            conditions=frozenset(pick.sample(sorted(library.conditions), pick.choice([0, 0, 0, 1, 1, 2]))),
        )
        specs.append(spec_for(profile, library))
    return specs


def problem(spec: ProgramSpec) -> Problem:
    library = load_library()
    pool = eligible(spec, library)
    return problem_of(spec, library, pool, support_of(spec, library, pool), frozenset())


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def line(name: str, seconds: list[float]) -> str:
    ordered = sorted(1000 * second for second in seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"{name:<28} p50 {statistics.median(ordered):8.1f} ms   p95 {p95:8.1f} ms   max {ordered[-1]:8.1f} ms"


def ours(specs: list[ProgramSpec]) -> list[float]:
    solve_week(problem(specs[0]))  # loads the solver
    seconds, processor, gaps, missing, total = [], [], [], 0, []
    for spec in specs:
        asked = problem(spec)
        began, busy = time.perf_counter(), time.process_time()
        week = solve_week(asked)
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - busy)
        if week is None or week.bound is None:
            missing += 1
            continue
        gaps.append(1 - objective(asked, week) / week.bound)
        began = time.perf_counter()
        generate(spec, load_library(), solve_week)
        total.append(time.perf_counter() - began)
    print(line("week, reformulated", seconds))
    print(line("  processor time of it", processor))
    print(line("whole program, checked", total))
    within = sum(gap <= GAP for gap in gaps)
    print(f"  gap: mean {statistics.mean(gaps):.3%}, max {max(gaps):.3%}; {within} of {len(specs)} within {GAP:.0%}; "
          f"no week: {missing}")  # fmt: skip
    print(f"  peak memory of the process {megabytes():.0f} MB")
    return seconds


def plain(specs: list[ProgramSpec], limit: float, ours_seconds: list[float]) -> None:
    seconds, gaps, none = [], [], 0
    for spec in specs:
        began = time.perf_counter()
        found = solve_plain(problem(spec), GAP, limit)
        seconds.append(time.perf_counter() - began)
        if found is None:
            none += 1
        else:
            gaps.append(1 - found.objective / found.bound)
    print(line(f"week, plain ({len(specs)} specs)", seconds))
    stopped = sum(second >= limit for second in seconds)
    worst = f"gap: mean {statistics.mean(gaps):.3%}, max {max(gaps):.3%}; " if gaps else ""
    print(f"  {worst}stopped at {limit:g} s: {stopped}; without any week: {none}")
    print(line("  reformulated, same specs", ours_seconds[: len(specs)]))
    ratio = statistics.median(seconds) / statistics.median(ours_seconds[: len(specs)])
    print(f"  plain takes {ratio:.0f} times as long (medians), "
          f"{sum(seconds) / sum(ours_seconds[: len(specs)]):.0f} times in total")  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--specs", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--plain", type=int, default=20, help="how many specs also go to the plain model")
    arguments.add_argument("--plain-limit", type=float, default=20.0, help="seconds for each")
    given = arguments.parse_args()
    specs = random_specs(given.specs, given.seed)
    print(f"{len(specs)} random specs, seed {given.seed}, {len({spec.input_hash for spec in specs})} distinct")
    seconds = ours(specs)
    if given.plain:
        plain(specs[: given.plain], given.plain_limit, seconds)


if __name__ == "__main__":
    main()
