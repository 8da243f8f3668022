"""What must hold for every answer set of the shipped templates."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.assessments.completion import check_partial, complete
from domain.assessments.items import (
    BooleanItem,
    ChoiceItem,
    Choosing,
    DateItem,
    DecimalItem,
    Group,
    IntegerItem,
    Item,
    RowsItem,
    ScaleItem,
    SelectItem,
    TextItem,
)
from domain.assessments.results import EXPERIENCE, ProfileIncomplete, changes_between, profile_of, result_of
from domain.assessments.scoring import score
from domain.assessments.template import Template
from domain.safety.rules import LEVELS, REFERRING
from tests.domain.assessments.people import RULES, TEMPLATES, TODAY, Answers, healthy

each_template = pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
SEVERITIES = ("mild", "moderate", "severe")


def values(item: Item) -> st.SearchStrategy[Any]:  # noqa: PLR0911
    """Well-typed answers to one question."""
    match item:
        case BooleanItem():
            return st.booleans()
        case ScaleItem() | IntegerItem():
            return st.integers(int(item.min_value or 0), int(item.max_value or 100))
        case DecimalItem():
            return st.floats(item.min_value or 0, item.max_value or 100)
        case DateItem():
            return st.dates(TODAY.replace(year=1930), TODAY).map(str)
        case SelectItem():
            codes = [option.code for option in item.options if not option.exclusive]
            alone = [[option.code] for option in item.options if option.exclusive]
            return st.sampled_from(alone) | st.lists(st.sampled_from(codes), min_size=1, unique=True)
        case ChoiceItem():
            return st.sampled_from([option.code for option in item.options])
        case RowsItem():
            row = st.fixed_dictionaries({column.link_id: values(column) for column in item.columns})
            return st.lists(row, min_size=3, max_size=5, unique_by=lambda cells: cells["activity"])
        case TextItem():
            return st.sampled_from(["Walking", "Lifting", "Running", "Reaching", "Sitting", "Sleeping"])
    raise AssertionError(item)


@st.composite
def people(draw: st.DrawFn, template: Template) -> Answers:
    """Anyone: a healthy person with some questions answered otherwise."""
    others = draw(st.sets(st.sampled_from(sorted(template.asked)), max_size=8))
    return healthy(template) | {link: draw(values(template.asked[link])) for link in sorted(others)}


def _hidden(template: Template, answers: Answers) -> set[str]:
    return {*template.asked} - {*complete(template, answers, TODAY).enabled}


@each_template
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_hidden_answers_change_nothing(template: Template, data: st.DataObject) -> None:
    answers = data.draw(people(template))
    before = complete(template, answers, TODAY)
    noise = {link: data.draw(values(template.asked[link])) for link in sorted(_hidden(template, answers))}
    after = complete(template, {**answers, **noise}, TODAY)
    assert after == before
    assert result_of(template, after, RULES) == result_of(template, before, RULES)


def _reversed(item: Item) -> Item:
    if isinstance(item, Group):
        return item.model_copy(update={"items": tuple(_reversed(inner) for inner in item.items[::-1])})
    return item.model_copy(update={"options": item.options[::-1]}) if isinstance(item, Choosing) else item


@each_template
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_order_of_options_and_items_changes_nothing(template: Template, data: st.DataObject) -> None:
    answers = data.draw(people(template))
    copy = template.model_copy(update={"items": tuple(map(_reversed, template.items[::-1]))})
    turned = Template.model_validate(copy.model_dump(by_alias=True))
    assert [*turned.by_id] != [*template.by_id]
    given_order, other_order = complete(template, answers, TODAY), complete(turned, answers, TODAY)
    assert other_order.answers == given_order.answers
    assert score(turned, other_order) == score(template, given_order)
    assert result_of(turned, other_order, RULES).screening == result_of(template, given_order, RULES).screening


@each_template
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_order_of_answers_changes_nothing(template: Template, data: st.DataObject) -> None:
    answers = data.draw(people(template))
    shuffled = dict(data.draw(st.permutations(list(answers.items()))))
    for link, value in answers.items():
        if isinstance(template.asked[link], SelectItem):
            shuffled[link] = data.draw(st.permutations(value))
    first, second = complete(template, answers, TODAY), complete(template, shuffled, TODAY)
    assert result_of(template, first, RULES) == result_of(template, second, RULES)


@each_template
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_more_pain_is_never_milder_nor_more_work(template: Template, data: st.DataObject) -> None:
    answers = data.draw(people(template))
    link = data.draw(st.sampled_from(template.feeds.pain))
    less, more = sorted(data.draw(st.tuples(st.integers(0, 10), st.integers(0, 10))))
    done = [complete(template, answers | {link: pain}, TODAY) for pain in (less, more)]
    low, high = (result_of(template, each, RULES) for each in done)
    assert SEVERITIES.index(low.screening.severity) <= SEVERITIES.index(high.screening.severity)
    assert low.screening.level_cap >= high.screening.level_cap
    assert _gravity(low.screening.outcome) <= _gravity(high.screening.outcome)
    if less > 0:  # at 0 the questions on where and how long it hurts are not asked
        assert {*low.screening.conditions} <= {*high.screening.conditions}
    try:
        levels = [profile_of(template, each, result).level for each, result in zip(done, (low, high), strict=True)]
    except ProfileIncomplete:
        return
    assert EXPERIENCE.index(levels[0]) >= EXPERIENCE.index(levels[1])


def _gravity(outcome: str) -> int:
    return ("clear", "modify", "referral").index(outcome)


@each_template
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_another_sign_never_makes_it_safer(template: Template, data: st.DataObject) -> None:
    answers = data.draw(people(template))
    flags = sorted(link for link in template.asked if link.startswith("rf_") and link != "rf_pregnancy_ok")
    flag = data.draw(st.sampled_from(flags))
    safe, unsafe = (
        result_of(template, complete(template, answers | {flag: value}, TODAY), RULES).screening
        for value in ("no", "yes")
    )
    assert _gravity(safe.outcome) <= _gravity(unsafe.outcome)
    assert {*safe.flags} <= {*unsafe.flags}
    assert {*safe.conditions} <= {*unsafe.conditions}


@each_template
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_referral_and_profile_exclude_each_other(template: Template, data: st.DataObject) -> None:
    answers = data.draw(people(template))
    done = complete(template, answers, TODAY)
    result = result_of(template, done, RULES)
    referring = result.screening.level in REFERRING
    assert (result.screening.outcome == "referral") == referring
    assert result.screening.level is None or result.screening.level in LEVELS
    if done.issues or referring:
        return
    profile = profile_of(template, done, result)
    assert profile.age >= 18
    assert {*result.screening.conditions} == profile.conditions


@each_template
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_scores_stay_in_their_range_and_have_a_band(template: Template, data: st.DataObject) -> None:
    done = complete(template, data.draw(people(template)), TODAY)
    bands = {scale.id for scale in template.scales if getattr(scale, "bands", ())}
    for scale in score(template, done):
        if scale.value is not None and scale.min is not None and scale.max is not None:
            assert scale.min <= scale.value <= scale.max
            assert scale.band is not None or scale.id not in bands


@each_template
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_well_typed_answers_pass_and_complete_is_idempotent(template: Template, data: st.DataObject) -> None:
    answers = data.draw(people(template))
    assert check_partial(template, answers) == []
    done = complete(template, answers, TODAY)
    assert complete(template, done.answers, TODAY) == done


@each_template
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_stored_results_compare(template: Template, data: st.DataObject) -> None:
    results = [
        result_of(template, complete(template, data.draw(people(template)), TODAY), RULES).model_dump(mode="json")
        for _ in range(2)
    ]
    changes = changes_between(*results)
    for scale in results[1]["scores"]:
        if scale["id"] in changes and changes[scale["id"]]["improved"] is not None:
            rose = changes[scale["id"]]["change"] > 0
            assert changes[scale["id"]]["improved"] == (rose == (scale["direction"] == "higher_better"))
    assert all(change["change"] == 0 for change in changes_between(results[0], results[0]).values())
