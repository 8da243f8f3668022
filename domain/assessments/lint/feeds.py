"""Feeds: what reaches the screening and the program speaks their words, and is always answered."""

from collections.abc import Iterator
from typing import Any, get_args

from domain.assessments.items import IntegerItem, ScaleItem
from domain.assessments.lint.conditions import source_of
from domain.assessments.lint.findings import Finding
from domain.assessments.template import Template
from domain.programs.vocabulary import Equipment, Goal, Level, Minutes, Sex

_WORDS: dict[str, frozenset[str]] = {
    name: frozenset(str(word) for word in get_args(words))
    for name, words in {
        "sex": Sex,
        "level": Level,
        "goal": Goal,
        "minutes": Minutes,
        "equipment": Equipment,
    }.items()
}
_OPTIONAL = {"pain_areas", "pregnancy_term", "chair_stand", "phq9_item9", "first_episode", "onset"}
DAYS = (2, 5)


def feed_findings(template: Template) -> Iterator[Finding]:
    for name, link in template.feeds.named().items():
        where, source, item = f"feeds.{name}", source_of(template, link), template.asked.get(link)
        feed = name.partition(".")[0]
        words = _WORDS.get(feed)
        if words is not None and (not source.codes or not set(source.codes) - source.alone <= words):
            yield _vocabulary(where, f"options out of: {', '.join(sorted(words))}")
        if feed == "days" and not (isinstance(item, IntegerItem) and (item.min_value, item.max_value) == DAYS):
            yield _vocabulary(where, "a whole number from 2 to 5")
        if feed in ("pain", "pain_at_rest") and not (
            isinstance(item, ScaleItem) and (item.min_value, item.max_value) == (0, 10)
        ):
            yield _vocabulary(where, "a scale from 0 to 10")
        if feed == "age" and source.kind != "number":
            yield _vocabulary(where, "a computed age")
        if feed in ("conditions", "pain_areas") and source.kind != "codes":
            yield _vocabulary(where, "a multi-choice or body map")
        if feed not in _OPTIONAL and item is not None and not _always_answered(item):
            mend = f"Make `{link}` required and unconditional: a program cannot do without it."
            yield Finding(where=where, code="feed_optional", mend=mend)


def _always_answered(item: Any) -> bool:
    return bool(item.required and not item.enable_when)


def _vocabulary(where: str, wanted: str) -> Finding:
    return Finding(where=where, code="feed_vocabulary", mend=f"It has to be {wanted}.")
