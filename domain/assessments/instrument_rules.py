"""What the published instruments count, as scales like those of templates. Rules only, no item text."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from domain.assessments.conditions import Condition
from domain.assessments.instrument_input import Payload, number
from domain.assessments.scales import (
    Arithmetic,
    Band,
    Direction,
    MeanImpute,
    MinimalChange,
    Prorate,
    Rule,
    RuleBased,
    SubscaleHalf,
)
from domain.assessments.scoring import compare
from domain.assessments.sheet import Result, arithmetic

Scores = dict[str, Any]

HALF = SubscaleHalf(policy="subscale_half")
UP_TO_TWO = MeanImpute(policy="mean_impute", max_missing=2)


def cut_at(cuts: Sequence[tuple[str, int]], top: int) -> tuple[Band, ...]:
    """Bands from the lowest value of each, so that an imputed value between two whole ones has one too."""
    starts = [low for _, low in cuts]
    bands = [
        Band(code=code, label={"en": code}, min=low, below=end)
        for (code, low), end in zip(cuts, starts[1:], strict=False)
    ]
    last, low = cuts[-1]
    return (*bands, Band(code=last, label={"en": last}, min=low, max=top))


def of_items(name: str, items: int, top: int, **rest: Any) -> Arithmetic:
    """A scale over the items `<name>_1` and so on, each 0 to `top`."""
    factor, offset = rest.get("factor", 1), rest.get("offset", 0)
    ends = sorted((offset, offset + factor * top * (1 if rest["method"] == "mean" else items)))
    return Arithmetic(
        id=name,
        label={"en": name},
        of=tuple(f"{name}_{number}" for number in range(1, items + 1)),
        **{"min": ends[0], "max": ends[1], "direction": "higher_worse", **rest},
    )


PHQ_CUTS = (("none", 0), ("mild", 5), ("moderate", 10), ("moderately_severe", 15), ("severe", 20))
GAD_CUTS = (("minimal", 0), ("mild", 5), ("moderate", 10), ("severe", 15))
PHQ9 = of_items("phq9", 9, 3, method="sum", missing=UP_TO_TWO, decimals=1, bands=cut_at(PHQ_CUTS, 27))
PHQ8 = of_items("phq8", 8, 3, method="sum", missing=UP_TO_TWO, decimals=1, bands=cut_at(PHQ_CUTS, 24))
PHQ2 = of_items("phq2", 2, 3, method="sum", bands=cut_at((("negative", 0), ("positive", 3)), 6))
GAD7 = of_items("gad7", 7, 3, method="sum", missing=UP_TO_TWO, decimals=1, bands=cut_at(GAD_CUTS, 21))
NPRS_CHANGE = MinimalChange(absolute=2, relative=0.3, source="Ostelo 2008")
LEFS_CHANGE = MinimalChange(absolute=9, source="Binkley 1999")
NPRS = of_items(
    "nprs", 1, 10, method="sum", bands=cut_at((("green", 0), ("amber", 4), ("red", 6)), 10),
    minimal_change=NPRS_CHANGE,
)  # fmt: skip
LEFS = of_items("lefs", 20, 4, method="sum", direction="higher_better", minimal_change=LEFS_CHANGE)
RMDQ23 = of_items("rmdq23", 23, 1, method="mean", factor=100, missing=HALF)
RMDQ_CHANGE = MinimalChange(absolute=5, relative=0.3, floor=4, ceiling=20, source="Ostelo 2008")
PSFS_MDC, PSFS_MDC_SINGLE = 2, 3  # MDC90 of the average, and of one activity
SBST_TOTAL = of_items("sbst9", 9, 1, method="sum")
SBST_DISTRESS = SBST_TOTAL.model_copy(update={"id": "distress", "of": SBST_TOTAL.of[4:], "max": 5})
SBST_GROUPS = RuleBased(
    id="subgroup",
    label={"en": "subgroup"},
    method="rules",
    needs=("sbst9", "distress"),
    rules=(
        Rule(code="low", label={"en": "low"}, when=(Condition(question="sbst9", operator="<=", answer=3),)),
        Rule(code="high", label={"en": "high"}, when=(Condition(question="distress", operator=">=", answer=4),)),
        Rule(code="medium", label={"en": "medium"}),
    ),
)
BOTHERSOME = {"not at all": 0, "slightly": 0, "moderately": 0, "very much": 1, "extremely": 1}
KOOS_ITEMS = {"pain": 9, "symptoms": 7, "adl": 17, "sport_rec": 5, "qol": 4}
KOOS12_ITEMS = {"pain": 4, "function": 4, "qol": 4}
# Items are given as 1 to 5 and lowered by 1, so (mean - 1) x 25 is mean x 25.
DASH = {
    "quickdash": of_items(
        "quickdash",
        11,
        4,
        method="mean",
        factor=25,
        decimals=1,
        missing=Prorate(policy="prorate", min_answered=10),
    ),
    "dash30": of_items(
        "dash30",
        30,
        4,
        method="mean",
        factor=25,
        decimals=1,
        missing=Prorate(policy="prorate", min_answered=27),
    ),
}
SPADI_ITEMS = {"pain": 5, "disability": 8}
SPADI_MOST_MISSING = 2  # of a subscale


def spadi_scale(name: str, items: int) -> Arithmetic:
    missing = Prorate(policy="prorate", min_answered=items - SPADI_MOST_MISSING)
    return of_items(name, items, 10, method="mean", factor=10, decimals=1, missing=missing)


def scored(scale: Arithmetic, values: Sequence[Fraction | None]) -> Result:
    return arithmetic(scale, list(zip(scale.of, values, strict=True)))


def simple(result: Result) -> Scores:
    """score, band when there are bands, and what missing answers did."""
    scores: Scores = {"score": result.shown}
    if result.code is not None:
        scores["band"] = result.code
    if result.outcome.imputed:
        scores["imputed"] = result.outcome.imputed
    if result.outcome.reason is not None:
        scores["reason"] = result.outcome.reason
    return scores


def moved(payload: Payload, top: int, direction: Direction, minimal: MinimalChange, *, decimals: int = 1) -> Scores:
    """`change`, improvement in percent of the baseline, and whether that is enough to matter."""
    before, now = (int(number(payload.get(key), 0, top)) for key in ("baseline", "now"))
    found = compare(before, now, direction, minimal, decimals=decimals)
    sign = 1 if found.improved is not False else -1
    return {
        "change": found.change,
        "pct": None if found.percent is None else sign * found.percent,
        "mic_abs": None if found.beyond_absolute is None else found.beyond_absolute and bool(found.improved),
        "mic_pct": None if found.beyond_relative is None else found.beyond_relative and bool(found.improved),
        "warnings": found.warnings,
    }
