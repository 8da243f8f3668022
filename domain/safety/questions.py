"""The items a template asks for the red flags of its region, written once, in red_flags.yaml."""

from collections.abc import Collection, Mapping

from domain.assessments.conditions import Condition
from domain.assessments.items import ChoiceItem, Option
from domain.programs.vocabulary import Region
from domain.safety.rules import FlagRule, RedFlagRules

_OPTIONS = (
    Option(code="no", text={"en": "No", "es": "No"}),
    Option(code="yes", text={"en": "Yes", "es": "Sí"}),
    Option(code="not_sure", text={"en": "Not sure", "es": "No lo sé"}),
)


def flags_of(rules: RedFlagRules, region: Region) -> list[FlagRule]:
    """The flags that somebody with this region has to be asked."""
    return [flag for flag in rules.items if flag.concerns(region) and not flag.computed]


def questions(
    rules: RedFlagRules, region: Region, links: Mapping[str, str], without: Collection[str] = ()
) -> list[ChoiceItem]:
    """One required question a flag, with no default: an untouched page clears nobody.

    `links` maps the facts that `asked_when` names to link ids.
    """
    return [question(flag, links) for flag in flags_of(rules, region) if flag.id not in without]


def question(flag: FlagRule, links: Mapping[str, str]) -> ChoiceItem:
    return ChoiceItem(
        type="choice",
        link_id=f"rf_{flag.id}",
        text=flag.text,
        required=True,
        options=_OPTIONS,
        enable_when=tuple(
            Condition(question=links[c.question], operator=c.operator, answer=c.answer) for c in flag.asked_when
        ),
    )
