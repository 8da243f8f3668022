"""Outcomes as an SVG image that a person can read, on a screen or on paper.

Nothing is said by colour alone: series differ by mark and dash, every value that matters stands beside its mark, and
the image begins with a title and a description in words. No text is smaller than 14 px of a width of 760.
"""

from collections.abc import Sequence
from datetime import date, datetime
from html import escape

from domain.outcomes.records import Instrument, Outcomes, Point, Week
from domain.outcomes.trends import matters

WIDTH, _LEFT, _RIGHT = 760, 56, 704
_PLOT, _INK, _SOFT, _BLUE = 110, "#1b1f24", "#6a737d", "#0b5cad"
_FEW, _NEAR_TOP = 8, 16  # points that are all written out; px from the top where a number goes below its mark
MOST_WEEKS, MOST_POINTS = 12, 40


def svg(outcomes: Outcomes) -> str:
    """At most the last twelve weeks and forty points of a series, so that it stays legible."""
    parts: list[str] = []
    y = 84
    for heading, content, height in _sections(outcomes):
        parts.append(_text(24, y, heading, size=20, bold=True))
        parts += [f'<g transform="translate(0 {y + 14})">', *content, "</g>"]
        y += height + 58
    body = "".join(parts)
    words = escape(" ".join(_words(outcomes)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" role="img"'
        f' aria-labelledby="title description" lang="en" font-family="Helvetica, Arial, sans-serif">'
        f'<title id="title">Outcomes up to {outcomes.as_of.isoformat()}</title>'
        f'<desc id="description">{words}</desc><rect width="{WIDTH}" height="{y}" fill="#ffffff"/>'
        f"{_text(24, 42, f'Outcomes up to {_day(outcomes.as_of)}', size=26, bold=True)}{body}</svg>"
    )


def _sections(outcomes: Outcomes) -> list[tuple[str, list[str], int]]:
    found = [(_label(each), _instrument(each), _PLOT + 66) for each in outcomes.instruments]
    weeks = outcomes.weeks[-MOST_WEEKS:]
    found.append(("Sessions done, by week", _weeks(weeks), _PLOT + 48))
    series = (outcomes.pain_during[-MOST_POINTS:], outcomes.pain_after[-MOST_POINTS:])
    found.append(("Worst pain of a session, 0 to 10", _pain(*series), _PLOT + 76))
    return found


def _words(outcomes: Outcomes) -> list[str]:
    """The same in sentences, for who does not see the image."""
    said = [f"{_label(each)}: {each.latest.value:g} now. {_moved(each)}" for each in outcomes.instruments]
    due, done = sum(w.due for w in outcomes.weeks), sum(w.done for w in outcomes.weeks)
    said.append(f"Sessions: {done} done, {due} due so far.")
    for name, points in (("during", outcomes.pain_during), ("24 hours after", outcomes.pain_after)):
        if points:
            said.append(
                f"Worst pain {name} the last session: {points[-1].value:g} of 10; the first: {points[0].value:g}."
            )
    return said


def _label(instrument: Instrument) -> str:
    label = instrument.latest.label
    name = label.get("en") or next(iter(label.values()), instrument.latest.id)
    return f"{name} ({instrument.template.replace('-', ' ')})"


def _moved(instrument: Instrument) -> str:
    moved = instrument.since_first
    if moved is None:
        return "Nothing to compare with yet."
    if moved.improved is None:
        return "No change since the first time."
    way = "Better" if moved.improved else "Worse"
    reaches = {True: ", a change that matters", False: ", less than a change that matters", None: ""}[matters(moved)]
    return f"{way} by {abs(moved.change):g} since the first time{reaches}."


def _instrument(instrument: Instrument) -> list[str]:
    points, scale = instrument.series[-MOST_POINTS:], instrument.latest
    low = min([p.value for p in points] if scale.min is None else [float(scale.min)])
    high = max([p.value for p in points] if scale.max is None else [float(scale.max)])
    side = {"higher_better": "Higher is better.", "higher_worse": "Lower is better."}.get(scale.direction or "", "")
    return [
        *_axis(low, high),
        *_line(points, points, low, high, dashed=False),
        *_dates(points),
        _text(_LEFT, _PLOT + 52, f"{_moved(instrument)} {side}".strip(), size=15),
    ]


def _pain(during: Sequence[Point], after: Sequence[Point]) -> list[str]:
    together = sorted([*during, *after], key=lambda point: point.at)
    if not together:
        return [_text(_LEFT, 30, "Nothing has been said of pain yet.", size=15)]
    return [
        *_axis(0, 10),
        *_line(during, together, 0, 10, dashed=False),
        *_line(after, together, 0, 10, dashed=True),
        *_dates(together),
        _mark(_LEFT + 6, _PLOT + 51, dashed=False),
        _text(_LEFT + 20, _PLOT + 56, "during: circles, solid line", size=15),
        _mark(_LEFT + 306, _PLOT + 51, dashed=True),
        _text(_LEFT + 320, _PLOT + 56, "24 hours after: squares, dashed line", size=15),
    ]  # fmt: skip


def _weeks(weeks: Sequence[Week]) -> list[str]:
    if not weeks:
        return [_text(_LEFT, 30, "Nothing has been due yet.", size=15)]
    most = max(1, *(max(week.due, week.done) for week in weeks))
    step = (_RIGHT - _LEFT) / len(weeks)
    bar = min(36.0, step * 0.6)
    drawn = []
    for place, week in enumerate(weeks):
        x = _LEFT + step * place + (step - bar) / 2
        due, done = (_PLOT - 22) * week.due / most, (_PLOT - 22) * week.done / most
        drawn += [
            _rect(x, _PLOT - due, bar, due, f'fill="none" stroke="{_INK}" stroke-dasharray="4 3"'),
            _rect(x, _PLOT - done, bar, done, f'fill="{_BLUE}"'),
            _text(x + bar / 2, _PLOT - max(due, done) - 6, f"{week.done}/{week.due}", anchor="middle"),
            _text(x + bar / 2, _PLOT + 20, f"{week.begins_on.day} {week.begins_on:%b}", anchor="middle"),
        ]
    rule = f'<line x1="{_LEFT}" y1="{_PLOT}" x2="{_RIGHT}" y2="{_PLOT}" stroke="{_SOFT}"/>'
    return [*drawn, rule, _text(_LEFT, _PLOT + 42, "Filled: done. Outlined: due. Weeks by their Monday.", size=15)]


def _axis(low: float, high: float) -> list[str]:
    return [
        line
        for value, y in ((high, 0), (low, _PLOT))
        for line in (
            f'<line x1="{_LEFT}" y1="{y}" x2="{_RIGHT}" y2="{y}" stroke="{_SOFT}" stroke-width="1"/>',
            _text(_LEFT - 10, y + 5, f"{value:g}", anchor="end"),
        )
    ]


def _line(points: Sequence[Point], over: Sequence[Point], low: float, high: float, *, dashed: bool) -> list[str]:
    """`over` says which time the axis spans. The first and last value, and those of few points, are written out."""
    if not points:
        return []
    first, last = over[0].at, over[-1].at
    places = [(_across(point.at, first, last), _down(point.value, low, high)) for point in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dash = ' stroke-dasharray="7 5"' if dashed else ""
    drawn = [f'<polyline points="{path}" fill="none" stroke="{_INK if dashed else _BLUE}" stroke-width="2"{dash}/>']
    for number, ((x, y), point) in enumerate(zip(places, points, strict=True)):
        drawn.append(_mark(x, y, dashed=dashed))
        if len(points) <= _FEW or number in (0, len(points) - 1):
            drawn.append(_text(x, y + 22 if dashed or y < _NEAR_TOP else y - 10, f"{point.value:g}", anchor="middle"))
    return drawn


def _dates(over: Sequence[Point]) -> list[str]:
    first, last = over[0].at, over[-1].at
    drawn = [_text(_LEFT, _PLOT + 26, _day(first))]
    return drawn if first.date() == last.date() else [*drawn, _text(_RIGHT, _PLOT + 26, _day(last), anchor="end")]


def _mark(x: float, y: float, *, dashed: bool) -> str:
    if dashed:
        return _rect(x - 5, y - 5, 10, 10, f'fill="#ffffff" stroke="{_INK}" stroke-width="2"')
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{_BLUE}"/>'


def _rect(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {style}/>'


def _across(at: datetime, first: datetime, last: datetime) -> float:
    span = (last - first).total_seconds()
    inset = 24
    share = (at - first).total_seconds() / span if span else 0.0
    return _LEFT + inset + share * (_RIGHT - _LEFT - 2 * inset)


def _down(value: float, low: float, high: float) -> float:
    return _PLOT - (value - low) / (high - low) * _PLOT if high > low else _PLOT / 2


def _day(at: date) -> str:
    return f"{at.day} {at:%B %Y}"


def _text(x: float, y: float, words: str, *, size: int = 14, anchor: str = "start", bold: bool = False) -> str:
    style = f'font-size="{size}" text-anchor="{anchor}" fill="{_INK}"' + (' font-weight="bold"' if bold else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'
