"""The result of a submission: its scores and its screening, and from them what the program may know."""

from typing import Any

from pydantic import ValidationError

from domain.assessments.completion import Completed
from domain.assessments.conditions import Fact
from domain.assessments.items import SelectItem
from domain.assessments.model import ENGINE_VERSION, Frozen
from domain.assessments.profile import Profile
from domain.assessments.scoring import ScaleScore, change, score
from domain.assessments.template import Template
from domain.errors import DomainError
from domain.programs.vocabulary import Level
from domain.safety.rules import PainThresholds, RedFlagRules
from domain.safety.screening import Screening, screen

EXPERIENCE: tuple[Level, ...] = ("beginner", "intermediate", "advanced")


class ProfileIncomplete(DomainError):
    """The answers do not say enough for a program, or the screening forbids one."""

    code = "profile_incomplete"
    detail = "The assessment does not hold what a program needs."


class Result(Frozen):
    """Stored with the submission; `model_dump(mode="json")` and `model_validate` are each other's inverse."""

    template_id: str
    template_version: str
    template_hash: str
    engine_version: str = ENGINE_VERSION
    scores: tuple[ScaleScore, ...]
    screening: Screening


def result_of(
    template: Template, completed: Completed, rules: RedFlagRules, thresholds: PainThresholds | None = None
) -> Result:
    """Score and screen. `thresholds` are the tenant's pain limits; the default is that of the rules."""
    return Result(
        template_id=template.id,
        template_version=template.version,
        template_hash=template.content_hash,
        scores=tuple(score(template, completed)),
        screening=screen(template, completed, rules, thresholds),
    )


def changes_between(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Scale id -> Change, of two stored results; scales that cannot be compared are left out."""
    earlier = {scale.id: scale for scale in Result.model_validate(before).scores}
    changes = {
        scale.id: change(earlier[scale.id], scale) for scale in Result.model_validate(now).scores if scale.id in earlier
    }
    return {name: found.model_dump(mode="json") for name, found in changes.items() if found is not None}


def profile_of(template: Template, completed: Completed, result: Result) -> Profile:
    """Reduce an assessment that may have a program. Raises ProfileIncomplete, for a referral too.

    Pain lowers the experience that counts, so that more pain never leads to harder work.
    """
    screening = result.screening
    if screening.outcome == "referral":
        raise ProfileIncomplete
    facts, feeds = completed.sheet(template).facts, template.feeds
    minutes = facts.get(feeds.minutes)
    values: dict[str, Any] = {
        "region": feeds.region,
        "pain": screening.pain,
        "severity": screening.severity,
        "age": facts.get(feeds.age),
        "sex": facts.get(feeds.sex),
        "level": capped(facts.get(feeds.level), screening.level_cap),
        "equipment": ticked(template, feeds.equipment, facts.get(feeds.equipment)),
        "goal": facts.get(feeds.goal),
        "days": facts.get(feeds.days),
        "minutes": int(minutes) if isinstance(minutes, str) and minutes.isdecimal() else minutes,
        "conditions": frozenset(screening.conditions),
    }
    try:
        return Profile.model_validate(values)
    except ValidationError:
        raise ProfileIncomplete from None  # the text of the validation error would repeat the answers


def capped(level: Fact | None, cap: int) -> Level | None:
    """Experience under an exercise level cap of 1-5: 1-2 beginner, 3-4 intermediate, 5 as answered."""
    highest = EXPERIENCE[(cap - 1) // 2]
    return next((name for name in EXPERIENCE if name in (level, highest)), None) if level in EXPERIENCE else None


def ticked(template: Template, link: str, given: Fact | None) -> frozenset[str]:
    """The chosen codes without an exclusive "none"."""
    item = template.asked.get(link)
    codes = given if isinstance(given, frozenset) else frozenset()
    if isinstance(item, SelectItem):
        codes -= {option.code for option in item.options if option.exclusive}
    return codes
