"""Everything an import refuses, one by one, at its place; and that nothing else is ever raised."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.fhir import NotExportable, NotImportable, Reason, export_questionnaire, import_questionnaire
from domain.fhir.names import EXTRAS, REFUSED_EXTENSIONS
from domain.fhir.reasons import MESSAGES
from tests.domain.assessments.people import TEMPLATES
from tests.domain.fhir.elsewhere import CORE, SDC, extension, questionnaire

Json = dict[str, Any]
EXPORT_ONLY = {"circle", "not_expressible", "not_complete", "wrong_template"}


def reasons_of(resource: object) -> list[tuple[str, str]]:
    with pytest.raises(NotImportable) as refused:
        import_questionnaire(resource)
    for reason in refused.value.reasons:
        assert reason.message.startswith(MESSAGES[reason.code])
    return [(reason.pointer, reason.code) for reason in refused.value.reasons]


def root(**fields: Any) -> Json:
    return {name: value for name, value in (questionnaire() | fields).items() if value is not ...}


def item(**fields: Any) -> Json:
    """With one more item, at /item/3; an Ellipsis takes a field away."""
    added = {"linkId": "new", "text": "?", "type": "boolean", **fields}
    resource = questionnaire()
    resource["item"].append({name: value for name, value in added.items() if value is not ...})
    return resource


def note(name: str, kind: str, value: Any, **fields: Any) -> Json:
    return item(extension=[extension(name, kind, value)], **fields)


def choice(*options: Json, **fields: Any) -> Json:
    return item(type="choice", answerOption=list(options), **fields)


def when(question: str = "1.2", **answer: Any) -> Json:
    return item(enableWhen=[{"question": question, "operator": "=", **answer}])


def in_value_set(*concepts: Json) -> Json:
    value_set = {"resourceType": "ValueSet", "id": "vs", "expansion": {"contains": list(concepts)}}
    return item(type="choice", answerValueSet="#vs") | {"contained": [value_set]}


def code(value: str) -> Json:
    return {"valueCoding": {"code": value}}


def nested(levels: int) -> Json:
    resource = item(type="group", item=[{"linkId": "deepest", "text": "?", "type": "boolean"}])
    for number in range(levels):
        resource["item"][3] = {"linkId": f"n{number}", "text": "?", "type": "group", "item": [resource["item"][3]]}
    return resource


WEIGHTS = [extension("itemWeight", "Decimal", 1), extension("ordinalValue", "Decimal", 2)]
SPANISH = {"url": f"{CORE}/translation", "extension": [{"url": "lang", "valueCode": "es"}]}
GERMAN = {
    "url": SPANISH["url"],
    "extension": [{"url": "lang", "valueCode": "de"}, {"url": "content", "valueString": "Was?"}],
}
MANY = [{"linkId": f"m{number}", "text": "?", "type": "boolean"} for number in range(1001)]
YEAR = {"linkId": "y", "text": "?", "type": "integer"}
REFUSED: list[tuple[str, str, Json]] = [
    ("not_a_questionnaire", "", {"resourceType": "ValueSet"}),
    ("too_big", "", nested(40)),
    ("too_big", "/item/1000", root(item=MANY)),
    ("malformed", "/title", root(title=3)),
    ("malformed", "/item/3", item(linkId=...)),
    ("malformed", "", root(date=float("nan"))),
    ("malformed", "", root(date=10**30)),
    ("malformed", "/item/3/extension/0", note("minValue", "Quantity", {"value": 1}, type="integer")),
    ("malformed", "/item/3/extension/1", item(type="integer", extension=[extension("minValue", "Integer", 1)] * 2)),
    ("unknown_field", "/item/3/disabledDisplay", item(disabledDisplay="hidden")),
    ("modifier_extension", "/item/3/modifierExtension", item(modifierExtension=[{"url": "x"}])),
    ("implicit_rules", "/implicitRules", root(implicitRules="https://clinic.example/rules")),
    ("contained", "/contained/0", root(contained=[{"resourceType": "Patient", "id": "p"}])),
    ("subject_type", "/subjectType", root(subjectType=["Device"])),
    ("name_missing", "", root(url=..., name=..., id=...)),
    ("title_missing", "", root(title=..., name=...)),
    ("version", "/version", root(version="2026-03-01")),
    ("language", "/language", root(language="english")),
    ("translation", "/item/3/_text/extension/0", item(_text={"extension": [SPANISH]})),
    ("translation", "/item/3/_text/extension/1", item(_text={"extension": [GERMAN, GERMAN]})),
    ("text_missing", "/item/3", item(text=...)),
    ("unknown_type", "/item/3/type", item(type="attachment")),
    ("duplicate_link_id", "/item/3/linkId", item(linkId="1 1")),
    ("enable_when_expression", "/item/3/extension/0", note(f"{SDC}/sdc-questionnaire-enableWhenExpression", "Expression", {})),
    ("initial_expression", "/item/3/extension/0", note(f"{SDC}/sdc-questionnaire-initialExpression", "Expression", {})),
    ("calculated_expression", "/item/3/extension/0", note(f"{SDC}/sdc-questionnaire-calculatedExpression", "Expression", {})),
    ("answer_expression", "/item/3/extension/0", note(f"{SDC}/sdc-questionnaire-answerExpression", "Expression", {})),
    ("constraint", "/item/3/extension/0", note("questionnaire-constraint", "String", "x")),
    ("sub_questionnaire", "/item/3/extension/0", note(f"{SDC}/sdc-questionnaire-subQuestionnaire", "Canonical", "x")),
    ("adaptive", "/extension/0", root(extension=[extension(f"{SDC}/sdc-questionnaire-questionnaireAdaptive", "Boolean", True)])),
    ("media", "/item/3/extension/0", note(f"{SDC}/sdc-questionnaire-itemMedia", "Attachment", {})),
    ("hidden", "/item/3/extension/0", note("questionnaire-hidden", "Boolean", True)),
    ("min_length", "/item/3/extension/0", note("minLength", "Integer", 3, type="string")),
    ("decimal_places", "/item/3/extension/0", note("maxDecimalPlaces", "Integer", 1, type="decimal")),
    ("quantity_range", "/item/3/extension/0", note(f"{SDC}/sdc-questionnaire-minQuantity", "Quantity", {}, type="decimal")),
    ("unit_choice", "/item/3", item(type="quantity")),
    ("initial_value", "/item/3/initial", item(initial=[{"valueBoolean": True}])),
    ("initial_value", "/item/3/answerOption/0/initialSelected", choice(code("x") | {"initialSelected": True})),
    ("nested_question", "/item/3/item/0", item(item=[{"linkId": "in", "text": "?", "type": "boolean"}])),
    ("repeats", "/item/3/repeats", item(repeats=True)),
    ("required_group", "/item/3/required", item(type="group", required=True, item=[YEAR])),
    ("group_empty", "/item/3", item(type="group")),
    ("row_content", "/item/3/item/0", item(type="group", repeats=True, item=[{"linkId": "d", "text": "?", "type": "display"}])),
    ("options_missing", "/item/3", item(type="choice")),
    ("options_not_here", "/item/3", item(answerOption=[code("x")])),
    ("option_type", "/item/3/answerOption/0/valueDate", choice({"valueDate": "2026-01-01"})),
    ("duplicate_option", "/item/3/answerOption/1", choice(code("a b"), code("a_b"))),
    ("weights_differ", "/item/3/answerOption/0/extension/1", choice(code("x") | {"extension": WEIGHTS})),
    ("value_set", "/item/3/answerValueSet", item(type="choice", answerValueSet="https://clinic.example/vs")),
    ("value_set", "/contained/0/expansion/contains/0", in_value_set({"code": "a", "contains": [{"code": "b"}]})),
    ("value_set", "/contained/0", in_value_set()),
    ("max_length", "/item/3/maxLength", item(type="string", maxLength=5000)),
    ("misplaced", "/item/3/extension/0", note("regex", "String", "[a-z]", type="integer")),
    ("slider_step", "/item/3", note("questionnaire-sliderStepValue", "Integer", 5, type="integer")),
    ("condition_answer", "/item/3/enableWhen/0/answerTime", when(answerTime="08:00:00")),
    ("condition_unit", "/item/3/enableWhen/0/answerQuantity", when("1.3", answerQuantity={"value": 70, "code": "g"})),
    ("enable_behavior", "/item/3", item(enableWhen=[{"question": "1.2", "operator": "exists", "answerBoolean": True}] * 2)),
    ("unanswered_differs", "/item/3/enableWhen", item(enableBehavior="all", enableWhen=[
        {"question": "1.2", "operator": "!=", "answerBoolean": True},
        {"question": "1.4", "operator": "exists", "answerBoolean": True}])),
    ("extras", "/extension/0/valueString", root(extension=[extension(EXTRAS, "String", '{"format": 2}')])),
    ("invalid", "/item/3", note("regex", "String", "(a+)+", type="string", maxLength=20)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "pointer", "resource"), REFUSED, ids=lambda part: part if isinstance(part, str) else ""
)
def test_each_refusal_says_where_and_why(name: str, pointer: str, resource: Json) -> None:
    assert reasons_of(resource) == [(pointer, name)]


def test_every_code_has_a_refusal_of_its_own() -> None:
    assert {name for name, _, _ in REFUSED} == MESSAGES.keys() - EXPORT_ONLY


@pytest.mark.parametrize("url", REFUSED_EXTENSIONS)
def test_extensions_that_change_the_meaning_are_refused_wherever_they_stand(url: str) -> None:
    assert reasons_of(choice(code("x") | {"extension": [{"url": url}]})) == [
        ("/item/3/answerOption/0/extension/0", REFUSED_EXTENSIONS[url])
    ]


def test_all_reasons_are_told_at_once() -> None:
    resource = item(type="url", initial=[{}], modifierExtension=[{}])
    assert {code for _, code in reasons_of(resource)} == {"unknown_type", "initial_value", "modifier_extension"}


def test_no_more_than_a_hundred_are_told() -> None:
    resource = root(item=[{"linkId": f"i{number}", "text": "?", "type": "time"} for number in range(300)])
    assert len(reasons_of(resource)) == 100


@pytest.mark.parametrize(
    "resource", [None, 3, "x", [], {}, {"resourceType": ["Questionnaire"]}, {"resourceType": "Questionnaire"}, object()]
)
def test_what_is_no_questionnaire_is_refused(resource: object) -> None:
    assert reasons_of(resource)


def test_a_reference_that_goes_round_is_refused() -> None:
    resource = questionnaire()
    resource["item"][0]["item"].append(resource["item"][0])
    assert reasons_of(resource) == [("", "too_big")]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(
    ["group", "choice", "integer", "display", "string", "date", "quantity", "all", "any", "=", "!=", "exists", "en", "1.2", "#vs"]
)  # fmt: skip
NAMES = st.sampled_from(sorted({
    "resourceType", "item", "linkId", "text", "type", "enableWhen", "enableBehavior", "question", "operator", "answerCoding",
    "answerBoolean", "answerQuantity", "answerOption", "valueCoding", "valueString", "valueInteger", "valueDecimal", "extension",
    "url", "contained", "language", "code", "display", "repeats", "required", "_text", "version", "title", "maxLength", "id",
    "readOnly", "initial", "expansion", "contains", "compose", "include", "concept", "subjectType", "answerValueSet", "coding",
}))  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)


def attempted(resource: object) -> None:
    found: list[Reason] = []
    try:
        made = import_questionnaire(resource)
    except NotImportable as error:
        found = error.reasons
    else:
        with suppress(NotExportable):
            export_questionnaire(made)
        return
    assert 1 <= len(found) <= 100


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_any_json_is_imported_or_refused(resource: object) -> None:
    attempted(resource)
    attempted({"resourceType": "Questionnaire", "title": "T", "name": "N", "item": [resource]})


def places(value: Any, found: list[Callable[[Any], None]]) -> list[Callable[[Any], None]]:
    """A setter for every place in the resource."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found.append(lambda new, value=value, key=key: value.__setitem__(key, new))
        if isinstance(inner, dict | list):
            places(inner, found)
    return found


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_questionnaire_with_anything_anywhere_is_imported_or_refused(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from(("foreign", "ours")))
    resource = questionnaire() if base == "foreign" else json.loads(OURS)
    setters = places(resource, [])
    for _ in range(data.draw(st.integers(1, 2))):
        setters[data.draw(st.integers(0, len(setters) - 1))](data.draw(JSON))
    attempted(resource)


OURS = json.dumps(export_questionnaire(TEMPLATES["general-fitness"]))


def test_the_page_lists_every_refusal() -> None:
    page = (Path(__file__).parents[3] / "docs" / "fhir.md").read_text()
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    listed = {first.strip().strip("`"): rest.strip() for first, rest in rows}
    assert {name: listed.get(name) for name in MESSAGES} == MESSAGES
