"""A result and a program as a person reads them in a terminal."""

from typing import Any

from rich.console import RenderableType
from rich.table import Table

_COLOURS = {"green": "green", "amber": "yellow", "red": "red"}


def score_table(result: dict[str, Any]) -> Table:
    """Every scale with its value, range and band, as GET /v1/assessments/{id}/result gives them."""
    table = Table(title="Score", title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("scale")
    table.add_column("score", justify="right")
    table.add_column("of", justify="right")
    table.add_column("band")
    for scale in result["scores"]:
        table.add_row(
            _text(scale["label"]),
            "-" if scale["value"] is None else f"{float(scale['value']):g}",
            f"{float(scale['max']):g}" if scale["max"] is not None else "",
            f"[{_COLOURS.get(scale['band'], 'default')}]{_text(scale['band_label'] or '')}[/]",
        )
    screening = result["screening"]
    table.caption = f"Safety screening: {screening['outcome']}"
    table.caption_justify = "left"
    return table


def program_tables(program: dict[str, Any]) -> list[RenderableType]:
    """The first week in full, then every week in one line."""
    return [_week_table(program["weeks"][0]), _overview(program)]


def _week_table(week: dict[str, Any]) -> Table:
    table = Table(title=f"Program, week {week['number']}", title_justify="left", box=None, pad_edge=False)
    for heading, justify in (("day", "left"), ("part", "left"), ("exercise", "left"), ("dose", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    table.add_column("rest", justify="right")
    table.add_column("effort", justify="right")
    for session in week["sessions"]:
        for number, item in enumerate(session["items"]):
            table.add_row(
                "" if number else f"[bold]{session['scheduled_on']}[/]",
                item["role"],
                item["name"],
                _dose(item),
                f"{item['rest_s']} s" if item["rest_s"] else "",
                "" if item["effort"] is None else str(item["effort"]),
                end_section=number == len(session["items"]) - 1,
            )
        table.add_row(*[""] * 6)
    return table


def _overview(program: dict[str, Any]) -> Table:
    table = Table(title="All weeks", title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("week", "sessions", "minutes each", "sets"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for week in program["weeks"]:
        sessions = week["sessions"]
        table.add_row(
            str(week["number"]),
            str(len(sessions)),
            ", ".join(f"{session['minutes']:.0f}" for session in sessions),
            str(sum(item["sets"] for session in sessions for item in session["items"])),
            "lighter week" if week["deload"] else "",
        )
    return table


def _dose(item: dict[str, Any]) -> str:
    amount = f"{item['reps']}" if item["reps"] is not None else f"{item['seconds']} s"
    return f"{item['sets']} x {amount}"


def _text(localised: Any) -> str:
    """Texts come as {language: text}."""
    return str(localised.get("en", "")) if isinstance(localised, dict) else str(localised)
