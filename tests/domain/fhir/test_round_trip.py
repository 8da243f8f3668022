"""Out and in again gives an equal template, and in between FHIR says what the template means."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from domain.assessments.completion import complete
from domain.assessments.template import Template
from domain.fhir import NotExportable, NotImportable, export_questionnaire, import_questionnaire
from tests.domain.assessments.making import item, template, when
from tests.domain.assessments.people import TEMPLATES
from tests.domain.fhir.drawing import CODES, SOURCES, conditional, conditions, sources, templates
from tests.domain.fhir.meaning import shown

Json = dict[str, Any]
each_template = pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
slow_to_draw = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def over_the_wire(made: Template) -> Json:
    exported: Json = json.loads(json.dumps(export_questionnaire(made)))
    return exported


@each_template
def test_a_shipped_template_comes_back_as_it_was(template: Template) -> None:
    again = import_questionnaire(over_the_wire(template))
    assert again == template
    assert again.content_hash == template.content_hash


@slow_to_draw
@given(templates())
def test_any_template_comes_back_as_it_was(made: Template) -> None:
    try:
        exported = over_the_wire(made)
    except NotExportable:
        assume(False)
    again = import_questionnaire(exported)
    assert again == made
    assert again.content_hash == made.content_hash
    assert over_the_wire(again) == exported


answered = st.fixed_dictionaries(
    {}, optional={link: st.sampled_from(values) for link, (_, values) in SOURCES.items() if link != "s_many"}
)
several = st.lists(st.sampled_from(CODES), unique=True)


@settings(max_examples=80, deadline=None)
@given(st.lists(conditional(), min_size=1, max_size=3), st.lists(answered, min_size=3, max_size=3), several)
def test_enable_when_means_the_same_in_fhir(drawn: list[Json], people: list[Json], many: list[str]) -> None:
    dependent = [item("boolean", f"i{number}", **rest) for number, rest in enumerate(drawn)]
    made = template(*sources(), *dependent)
    try:
        exported = over_the_wire(made)
    except NotExportable:
        assume(False)
    for answers in people:
        given_answers = answers | ({"s_many": many} if many else {})
        lists = {link: value if isinstance(value, list) else [value] for link, value in given_answers.items()}
        here = {*complete(made, given_answers, date(2026, 1, 1)).enabled}
        assert here & {*made.asked} == shown(exported, lists) & {*made.asked}


@st.composite
def foreign(draw: st.DrawFn) -> Json:
    """A Questionnaire that no template has been: plain comparisons, `!=` without a thought for the unanswered."""
    single = conditions().filter(lambda condition: not isinstance(condition["answer"], list))
    exported = over_the_wire(template(*sources()))
    del exported["extension"]
    for number in range(draw(st.integers(1, 3))):
        plain = draw(st.lists(single, min_size=1, max_size=3))
        written = [written_plainly(condition) for condition in plain]
        behavior = {"enableBehavior": draw(st.sampled_from(("all", "any")))} if len(written) > 1 else {}
        extra = {"linkId": f"i{number}", "text": "?", "type": "boolean", "enableWhen": written, **behavior}
        exported["item"].append(extra)
    return exported


def written_plainly(condition: Json) -> Json:
    value, coded = condition["answer"], condition["question"] in ("s_choice", "s_many")
    kinds = {
        bool: "Boolean",
        int: "Integer",
        float: "Decimal",
        str: "Date" if condition["question"] == "s_date" else "String",
    }
    field = (
        {"answerCoding": {"code": value}}
        if coded and isinstance(value, str)
        else {f"answer{kinds[type(value)]}": value}
    )
    return {"question": condition["question"], "operator": condition["operator"], **field}


@settings(max_examples=80, deadline=None)
@given(foreign(), st.lists(answered, min_size=3, max_size=3), several)
def test_a_questionnaire_from_elsewhere_means_the_same_here(
    resource: Json, people: list[Json], many: list[str]
) -> None:
    refused: set[str] = set()
    try:
        made = import_questionnaire(resource)
    except NotImportable as error:
        refused = {reason.code for reason in error.reasons}
    if refused:
        assert refused == {"unanswered_differs"}
        return
    for answers in people:
        given_answers = answers | ({"s_many": many} if many else {})
        lists = {link: value if isinstance(value, list) else [value] for link, value in given_answers.items()}
        here = {*complete(made, given_answers, date(2026, 1, 1)).enabled}
        assert here & {*made.asked} == shown(resource, lists) & {*made.asked}


def test_two_sets_need_a_group_around_the_item() -> None:
    both = [when("s_choice", "=", ["x", "y"]), when("s_many", "=", ["x", "z"])]
    made = template(*sources(), item("boolean", "last", enableWhen=both))
    exported = over_the_wire(made)
    around = exported["item"][len(SOURCES)]
    assert (around["linkId"], around["type"], around["enableBehavior"]) == ("last.when1", "group", "any")
    assert [inner["linkId"] for inner in around["item"]] == ["last"]
    assert import_questionnaire(exported) == made


@pytest.mark.parametrize(
    ("question", "refused", "answers"),
    [
        ("s_choice", "y", [{"code": "x"}, {"code": "z"}]),
        ("s_choice", ["x", "y"], [{"code": "z"}]),
        ("s_bool", True, [False]),
    ],
)
def test_not_this_answer_or_else_is_any_of_the_others(question: str, refused: Any, answers: list[Any]) -> None:
    either = [when(question, "!=", refused), when("s_text", "=", "a")]
    made = template(*sources(), item("boolean", "last", enableWhen=either, enableBehavior="any"))
    written = over_the_wire(made)["item"][len(SOURCES)]
    others = [entry for entry in written["enableWhen"] if entry["question"] == question]
    assert written["enableBehavior"] == "any"
    assert [entry.get("answerCoding", entry.get("answerBoolean")) for entry in others] == answers
    assert {entry["operator"] for entry in others} == {"="}


def test_groups_changed_in_fhir_are_not_taken_for_ours() -> None:
    both = [when("s_choice", "=", ["x", "y"]), when("s_many", "=", ["x", "z"])]
    exported = over_the_wire(template(*sources(), item("boolean", "last", enableWhen=both)))
    around = exported["item"][len(SOURCES)]
    around["enableWhen"][1]["answerCoding"]["code"] = "z"
    around["text"] = "Only when"
    again = import_questionnaire(exported)
    assert again.parents["last"] == "last_when1"
    assert [c.answer for c in again.by_id["last_when1"].enable_when] == ["x", "z"]


def test_the_first_language_is_that_of_the_resource() -> None:
    made = template(title={"en": "Knee", "es": "Rodilla"}, languages=["es", "en"])
    exported = over_the_wire(made)
    assert (exported["language"], exported["title"]) == ("es", "Rodilla")


def test_conditions_changed_in_fhir_are_the_ones_that_count() -> None:
    made = template(*sources(), item("boolean", "last", enableWhen=[when("s_choice", "=", ["x", "y"])]))
    exported = over_the_wire(made)
    exported["item"][len(SOURCES)]["enableWhen"][1]["answerCoding"]["code"] = "z"
    again = import_questionnaire(exported).by_id["last"]
    assert [(c.question, c.answer) for c in again.enable_when] == [("s_choice", "x"), ("s_choice", "z")]
    assert again.enable_behavior == "any"


def test_a_mix_that_fhir_cannot_say_is_refused() -> None:
    mix = [when("s_many", "!=", ["x", "y"]), when("s_bool", "=", True)]
    with pytest.raises(NotExportable) as refused:
        export_questionnaire(template(*sources(), item("boolean", "last", enableWhen=mix, enableBehavior="any")))
    assert [(reason.pointer, reason.code) for reason in refused.value.reasons] == [("last", "not_expressible")]


def test_what_decides_itself_is_refused() -> None:
    made = template(scales=[{"id": "s", "label": "x", "method": "category", "of": "s"}])
    with pytest.raises(NotExportable) as refused:
        export_questionnaire(made)
    assert [(reason.pointer, reason.code) for reason in refused.value.reasons] == [("", "circle")]


def test_both_names_of_the_weight_are_written() -> None:
    made = template(item("choice", "q", options=[{"code": "x", "text": "x", "weight": 2.5}]))
    [note, older] = over_the_wire(made)["item"][0]["answerOption"][0]["extension"]
    assert (note["url"].rpartition("/")[2], older["url"].rpartition("/")[2]) == ("itemWeight", "ordinalValue")
    assert (note["valueDecimal"], older["valueDecimal"]) == (2.5, 2.5)


def test_computed_values_and_scales_are_read_only_items() -> None:
    exported = over_the_wire(TEMPLATES["general-fitness"])
    derived = {entry["linkId"]: entry["type"] for entry in exported["item"] if entry.get("readOnly")}
    assert derived == {
        "age": "integer", "bmi": "decimal", "pain_now": "decimal", "activity_clearance": "choice", "chair_stand": "choice",
    }  # fmt: skip
