"""The red flags once more, while somebody does a program: what is there now is new, for no program starts with one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from domain.assessments.model import Localised
from domain.programs.vocabulary import Region
from domain.safety.questions import flags_of
from domain.safety.rules import LEVELS, REFERRING, FlagLevel, FlagRule, RedFlagRules

Answer = Literal["yes", "no", "not_sure"]


@dataclass(frozen=True, slots=True)
class Found:
    """`level` None: nothing that stops a program. `flags` are the raised ids, gravest first."""

    level: FlagLevel | None
    flags: tuple[str, ...]
    advice_key: str | None
    advice: Localised | None


def asked_of(rules: RedFlagRules, region: Region) -> list[FlagRule]:
    """The questions of a check-in."""
    return flags_of(rules, region)


def assess(rules: RedFlagRules, region: Region, conditions: frozenset[str], answers: Mapping[str, Answer]) -> Found:
    """What the answers to all questions come to. "Not sure" counts as yes where the sign is urgent or an emergency, and
    in clusters; no answer counts as "not sure".

    A condition that the program was not made for (`conditions` are those it was) is for a clinician to look at.
    """
    said = {flag.id: answers.get(flag.id, "not_sure") for flag in asked_of(rules, region)}
    raised = sorted(
        {*_flags(rules, said, conditions), *_clusters(rules, said)}, key=lambda r: (LEVELS.index(r[0]), r[1])
    )
    if not raised:
        return Found(None, (), None, None)
    level, _, group = raised[0]
    key = rules.advice_key(level, group)
    return Found(level, tuple(name for _, name, _ in raised), key, rules.advice[key])


def _flags(
    rules: RedFlagRules, said: Mapping[str, Answer], conditions: frozenset[str]
) -> Iterator[tuple[FlagLevel, str, str]]:
    for flag in rules.items:
        answer = said.get(flag.id, "no")
        sure = answer == "yes" or (answer == "not_sure" and flag.level in ("emergency", "urgent", "modify"))
        if sure and flag.level in REFERRING:
            yield flag.level, flag.id, flag.group
        elif sure and flag.level == "modify" and not _made_for(flag.rule, conditions):
            yield "review", flag.id, flag.group


def _made_for(rule: str | None, conditions: frozenset[str]) -> bool:
    """A program made for an early pregnancy is not one for a later, but the stricter rules cover the earlier."""
    return rule is None or rule in conditions


def _clusters(rules: RedFlagRules, said: Mapping[str, Answer]) -> Iterator[tuple[FlagLevel, str, str]]:
    for cluster in rules.clusters:
        members = cluster.when.all or cluster.when.any_2_of
        present = sum(said.get(name, "no") != "no" for name in members)
        if present >= (len(members) if cluster.when.all else 2) and cluster.level in REFERRING:
            yield cluster.level, cluster.id, "cluster"
