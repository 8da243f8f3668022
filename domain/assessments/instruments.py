"""Published instruments, scored by name; the words of the licensed ones are the tenant's to supply.

Each uses the scales, arithmetic and tables of templates. tests/domain/vectors names the source of every rule.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from domain.assessments.arithmetic import Number, rounded
from domain.assessments.instrument_input import (
    MalformedInput,
    Payload,
    Refused,
    UnknownInstrument,
    activities,
    answers_of,
    number,
    yes_or_no,
)
from domain.assessments.instrument_rules import (
    BOTHERSOME,
    DASH,
    GAD7,
    HALF,
    KOOS12_ITEMS,
    KOOS_ITEMS,
    LEFS,
    LEFS_CHANGE,
    NPRS,
    NPRS_CHANGE,
    PHQ2,
    PHQ8,
    PHQ9,
    PSFS_MDC,
    PSFS_MDC_SINGLE,
    RMDQ23,
    RMDQ_CHANGE,
    SBST_DISTRESS,
    SBST_GROUPS,
    SBST_TOTAL,
    SPADI_ITEMS,
    SPADI_MOST_MISSING,
    Scores,
    moved,
    of_items,
    scored,
    simple,
    spadi_scale,
)  # fmt: skip
from domain.assessments.scales import Prorate
from domain.assessments.sheet import Result, first_rule
from domain.assessments.tables import CHAIR_STAND_LAST_AGE, acsm_row, balance_tug, chair_stand_cutoff

__all__ = ["SCORERS", "MalformedInput", "UnknownInstrument", "score_instrument"]


def score_instrument(name: str, payload: Any) -> Scores:
    """The scores of one instrument; a value no score can be made of gives `{"error": code}`.

    Raises UnknownInstrument, or MalformedInput when the payload has another shape than the instrument's.
    """
    scorer = SCORERS.get(name) if isinstance(name, str) else None
    if scorer is None:
        raise UnknownInstrument
    if not isinstance(payload, Mapping):
        raise MalformedInput
    try:
        return scorer(payload)
    except Refused as refused:
        return {"error": refused.code}


def phq9(payload: Payload) -> Scores:
    values = answers_of(payload, 9, 0, 3)
    safety = None if values[8] is None else values[8] > 0  # whatever the total
    return {**simple(scored(PHQ9, values)), "item9_flag": safety}


def phq2(payload: Payload) -> Scores:
    scores = simple(scored(PHQ2, answers_of(payload, 2, 0, 3)))
    return {**scores, "positive": scores["band"] == "positive"} if "band" in scores else scores


def lefs(payload: Payload) -> Scores:
    if "answers" in payload:
        return simple(scored(LEFS, answers_of(payload, 20, 0, 4)))
    if not {"baseline", "now"} <= payload.keys():
        raise MalformedInput
    change = moved(payload, 80, LEFS.direction, LEFS_CHANGE)
    return {"change": change["change"], "mcid": change["mic_abs"]}


def nprs(payload: Payload) -> Scores:
    answers = payload.get("answers")
    if not isinstance(answers, Mapping):
        raise MalformedInput
    if "baseline" in answers:
        change = moved(answers, 10, NPRS.direction, NPRS_CHANGE)
        return {key: change[key] for key in ("change", "pct", "mic_abs", "mic_pct")}
    result = scored(NPRS, [number(answers.get("now"), 0, 10)])
    return {"score": result.shown, "zone": result.code}


def psfs(payload: Payload) -> Scores:
    now = activities(payload.get("answers"))
    result = psfs_mean(now)
    scores: Scores = {"score": result.shown, "mdc": PSFS_MDC if len(now) > 1 else PSFS_MDC_SINGLE}
    if len(now) < 3:  # noqa: PLR2004  three to five activities make a PSFS
        scores["warning"] = "fewer_than_3_activities"
    if "baseline" in payload:
        before = activities(payload["baseline"])
        if before.keys() != now.keys():
            raise Refused("activity_set_changed")
        first = psfs_mean(before)
        if first.outcome.value is not None and result.outcome.value is not None:
            moved = result.outcome.value - first.outcome.value  # of the means themselves, rounded once
            scores |= {"change": rounded(moved, 1), "beyond_mdc": abs(moved) >= scores["mdc"]}
    return scores


def psfs_mean(rows: Mapping[Any, Fraction | None]) -> Result:
    answered = Prorate(policy="prorate", min_answered=1)
    scale = of_items("psfs", len(rows), 10, method="mean", decimals=1, missing=answered, direction="higher_better")
    return scored(scale, list(rows.values()))


def rmdq24(payload: Payload) -> Scores:
    if payload.get("variant") == "rmdq23_prorated":
        answered = int(number(payload.get("answered"), 0, 23))
        ticked = int(number(payload.get("ticked_count"), 0, answered))
        blanks: list[Fraction | None] = [None] * (23 - answered)
        result = scored(RMDQ23, [Fraction(1)] * ticked + [Fraction(0)] * (answered - ticked) + blanks)
        return {"score100": result.shown}
    if "baseline" in payload:
        change = moved(payload, 24, "higher_worse", RMDQ_CHANGE, decimals=0)
        limits = {
            "floor": "floor: change not reliable below 4",
            "ceiling": "ceiling: change not reliable above 20",
        }
        scores = {
            "improvement_pct": change["pct"],
            "mic_pct": change["mic_pct"],
            "mic_abs": change["mic_abs"],
        }
        return scores | ({"warning": limits[change["warnings"][0]]} if change["warnings"] else {})
    ticks, none_apply = payload.get("ticked"), yes_or_no(payload.get("none_apply", False))
    if not isinstance(ticks, list) or "variant" in payload:
        raise MalformedInput
    for tick in ticks:
        if isinstance(tick, bool) or not isinstance(tick, int):
            raise Refused("wrong_type")
        if not 1 <= tick <= 24:  # noqa: PLR2004
            raise Refused("unknown_item")
    if len(set(ticks)) != len(ticks):
        raise Refused("duplicate")
    if ticks and none_apply:
        raise Refused("exclusive")
    if not ticks and not none_apply:
        return {"score": None, "reason": "not_answered"}  # an untouched page is not a back without trouble
    return {"score": len(ticks)}


def sbst9(payload: Payload) -> Scores:
    answers = payload.get("answers")
    if not isinstance(answers, Mapping):
        raise MalformedInput
    bother = answers.get("bothersomeness")
    if bother is not None and (not isinstance(bother, str) or bother not in BOTHERSOME):
        raise Refused("unknown_option")
    values = answers_of(answers, 8, 0, 1, "items")
    values.append(None if bother is None else Fraction(BOTHERSOME[bother]))
    total, distress = scored(SBST_TOTAL, values).shown, scored(SBST_DISTRESS, values[4:]).shown
    if total is None or distress is None:
        return {"score": None, "reason": "all items required"}
    subgroup = first_rule(SBST_GROUPS, {"sbst9": total, "distress": distress})
    return {"total": total, "distress": distress, "subgroup": subgroup}


def quickdash(payload: Payload) -> Scores:
    scale = DASH.get(str(payload.get("variant", "quickdash")))
    if scale is None:
        raise MalformedInput
    return simple(scored(scale, answers_of(payload, len(scale.of), 1, 5)))


def koos_of(items: Mapping[str, int]) -> Callable[[Payload], Scores]:
    """One subscale (100 best), or without answers how many each needs."""

    def scorer(payload: Payload) -> Scores:
        if "answers" not in payload:
            return {name: count - count // 2 for name, count in items.items()}
        subscale = payload.get("subscale")
        if not isinstance(subscale, str) or subscale not in items:
            raise MalformedInput
        scale = of_items(
            subscale, items[subscale], 4, method="mean", factor=-25, offset=100, decimals=1, missing=HALF,
            direction="higher_better",
        )  # fmt: skip
        return simple(scored(scale, answers_of(payload, items[subscale], 0, 4)))

    return scorer


def spadi(payload: Payload) -> Scores:
    """Both published totals differ, so `variant` is `pooled` or `mean_of_subscales`, never assumed."""
    answers, variant = payload.get("answers"), payload.get("variant")
    if not isinstance(answers, Mapping):
        raise MalformedInput
    if "missing" in answers:
        blank = int(number(answers["missing"], 0, SPADI_MOST_MISSING))
        sizes = {**SPADI_ITEMS, "total": sum(SPADI_ITEMS.values())}
        return {f"{name}_denominator": (size - blank) * 10 for name, size in sizes.items()}
    values = {name: answers_of(answers, size, 0, 10, name) for name, size in SPADI_ITEMS.items()}
    parts = {name: scored(spadi_scale(name, len(given)), given) for name, given in values.items()}
    shown: dict[str, Number | None] = {name: part.shown for name, part in parts.items()}
    if None in shown.values():
        return {**shown, "total": None, "reason": "too_many_missing"}
    if variant == "pooled":
        pooled = of_items("total", 13, 10, method="mean", factor=10, decimals=1, missing=HALF)
        return {**shown, "total": scored(pooled, [*values["pain"], *values["disability"]]).shown}
    if variant == "mean_of_subscales":
        both = of_items("total", 2, 100, method="mean", decimals=1)
        return {**shown, "total": scored(both, [part.outcome.value for part in parts.values()]).shown}
    raise MalformedInput


def chair_stand(payload: Payload) -> Scores:
    answers = payload.get("answers")
    if not isinstance(answers, Mapping) or not isinstance(answers.get("sex"), str):
        raise MalformedInput
    age = int(number(answers.get("age"), 0, 130))
    stands = 0 if yes_or_no(answers.get("used_arms", False)) else int(number(answers.get("stands"), 0, 200))
    cutoff = chair_stand_cutoff(age, answers["sex"])
    if cutoff is not None:
        return {"score": stands, "below_average": stands < cutoff}
    last = f"no norm over {CHAIR_STAND_LAST_AGE}"
    reason = last if age > CHAIR_STAND_LAST_AGE else "no norm under 60" if age < 60 else "no norm for the sex"  # noqa: PLR2004
    return {"score": stands, "below_average": None, "reason": reason}


def balance(payload: Payload) -> Scores:
    answers = payload.get("answers")
    if not isinstance(answers, Mapping):
        raise MalformedInput
    seconds = {
        name: None if answers.get(name) is None else number(answers[name], 0, 3600, whole=False)
        for name in ("tandem_s", "tug_s")
    }
    code = balance_tug(**seconds)
    return {"falls_risk": None if code is None else code == "falls_risk"}


def acsm(payload: Payload) -> Scores:
    answers = payload.get("answers")
    if not isinstance(answers, Mapping):
        raise MalformedInput
    given = [answers.get(name) for name in ("active", "known_disease", "symptoms")]
    if any(value is not None and not isinstance(value, bool) for value in given):
        raise Refused("wrong_type")
    clearance, intensity, note = acsm_row(*given)
    return {"clearance": clearance, "max_intensity_now": intensity, "note": note}


def variants(name: str, **scorers: Callable[[Payload], Scores]) -> Callable[[Payload], Scores]:
    """The scorer that `variant` names, `name` without one: the short forms come under their long form's name too."""

    def scorer(payload: Payload) -> Scores:
        chosen = scorers.get(str(payload.get("variant", name)))
        if chosen is None:
            raise MalformedInput
        return chosen(payload)

    return scorer


def phq8(payload: Payload) -> Scores:
    return simple(scored(PHQ8, answers_of(payload, 8, 0, 3)))


SCORERS: dict[str, Callable[[Payload], Scores]] = {
    "acsm_screening": acsm,
    "balance_tug": balance,
    "chair_stand_30s": chair_stand,
    "gad7": lambda payload: simple(scored(GAD7, answers_of(payload, 7, 0, 3))),
    "koos": variants("koos", koos=koos_of(KOOS_ITEMS), koos12=koos_of(KOOS12_ITEMS)),
    "koos12": koos_of(KOOS12_ITEMS),
    "lefs": lefs,
    "nprs": nprs,
    "phq2": phq2,
    "phq8": phq8,
    "phq9": variants("phq9", phq9=phq9, phq8=phq8, phq2=phq2),
    "psfs": psfs,
    "quickdash": quickdash,
    "rmdq24": rmdq24,
    "sbst9": sbst9,
    "spadi": spadi,
}
