"""`ffp plan`: a program from a few facts, without a database. One spec from options, or one a line from a file."""

import json
import time
from collections.abc import Iterator
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from domain.programs.library import Library
    from domain.programs.plan import Plan
    from domain.programs.problem import WeekSolver


class Format(StrEnum):
    table = "table"
    json = "json"


def plan(
    region: Annotated[
        str, typer.Option(help="lower_back, neck, shoulder, elbow_wrist, hip, knee, ankle, general.")
    ] = "",
    equipment: Annotated[str, typer.Option(help="none (household things), basic or full_gym.")] = "none",
    days: Annotated[int, typer.Option(min=2, max=5, help="Sessions a week.")] = 3,
    minutes: Annotated[int, typer.Option(help="20, 30, 45 or 60 minutes a session.")] = 30,
    pain: Annotated[int, typer.Option(min=0, max=10, help="0 is no pain.")] = 0,
    condition: Annotated[
        list[str] | None, typer.Option(help="A condition of contraindications.yaml; repeat it.")
    ] = None,
    level: Annotated[str, typer.Option(help="beginner, intermediate or advanced.")] = "beginner",
    age: Annotated[int, typer.Option(min=18, max=120, help="Whole years.")] = 40,
    goal: Annotated[
        str | None,
        typer.Option(
            help="reduce_pain, improve_mobility, build_strength, return_to_sport or general_fitness.",
            show_default="reduce_pain; general_fitness for the region general",
        ),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="For a person or for a program.")] = Format.table,
    batch: Annotated[Path | None, typer.Option(help="One spec a line (NDJSON); one plan a line comes out.")] = None,
) -> None:
    """Generate a program and print it with its reasons and its proof."""
    from infra.content import load_library

    library = load_library()
    if batch is not None:
        with batch.open("rb") as lines:
            failed = sum(not _print_line(line, library) for line in lines if line.strip())
        raise typer.Exit(1 if failed else 0)
    facts = {
        "region": region, "equipment": equipment, "days": days, "minutes": minutes, "pain": pain, "level": level,
        "age": age, "goal": goal, "conditions": condition or [],
    }  # fmt: skip
    made, seconds = _planned(facts, library)
    if isinstance(made, str):
        typer.echo(f"ffp: {made}", err=True)
        raise typer.Exit(1)
    if output is Format.json:
        typer.echo(_as_json(made, seconds))
    else:
        _print_tables(made, seconds, library)


def _print_line(line: bytes, library: "Library") -> bool:
    """One line in, one line out, in the same order: a plan, or an object with `error`."""
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):  # RecursionError: a thousand brackets
        facts = None
    made, seconds = _planned(facts, library) if isinstance(facts, dict) else ("not a JSON object", 0.0)
    typer.echo(json.dumps({"error": made}) if isinstance(made, str) else _as_json(made, seconds))
    return not isinstance(made, str)


def _planned(facts: dict[str, Any], library: "Library") -> tuple["Plan | str", float]:
    """The plan and the seconds it took, or a sentence that says what is wrong with the facts."""
    from pydantic import ValidationError

    from cli.facts import Facts
    from domain.programs.generator import NoFeasibleProgram, generate
    from domain.programs.spec import UnknownCondition

    began = time.perf_counter()
    try:
        made: Plan | str = generate(Facts.model_validate(facts).spec(library), library, _solver())
    except ValidationError as error:
        made = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
    except (UnknownCondition, NoFeasibleProgram) as error:
        made = str(error)
    return made, time.perf_counter() - began


def _solver() -> "WeekSolver":
    """The exact solver where it is installed (workers), else the greedy."""
    if find_spec("highspy") is None:
        from domain.programs.greedy import greedy_week

        return greedy_week
    from domain.programs.milp import solve_week

    return solve_week


def _as_json(made: "Plan", seconds: float) -> str:
    return json.dumps(made.model_dump(mode="json") | {"seconds": round(seconds, 4)}, separators=(",", ":"))


def _print_tables(made: "Plan", seconds: float, library: "Library") -> None:
    """The peak week line by line, all weeks in one line each, what the reasons mean, and the proof."""
    from rich.console import Console

    console = Console()
    peak = max((week for week in made.weeks if not week.deload), key=lambda week: week.number)
    console.print(_week_table(peak.model_dump(), library))
    for week in made.weeks:
        lengths = ", ".join(f"{session.minutes:g}" for session in week.sessions)
        console.print(f"week {week.number}: {lengths} min{' (lighter week)' if week.deload else ''}")
    console.print(f"re-assessment in week {made.reassess_week}\n")
    for line in _explanation(made):
        console.print(line, highlight=False)
    proof = f"{made.solver}: objective {made.objective}"
    if made.gap is not None:
        proof += f", no week exceeds {made.bound}, gap {made.gap:.2%}"
    console.print(f"\n{proof}, {seconds:.2f} s", highlight=False)
    console.print(f"gave up: {', '.join(made.relaxed)}" if made.relaxed else "every rule is kept", highlight=False)
    console.print(f"input {made.input_hash[:12]}, library {made.library_hash[:12]}, engine {made.engine_version}")


def _week_table(week: dict[str, Any], library: "Library") -> Any:
    from rich.table import Table

    table = Table(title=f"Week {week['number']} (the peak)", title_justify="left", box=None, pad_edge=False)
    for heading in ("day", "part", "exercise", "dose", "rest", "min", "effort", "why"):
        table.add_column(heading)
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    for session in week["sessions"]:
        for number, item in enumerate(session["items"]):
            size = f"{item['reps']}" if item["reps"] is not None else f"{item['seconds']} s"
            table.add_row(
                "" if number else f"[bold]{names[session['day']]}[/] {session['minutes']:g}",
                item["role"],
                library.by_id[item["exercise"]].name,
                f"{item['sets']} x {size}",
                f"{item['rest_s']} s",
                f"{item['minutes']:g}",
                str(item["effort"]),
                " ".join(rule for rule in item["why"] if rule not in {"I03", "I04", "I05"}),
                end_section=number == len(session["items"]) - 1,
            )
    return table


def _explanation(made: "Plan") -> Iterator[str]:
    """Each rule id of the plan once, in words."""
    from domain.programs.explain import SENTENCES

    used = {
        rule.partition(":")[0]
        for week in made.weeks
        for session in week.sessions
        for item in session.items
        for rule in item.why
    }
    yield "Every line " + ", ".join(SENTENCES[rule] for rule in ("I03", "I04", "I05")) + "."
    yield from (f"{rule}  {SENTENCES[rule]}" for rule in sorted(used - {"I03", "I04", "I05"}))
