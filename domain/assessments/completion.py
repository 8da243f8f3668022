"""Checking a set of answers: partly, as a page is saved, and as a whole, when it is handed in."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from pydantic import PrivateAttr

from domain.assessments.issues import Issue, issue
from domain.assessments.items import Asked, DateItem
from domain.assessments.model import ENGINE_VERSION, Frozen
from domain.assessments.sheet import Sheet, fill
from domain.assessments.template import Template
from domain.assessments.values import check, incomplete, is_blank

__all__ = ["Completed", "Issue", "check_partial", "complete"]

MAX_ISSUES = 100
MAX_ANSWERS = 1000


class Completed(Frozen):
    """What a submission is made of; immutable, and everything a later reading of it needs.

    `answers` are those of enabled questions only, as they came in; `enabled` link ids in page order.
    """

    template_id: str
    template_version: str
    template_hash: str
    engine_version: str = ENGINE_VERSION
    today: date
    answers: dict[str, Any]
    enabled: tuple[str, ...]
    computed: dict[str, int | float | str]
    issues: tuple[Issue, ...]
    _sheet: Sheet | None = PrivateAttr(None)

    def sheet(self, template: Template) -> Sheet:
        """What the answers say, worked out once. `template`: the one that they are of."""
        if self._sheet is None:
            self._sheet = fill(template, self.answers, self.today)
        return self._sheet


def check_partial(template: Template, answers: Any) -> list[Issue]:
    """Types, ranges, options and unknown link ids. A null or blank answer is never wrong here.

    `answers` may be any JSON value; at most 100 issues are listed.
    """
    if not isinstance(answers, Mapping):
        return [issue("wrong_type")]
    if len(answers) > MAX_ANSWERS:
        return [issue("too_many")]
    found: list[Issue] = []
    for link, value in answers.items():
        found.extend(_check_one(template, link, value))
        if len(found) >= MAX_ISSUES:
            break
    return found[:MAX_ISSUES]


def _check_one(template: Template, link: Any, value: Any) -> Iterator[Issue]:
    item = template.asked.get(link) if isinstance(link, str) else None
    if item is not None:
        if not is_blank(value):
            yield from check(item, value, (link,))
    else:
        yield issue("not_a_question" if link in template.by_id else "unknown_question", link)


def complete(template: Template, answers: Any, today: date) -> Completed:
    """Drop what is hidden, then judge what is shown. `today` dates the ages.

    An answer of the wrong type counts as unanswered, so that it cannot show or hide anything.
    """
    given = answers if isinstance(answers, Mapping) and len(answers) <= MAX_ANSWERS else {}
    wrong = {link: list(_check_one(template, link, value)) for link, value in given.items()}
    good = {link: value for link, value in given.items() if not is_blank(value) and not wrong[link]}
    sheet = fill(template, good, today)

    found = [] if given is answers else check_partial(template, answers)
    for link, issues in wrong.items():
        if link not in template.asked or link in sheet.enabled:
            found.extend(issues)
    for link, item in template.asked.items():
        if link in sheet.enabled:
            found.extend(_judge(item, sheet.values.get(link), today, is_wrong=bool(wrong.get(link))))
    others = {computed.id for computed in template.computed}
    return Completed(
        template_id=template.id,
        template_version=template.version,
        template_hash=template.content_hash,
        today=today,
        answers={link: sheet.values[link] for link in template.asked if link in sheet.values},
        enabled=tuple(link for link in template.by_id if link in sheet.enabled),
        computed={key: fact for key, fact in sheet.facts.items() if key in others and not isinstance(fact, frozenset)},
        issues=tuple(found[:MAX_ISSUES]),
    )


def _judge(item: Asked, value: Any, today: date, *, is_wrong: bool) -> Iterator[Issue]:
    if value is None:
        if item.required and not is_wrong:
            yield issue("required", item.link_id)
        return
    if isinstance(item, DateItem) and item.past_only and value > today.isoformat():
        yield issue("in_future", item.link_id)
    yield from incomplete(item, value, (item.link_id,))
