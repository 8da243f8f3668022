"""From a completed assessment to: go on, go on with care, or see somebody first."""

from collections.abc import Iterator
from typing import Literal

from domain.assessments.completion import Completed
from domain.assessments.conditions import Condition, Fact, met
from domain.assessments.items import SelectItem
from domain.assessments.model import ENGINE_VERSION, Frozen, Localised
from domain.assessments.sheet import Sheet
from domain.assessments.tables import acsm_row, yes_for_safety
from domain.assessments.template import Template
from domain.programs.vocabulary import Severity
from domain.safety.rules import LEVELS, REFERRING, FlagLevel, FlagRule, PainThresholds, RedFlagRules

Answer = Literal["yes", "no", "unknown"]
Raised = tuple[FlagLevel, str, str]  # level, flag id, group
_CLEARANCE_NEEDED = "none_until_cleared"


class Screening(Frozen):
    """`referral`: no program at all. `modify`: conditions, pain or an open question shape the program.

    `flags` are the raised ids, gravest first; `unresolved` those answered "not sure" that do not refer alone.
    `conditions` are ids of contraindications.yaml; `level_cap` is the highest exercise level, 1-5.
    `max_intensity` comes from the ACSM table and is None where the template does not ask for it.
    """

    outcome: Literal["clear", "modify", "referral"]
    level: FlagLevel | None
    flags: tuple[str, ...]
    unresolved: tuple[str, ...]
    conditions: tuple[str, ...]
    pain: int | None
    severity: Severity
    level_cap: int
    reassess_days: int | None
    max_intensity: str | None
    advice_key: str | None
    advice: Localised | None
    engine_version: str = ENGINE_VERSION
    rules_hash: str


def screen(
    template: Template, completed: Completed, rules: RedFlagRules, thresholds: PainThresholds | None = None
) -> Screening:
    """Apply red_flags.yaml. `thresholds` are the tenant's; without them the default of the file holds.

    Unknown never clears: "not sure" or a blank counts as yes for emergency and urgent flags and in clusters.
    """
    sheet = completed.sheet(template)
    limits = thresholds or rules.pain_gate.thresholds
    pain = _worst_pain(template, sheet)
    severity: Severity = "severe" if pain is None else limits.severity(pain)
    answers = {flag.id: _answer(flag, template, sheet) for flag in rules.items}

    intensity = _intensity(template, sheet)
    raised = sorted(
        {*_flags(rules, answers), *_clusters(rules, answers), *_pain_gate(template, sheet, rules, limits)}
        | set(_acsm(template, sheet)),
        key=lambda flag: (LEVELS.index(flag[0]), flag[1]),
    )
    unresolved = tuple(
        flag.id for flag in rules.items if answers[flag.id] == "unknown" and flag.level in ("review", "context")
    )
    own = _declared(template, sheet) | _pregnancy(template, sheet, rules, answers)
    if intensity == "moderate" and template.feeds.acsm and _yes(sheet, template.feeds.acsm.known_disease):
        own.add("cardiac_cleared")
    level, first, group = raised[0] if raised else (None, None, "")
    outcome: Literal["clear", "modify", "referral"] = "clear"
    if level in REFERRING:
        outcome = "referral"
    elif own or unresolved or severity != "mild" or level == "modify":
        outcome = "modify"
    key = rules.advice_key(level, group) if level in REFERRING and first else None
    return Screening(
        outcome=outcome,
        level=level,
        flags=tuple(flag for _, flag, _ in raised),
        unresolved=unresolved,
        conditions=tuple(sorted(own | _pain_ladder(template, sheet, rules, severity) if pain != 0 else own)),
        pain=pain,
        severity=severity,
        level_cap=rules.pain_gate.level_cap[severity],
        reassess_days=rules.pain_gate.reassess_days.get(severity),
        max_intensity=intensity,
        advice_key=key,
        advice=rules.advice[key] if key else None,
        rules_hash=rules.content_hash,
    )


def _fact(template: Template, sheet: Sheet, feed: str) -> Fact | None:
    link = getattr(template.feeds, feed, None)
    return sheet.facts.get(link) if isinstance(link, str) else None


def _yes(sheet: Sheet, link: str) -> bool:
    return yes_for_safety(sheet.facts.get(link))


def _worst_pain(template: Template, sheet: Sheet) -> int | None:
    known = [fact for link in template.feeds.pain if isinstance(fact := sheet.facts.get(link), int)]
    return max(known) if len(known) == len(template.feeds.pain) else None


def _answer(flag: FlagRule, template: Template, sheet: Sheet) -> Answer:
    """A sign that the template does not ask, or hides for this person, is not present."""
    if flag.computed:
        return _computed(flag.computed, template, sheet) if flag.concerns(template.feeds.region) else "no"
    link = f"rf_{flag.id}"
    if link not in sheet.enabled:
        return "no"
    fact = sheet.facts.get(link)
    return "yes" if fact == "yes" else "no" if fact == "no" else "unknown"


def _computed(conditions: tuple[Condition, ...], template: Template, sheet: Sheet) -> Answer:
    facts = {c.question: fact for c in conditions if (fact := _fact(template, sheet, c.question)) is not None}
    open_questions = [c for c in conditions if c.question not in facts]
    if any(not met(c, facts) for c in conditions if c.question in facts):
        return "no"
    if any(getattr(template.feeds, c.question, None) is None for c in open_questions):
        return "no"  # the template does not ask for it
    return "unknown" if open_questions else "yes"


def _flags(rules: RedFlagRules, answers: dict[str, Answer]) -> Iterator[Raised]:
    for flag in rules.items:
        unknown_counts = flag.level in ("emergency", "urgent", "modify")
        if answers[flag.id] == "yes" or (answers[flag.id] == "unknown" and unknown_counts):
            yield flag.level, flag.id, flag.group


def _clusters(rules: RedFlagRules, answers: dict[str, Answer]) -> Iterator[Raised]:
    for cluster in rules.clusters:
        members = cluster.when.all or cluster.when.any_2_of
        present = sum(answers[name] != "no" for name in members)
        if present >= (len(members) if cluster.when.all else 2):
            yield cluster.level, cluster.id, "cluster"


def _pain_gate(template: Template, sheet: Sheet, rules: RedFlagRules, limits: PainThresholds) -> Iterator[Raised]:
    """Very strong pain at rest that began only just now is looked at before any exercise."""
    if template.feeds.pain_at_rest is None or template.feeds.onset is None:
        return
    pain, onset = _fact(template, sheet, "pain_at_rest"), _fact(template, sheet, "onset")
    strong = not isinstance(pain, int) or pain >= limits.review_at_rest
    if strong and (onset is None or onset in rules.pain_gate.review_onset):
        yield "review", "pain_gate", "pain"


def _intensity(template: Template, sheet: Sheet) -> str | None:
    feeds = template.feeds.acsm
    if feeds is None:
        return None
    return acsm_row(*(sheet.facts.get(link) for link in (feeds.active, feeds.known_disease, feeds.symptoms)))[1]


def _acsm(template: Template, sheet: Sheet) -> Iterator[Raised]:
    feeds = template.feeds.acsm
    if feeds is not None and _intensity(template, sheet) == _CLEARANCE_NEEDED:
        symptoms = _yes(sheet, feeds.symptoms)
        yield "review", "acsm_symptoms" if symptoms else "cv_metab_renal", "acsm"


def _declared(template: Template, sheet: Sheet) -> set[str]:
    """Conditions the person ticked, and a falls risk shown by the chair stand."""
    link = template.feeds.conditions
    item, given = template.asked.get(link), sheet.facts.get(link)
    ticked = set(given) if isinstance(given, frozenset) else set()
    if isinstance(item, SelectItem):
        ticked -= {option.code for option in item.options if option.exclusive}
    if _fact(template, sheet, "chair_stand") == "below_average":
        ticked.add("falls_risk")
    return {str(code) for code in ticked}


def _pregnancy(template: Template, sheet: Sheet, rules: RedFlagRules, answers: dict[str, Answer]) -> set[str]:
    """An unknown term is treated as the later one, whose rules are stricter."""
    brought = {flag.rule for flag in rules.items if flag.rule and answers[flag.id] != "no"}
    early = _fact(template, sheet, "pregnancy_term") == "t1"
    return {"pregnancy_t1" if early and rule == "pregnancy_t2_t3" else rule for rule in brought}


def _pain_ladder(template: Template, sheet: Sheet, rules: RedFlagRules, severity: Severity) -> set[str]:
    """Every step up to the present one, so that a rule of milder pain still holds when it is worse."""
    areas = _fact(template, sheet, "pain_areas")
    regions = {template.feeds.region, *(areas if isinstance(areas, frozenset) else ())}
    ladder: tuple[Severity, ...] = ("mild", "moderate", "severe")
    steps = ladder[: ladder.index(severity) + 1]
    table = rules.pain_gate.conditions
    return {table[name][step] for name in table if name in regions for step in steps if step in table[name]}
