"""Draw a program: work of each week, and the peak week session by session.

python benchmarks/draw.py docs/figures/program.svg
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from domain.assessments.profile import Profile
from domain.programs.generator import generate
from domain.programs.milp import solve_week
from domain.programs.plan import Plan
from domain.programs.spec import spec_for
from domain.programs.vocabulary import HOUSEHOLD
from domain.programs.volume import volume
from infra.content import load_library

COLOURS = {"warm": "#f2c14e", "balance": "#9b6fb0", "main": "#2a6f97", "cardio": "#d1495b", "cool": "#6ba292"}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MINUTE = 18  # pixels
WIDTH = 720


def example() -> Plan:
    """A person of 70 with a sore knee and osteoporosis, household things only."""
    profile = Profile(
        region="knee", pain=5, severity="moderate", age=70, level="beginner", equipment=HOUSEHOLD, goal="reduce_pain",
        days=3, minutes=30, conditions=frozenset(["osteoporosis"]),
    )  # fmt: skip
    return generate(spec_for(profile, load_library()), load_library(), solve_week)


def drawing(plan: Plan) -> str:
    parts = [*_weeks(plan), *_peak(plan), *_legend()]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 420" font-family="sans-serif" font-size="12">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="420" fill="#fff"/>', *parts, "</svg>\n"])


def _weeks(plan: Plan) -> list[str]:
    """Seconds under work of each week as columns."""
    work = [volume(plan.model_copy(update={"weeks": (week,)}), load_library())[1] for week in plan.weeks]
    parts = ['<text x="20" y="24" font-weight="bold">Main work of each week (minutes under load)</text>']
    for number, (week, seconds) in enumerate(zip(plan.weeks, work, strict=True)):
        height, left = 110 * seconds / max(work), 40 + 100 * number
        colour, name = ("#a9c4d4", "lighter") if week.deload else (COLOURS["main"], f"week {week.number}")
        parts += [
            f'<rect x="{left}" y="{160 - height:.1f}" width="60" height="{height:.1f}" fill="{colour}"/>',
            f'<text x="{left + 30}" y="{152 - height:.1f}" text-anchor="middle">{seconds / 60:.1f}</text>',
            f'<text x="{left + 30}" y="176" text-anchor="middle">{name}</text>',
        ]
    return parts


def _peak(plan: Plan) -> list[str]:
    """Each session of the last loading week as a bar of minutes."""
    peak = [week for week in plan.weeks if not week.deload][-1]
    parts = [f'<text x="20" y="216" font-weight="bold">Week {peak.number}, minute by minute</text>']
    for number, session in enumerate(peak.sessions):
        top, left = 230 + 46 * number, 70.0
        parts.append(f'<text x="20" y="{top + 20}">{DAYS[session.day]}</text>')
        for item in session.items:
            width, name = MINUTE * item.minutes, load_library().by_id[item.exercise].name
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{width - 1:.1f}" height="32" fill="{COLOURS[item.role]}">'
                f"<title>{name}: {item.minutes:g} min</title></rect>"
            )
            left += width
        parts.append(f'<text x="{left + 8:.0f}" y="{top + 20}">{session.minutes:g} min</text>')
    return parts


def _legend() -> list[str]:
    parts = []
    for number, (role, colour) in enumerate(COLOURS.items()):
        left = 70 + 110 * number
        parts.append(f'<rect x="{left}" y="385" width="14" height="14" fill="{colour}"/>')
        parts.append(f'<text x="{left + 20}" y="397">{role}</text>')
    return parts


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(drawing(example()), encoding="utf-8")
