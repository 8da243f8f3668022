"""A submitted assessment as a QuestionnaireResponse."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.assessments.completion import complete
from domain.assessments.template import Template
from domain.fhir import NotExportable, export_questionnaire, export_response
from tests.domain.assessments.making import FED, item, template, when
from tests.domain.assessments.people import TEMPLATES, TODAY, healthy

Json = dict[str, Any]
WHEN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
each_template = pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)


def response(made: Template, answers: Json) -> Json:
    done = complete(made, answers, TODAY)
    return export_response(made, done, response_id="r1", subject="Patient/1", author="Patient/1", authored=WHEN)


def flat(items: list[Json]) -> dict[str, list[Json]]:
    """Answers by linkId, those of rows one after the other."""
    found: dict[str, list[Json]] = {}
    for entry in items:
        if "answer" in entry:
            found.setdefault(entry["linkId"], []).extend(entry["answer"])
        for link, answers in flat(entry.get("item", [])).items():
            found.setdefault(link, []).extend(answers)
    return found


def paths(items: list[Json], above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    own = {(*above, entry["linkId"]) for entry in items}
    return own.union(*(paths(entry.get("item", []), (*above, entry["linkId"])) for entry in items))


def test_it_says_whose_answers_to_what() -> None:
    found = response(TEMPLATES["low-back-pain"], healthy(TEMPLATES["low-back-pain"]))
    assert {name: found[name] for name in ("resourceType", "id", "questionnaire", "status", "authored", "subject", "author")} == {
        "resourceType": "QuestionnaireResponse",
        "id": "r1",
        "questionnaire": "https://ffp.example/fhir/Questionnaire/low-back-pain|1.0.0",
        "status": "completed",
        "authored": "2026-03-01T09:30:00+00:00",
        "subject": {"reference": "Patient/1"},
        "author": {"reference": "Patient/1"},
    }  # fmt: skip


@each_template
def test_items_nest_as_in_the_questionnaire(template: Template) -> None:
    found = response(template, healthy(template, nprs_now=5))
    assert paths(found["item"]) <= paths(export_questionnaire(template)["item"])


@each_template
def test_every_answer_is_there_and_nothing_hidden(template: Template) -> None:
    done = complete(template, healthy(template), TODAY)
    found = flat(response(template, healthy(template))["item"])
    rows = {link.partition(".")[0] for link in found if "." in link}
    derived = {part.id for part in (*template.computed, *template.scales)}
    assert ({link for link in found if "." not in link} - derived) | rows == {*done.answers}


def test_answers_have_the_type_of_their_question() -> None:
    found = flat(response(TEMPLATES["low-back-pain"], healthy(TEMPLATES["low-back-pain"]))["item"])
    assert found["date_of_birth"] == [{"valueDate": "1986-02-01"}]
    assert found["nprs_now"] == [{"valueInteger": 2}]
    assert found["sex"] == [{"valueCoding": {"code": "female", "display": "Female"}}]
    assert [answer["valueCoding"]["code"] for answer in found["rmdq"]] == ["1", "5", "8", "11", "21"]
    assert [answer["valueString"] for answer in found["psfs.activity"]] == ["Gardening", "Running", "Lifting"]
    assert [answer["valueInteger"] for answer in found["psfs.score"]] == [3, 4, 5]
    assert (found["age"], found["disability_rmdq"]) == ([{"valueInteger": 40}], [{"valueDecimal": 5}])


def test_a_code_that_a_scale_gives_has_its_words() -> None:
    found = flat(
        response(TEMPLATES["general-fitness"], healthy(TEMPLATES["general-fitness"], height=170, weight=65))["item"]
    )
    assert found["bmi"] == [{"valueDecimal": 22.5}]
    assert found["activity_clearance"] == [{"valueCoding": {"code": "not_required", "display": "not_required"}}]
    assert "chair_stand" not in found


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("boolean", False, {"valueBoolean": False}),
        ("decimal", 2, {"valueDecimal": 2}),
        ("text", "words", {"valueString": "words"}),
        ("open-choice", "x", {"valueCoding": {"code": "x", "display": "Text"}}),
        ("open-choice", "own words", {"valueString": "own words"}),
    ],
)
def test_each_type(kind: str, value: Any, expected: Json) -> None:
    found = flat(response(template(item(kind, "q")), FED | {"q": value})["item"])
    assert found["q"] == [expected]


def test_an_answer_inside_a_group_that_fhir_needs_for_its_conditions() -> None:
    sets = [when("a", "=", ["x", "y"]), when("b", "=", ["x", "y"])]
    made = template(item("choice", "a"), item("choice", "b"), item("boolean", "q", enableWhen=sets))
    found = response(made, FED | {"a": "x", "b": "y", "q": True})
    assert ("q.when1", "q.when2", "q") in paths(found["item"]) or ("q.when1", "q") in paths(found["item"])


def test_what_lacks_an_answer_is_not_completed() -> None:
    made = TEMPLATES["low-back-pain"]
    with pytest.raises(NotExportable) as refused:
        response(made, healthy(made, goal=None))
    assert [(reason.pointer, reason.code) for reason in refused.value.reasons] == [("/answers/goal", "not_complete")]


def test_answers_to_another_version_are_refused() -> None:
    made = TEMPLATES["low-back-pain"]
    done = complete(made.model_copy(update={"version": "1.0.1"}), healthy(made), TODAY)
    other = done.model_copy(update={"template_hash": "0" * 64})
    with pytest.raises(NotExportable) as refused:
        export_response(made, other, response_id="r1", subject="Patient/1", authored=WHEN)
    assert [reason.code for reason in refused.value.reasons] == ["wrong_template"]
