"""Questionnaires that others wrote: what comes of them, and what lint then asks for."""

from typing import Any

import pytest

from domain.assessments.instruments import score_instrument
from domain.assessments.items import ChoiceItem, DecimalItem, IntegerItem, RowsItem, ScaleItem, SelectItem, TextItem
from domain.assessments.lint import lint
from domain.assessments.template import Template
from domain.fhir import NotImportable, export_questionnaire, import_questionnaire
from domain.fhir.names import EXTRAS
from tests.domain.assessments.people import TEMPLATES
from tests.domain.fhir.elsewhere import extension, questionnaire

Json = dict[str, Any]


def one_item(**item: Any) -> Any:
    resource = questionnaire() | {"item": [{"linkId": "q", "text": "?", **item}]}
    return import_questionnaire(resource).by_id["q"]


def test_a_questionnaire_becomes_a_template() -> None:
    made = import_questionnaire(questionnaire())
    assert (made.id, made.version, made.title, made.languages) == ("knee-check", "2.1.0", {"en": "Knee check"}, ("en",))
    assert [*made.by_id] == ["q_1", "q_1_1", "q_1_2", "q_1_3", "q_1_4", "q_1_5", "q_2", "q_3"]
    side, swollen, weight = (made.by_id[f"q_1_{number}"] for number in (1, 2, 3))
    assert isinstance(side, ChoiceItem)
    assert [(o.code, o.text["en"]) for o in side.options] == [("7771000", "Left"), ("Right_side", "Right")]
    assert [(c.question, c.answer) for c in swollen.enable_when] == [("q_1_1", "Right_side")]
    assert isinstance(weight, DecimalItem)
    assert (weight.unit, weight.min_value) == ("kg", 20.5)
    rows = made.by_id["q_2"]
    assert isinstance(rows, RowsItem)
    assert [column.link_id for column in rows.columns] == ["q_2_1", "q_2_2"]


def test_lint_says_what_it_needs_to_be_published() -> None:
    found = {(finding.where, finding.code) for finding in lint(import_questionnaire(questionnaire()))}
    feeds = ("pain.0", "age", "sex", "level", "goal", "equipment", "days", "minutes", "conditions")
    assert found == {(f"feeds.{name}", "dangling_reference") for name in feeds}


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_an_export_without_our_extension_is_a_template_without_scores(template: Template) -> None:
    exported = export_questionnaire(template)
    del exported["extension"]
    made = import_questionnaire(exported)
    assert [*made.by_id] == [*template.by_id]
    assert (made.scales, made.computed) == ((), ())
    assert ("feeds.age", "dangling_reference") in {(finding.where, finding.code) for finding in lint(made)}


def test_a_slider_with_both_ends_named_is_a_scale() -> None:
    ends = [
        {"linkId": f"q{code}", "type": "display", "text": code, "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-itemControl",
             "valueCodeableConcept": {"coding": [{"code": code}]}}]}
        for code in ("lower", "upper")
    ]  # fmt: skip
    slider = {"url": ends[0]["extension"][0]["url"], "valueCodeableConcept": {"coding": [{"code": "slider"}]}}
    limits = [extension("minValue", "Integer", 0), extension("maxValue", "Integer", 10)]
    scale = one_item(type="integer", extension=[slider, *limits], item=ends)
    assert isinstance(scale, ScaleItem)
    assert (scale.low, scale.high) == ({"en": "lower"}, {"en": "upper"})
    assert isinstance(one_item(type="integer", extension=[slider, *limits]), IntegerItem)


def test_several_answers_with_one_that_stands_alone() -> None:
    none = {"valueCoding": {"code": "none"}, "extension": [extension("questionnaire-optionExclusive", "Boolean", True)]}
    item = one_item(type="choice", repeats=True, answerOption=[{"valueInteger": 1}, none])
    assert isinstance(item, SelectItem)
    assert [(option.code, option.exclusive) for option in item.options] == [("1", False), ("none", True)]


def test_a_text_without_a_limit_has_our_longest() -> None:
    item = one_item(type="text")
    assert isinstance(item, TextItem)
    assert item.max_length == 4000


@pytest.mark.parametrize("part", ["expansion", "compose"])
def test_options_come_from_a_value_set_inside(part: str) -> None:
    concepts = [
        {"code": "a", "display": "Alpha", "extension": [extension("ordinalValue", "Decimal", 2)]},
        {"code": "b"},
    ]
    listed: Json = {"expansion": {"contains": concepts}, "compose": {"include": [{"concept": concepts}]}}
    value_set = {"resourceType": "ValueSet", "id": "often", part: listed[part]}
    item = {"linkId": "q", "text": "?", "type": "choice", "answerValueSet": "#often"}
    made = import_questionnaire(questionnaire() | {"contained": [value_set], "item": [item]}).by_id["q"]
    assert isinstance(made, ChoiceItem)
    assert [(o.code, o.text["en"], o.weight) for o in made.options] == [("a", "Alpha", 2), ("b", "b", None)]


@pytest.mark.parametrize("place", ["answerOption", "valueCoding"])
@pytest.mark.parametrize("name", ["itemWeight", "ordinalValue"])
def test_the_weight_is_read_by_both_names_in_both_places(name: str, place: str) -> None:
    note = {"extension": [extension(name, "Decimal", 3)]}
    option = {"valueCoding": {"code": "x", **(note if place == "valueCoding" else {})}}
    item = one_item(type="choice", answerOption=[option | (note if place == "answerOption" else {})])
    assert [option.weight for option in item.options] == [3]


def test_translations_are_read() -> None:
    spanish = {"url": "http://hl7.org/fhir/StructureDefinition/translation", "extension": [
        {"url": "lang", "valueCode": "es"}, {"url": "content", "valueString": "¿Qué?"}]}  # fmt: skip
    assert one_item(type="boolean", _text={"extension": [spanish]}).text == {"en": "?", "es": "¿Qué?"}


# HL7's own adaptive example of the PHQ-9 weighs "nearly every day" 4 and totals 13 where the PHQ-9 has 10.


def depression_questions(weights: tuple[int, ...], *names: str) -> Json:
    options = [
        {"valueCoding": {"code": f"LA{n}"}, "extension": [extension(name, "Decimal", weight) for name in names]}
        for n, weight in enumerate(weights)
    ]
    items = [
        {"linkId": f"phq{n}", "text": "?", "type": "choice", "required": True, "answerOption": options}
        for n in range(9)
    ]
    return questionnaire() | {"item": items}


def with_total(resource: Json) -> Template:
    made = import_questionnaire(resource)
    total = {
        "method": "sum", "id": "phq", "label": "PHQ-9", "licence": "public domain", "direction": "higher_worse",
        "of": [f"phq{n}" for n in range(9)], "min": 0, "max": 27,
    }  # fmt: skip
    content = made.model_dump(mode="json", by_alias=True) | {"scales": [total]}
    content["feeds"] |= {
        name: "phq0" for name in content["feeds"] if isinstance(content["feeds"][name], str) and name != "region"
    }
    return Template.model_validate(content | {"feeds": content["feeds"] | {"pain": ["phq0"]}})


def test_a_wrong_weight_is_found_by_lint() -> None:
    wrong = with_total(depression_questions((0, 1, 2, 4), "ordinalValue"))
    right = with_total(depression_questions((0, 1, 2, 3), "ordinalValue"))
    assert ("phq", "range_mismatch") in {(finding.where, finding.code) for finding in lint(wrong)}
    assert "phq" not in {finding.where for finding in lint(right)}
    assert score_instrument("phq9", {"answers": [3, 3, 3, 1, 0, 0, 0, 0, 0]})["score"] == 10


def test_two_different_weights_are_refused() -> None:
    resource = depression_questions((0, 1, 2, 3), "itemWeight", "ordinalValue")
    import_questionnaire(resource)
    resource["item"][0]["answerOption"][3]["extension"][1]["valueDecimal"] = 4
    with pytest.raises(NotImportable) as refused:
        import_questionnaire(resource)
    assert {reason.code for reason in refused.value.reasons} == {"weights_differ"}


def test_our_extension_says_nothing_about_an_item_that_became_another() -> None:
    exported = export_questionnaire(TEMPLATES["low-back-pain"])
    ticks = next(item for item in exported["item"] if item["linkId"] == "rmdq")
    ticks.pop("repeats")
    made = import_questionnaire(exported)
    assert made.by_id["rmdq"].type == "choice"
    assert ("disability_rmdq", "type_mismatch") in {(finding.where, finding.code) for finding in lint(made)}
    assert exported["extension"][0]["url"] == EXTRAS
