"""The shipped templates are clean, complete, and speak the vocabulary of the exercise library."""

from typing import get_args

import pytest

from domain.assessments.completion import complete
from domain.assessments.instrument_rules import NPRS
from domain.assessments.items import SelectItem
from domain.assessments.lint import lint
from domain.assessments.results import profile_of, result_of
from domain.assessments.scales import Arithmetic
from domain.assessments.template import Template
from domain.programs.vocabulary import Equipment, Region
from domain.safety.lint import lint_safety
from infra.content import load_library
from tests.domain.assessments.people import RULES, TEMPLATES, TODAY, healthy

each_template = pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)


def test_every_region_has_a_template() -> None:
    assert {template.feeds.region for template in TEMPLATES.values()} == set(get_args(Region))


@each_template
def test_lint_finds_nothing(template: Template) -> None:
    assert [*lint(template), *lint_safety(template, RULES)] == []


@each_template
def test_json_is_the_whole_template(template: Template) -> None:
    again = Template.model_validate_json(template.model_dump_json(by_alias=True))
    assert again == template
    assert again.content_hash == template.content_hash


@each_template
def test_a_complete_answer_set_gives_a_profile(template: Template) -> None:
    done = complete(template, healthy(template), TODAY)
    assert done.issues == ()
    result = result_of(template, done, RULES)
    profile = profile_of(template, done, result)
    assert (profile.region, profile.pain, profile.age, profile.minutes) == (
        template.feeds.region, result.screening.pain, 40, 45,
    )  # fmt: skip
    assert profile.equipment == {"chair", "wall", "band"}


@each_template
def test_every_condition_that_can_arise_has_a_rule(template: Template) -> None:
    known = load_library().conditions.keys()
    item = template.asked[template.feeds.conditions]
    assert isinstance(item, SelectItem)
    ticked = {option.code for option in item.options if not option.exclusive}
    ladder = {name for steps in RULES.pain_gate.conditions.values() for name in steps.values()}
    brought = {flag.rule for flag in RULES.items if flag.rule}
    assert ticked | ladder | brought | {"pregnancy_t1", "cardiac_cleared", "falls_risk"} <= known


@each_template
def test_all_equipment_can_be_chosen(template: Template) -> None:
    item = template.asked[template.feeds.equipment]
    assert isinstance(item, SelectItem)
    assert {option.code for option in item.options} == {*get_args(Equipment), "none"}


@each_template
def test_pain_is_scored_as_the_instrument_is(template: Template) -> None:
    scale = next(scale for scale in template.scales if scale.id == "pain_now")
    assert isinstance(scale, Arithmetic)
    assert [band.code for band in scale.bands] == [band.code for band in NPRS.bands]
    for value in range(11):
        assert [b.holds(value) for b in scale.bands] == [b.holds(value) for b in NPRS.bands]
    assert scale.minimal_change is not None
    assert NPRS.minimal_change is not None
    assert (scale.minimal_change.absolute, scale.minimal_change.relative) == (
        NPRS.minimal_change.absolute, NPRS.minimal_change.relative,
    )  # fmt: skip
