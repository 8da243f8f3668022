"""What is shown: the enable_when vectors, and the rules they illustrate."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from domain.assessments.completion import complete
from domain.assessments.lint import lint
from domain.assessments.scoring import score
from tests.domain.assessments.making import FED, TEXT, band, item, template, total, when

TODAY = date(2026, 3, 1)
VECTORS = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent.parent / "vectors" / "enable_when.json").read_text())["vectors"]
}


def _conditions(given: list[list[Any]]) -> list[dict[str, Any]]:
    return [when(question, operator, answer) for question, operator, answer in given]


@pytest.mark.parametrize("name", ["ew-01", "ew-03", "ew-05", "ew-06"])
def test_an_item_is_shown_when_its_conditions_are_met(name: str) -> None:
    vector = VECTORS[name]
    conditions = _conditions(vector["item"]["enableWhen"])
    behavior = vector["item"].get("behavior", "all")
    made = template(
        item("integer", "a"), item("integer", "b"), item("text", "q", enableWhen=conditions, enableBehavior=behavior)
    )
    assert ("q" in complete(made, FED | vector["answers"], TODAY).enabled) == vector["enabled"]


def test_any_needs_one_condition() -> None:
    conditions = [when("a", "=", 1), when("b", "=", 1)]
    made = template(
        item("integer", "a"), item("integer", "b"), item("text", "q", enableWhen=conditions, enableBehavior="any")
    )
    assert "q" in complete(made, {"a": 1, "b": 0}, TODAY).enabled


def test_a_disabled_source_counts_as_unanswered_all_the_way() -> None:
    vector = VECTORS["ew-08"]
    made = template(
        item("integer", "a"),
        item("integer", "b", enableWhen=[when("a", "=", 1)]),
        item("integer", "c", enableWhen=[when("b", "=", 1)]),
    )
    done = complete(made, vector["answers"], TODAY)
    assert {name: name in done.enabled for name in ("b", "c")} == vector["enabled"]
    assert done.answers == vector["stored_answers_after_submit"]


def test_a_disabled_group_hides_everything_in_it() -> None:
    inner = item("group", "inner", items=[item("integer", "deep", required=True)])
    made = template(item("boolean", "a"), item("group", "outer", enableWhen=[when("a", "=", True)], items=[inner]))
    done = complete(made, FED | {"a": False, "deep": 3}, TODAY)
    assert done.issues == ()
    assert not {"outer", "inner", "deep"} & {*done.enabled, *done.answers}


@pytest.mark.parametrize(("name", "answer"), [("ew-10", 0), ("ew-11", 1)])
def test_required_means_required_if_shown(name: str, answer: int) -> None:
    made = template(item("integer", "a"), item("integer", "q", required=True, enableWhen=[when("a", "=", 1)]))
    done = complete(made, FED | {"a": answer}, TODAY)
    assert [found.code for found in done.issues] == VECTORS[name]["errors"]


@pytest.mark.parametrize(
    "items",
    [
        [item("integer", "a", enableWhen=[when("b", "=", 1)]), item("integer", "b", enableWhen=[when("a", "=", 1)])],
        [item("integer", "a", enableWhen=[when("a", "=", 1)])],
    ],
)
def test_a_circle_is_refused(items: list[dict[str, Any]]) -> None:
    assert [found.code for found in lint(template(*items))] == [VECTORS["ew-13"]["publish_error"]]


def test_an_order_on_a_choice_is_refused() -> None:
    conditions = _conditions(VECTORS["ew-15"]["item"]["enableWhen"])
    made = template(item("choice", "choice"), item("text", "q", enableWhen=conditions))
    assert [(found.where, found.code) for found in lint(made)] == [("q", "type_mismatch")]


def test_a_hidden_answer_is_in_no_score() -> None:
    vector = VECTORS["ew-16"]
    made = template(
        item("boolean", "show"),
        item("integer", "a"),
        item("integer", "b", enableWhen=[when("show", "=", True)]),
        scales=[total("a", "b")],
    )
    done = complete(made, FED | vector["answers"] | {"show": False}, TODAY)
    assert score(made, done)[0].value == vector["expected"]


def test_bands_with_a_gap_and_one_out_of_reach_are_refused() -> None:
    vector = VECTORS["ew-18"]
    low, high = vector["attainable"]
    weights = [low + step / 2 for step in range(int((high - low) * 2) + 1)]
    options = [{"code": str(n), "text": TEXT, "weight": weight} for n, weight in enumerate(weights)]
    bands = [band(f"b{n}", *ends) for n, ends in enumerate(vector["bands"])]
    scale = total("q", min=low, max=high, decimals=1, bands=bands)
    made = template(item("choice", "q", options=options), scales=[scale])
    assert [found.mend.partition(":")[0] for found in lint(made)] == vector["publish_error"]


@pytest.mark.parametrize(
    ("question", "operator", "answer", "given", "shown"),
    [
        ("boolean", "=", True, True, True),
        ("boolean", "=", False, True, False),
        ("integer", ">=", 3, 3, True),
        ("integer", "!=", 3, 4, True),
        ("decimal", "<", 0.3, 0.1, True),
        ("date", ">", "2020-01-01", "2020-01-02", True),
        ("date", "<=", "2020-01-01", "2020-01-02", False),
        ("text", "=", "abc", "abc", True),
        ("choice", "=", ["x", "y"], "y", True),
        ("choice", "!=", ["x", "y"], "z", True),
        ("choice", "!=", ["x", "y"], "x", False),
        ("multi-choice", "=", "x", ["x", "y"], True),
        ("multi-choice", "!=", "x", ["x", "y"], False),
        ("multi-choice", "exists", True, ["x"], True),
        ("multi-choice", "exists", True, [], False),
        ("rows", "exists", True, [{"score": 1}], True),
        ("scale", ">", 5, 6, True),
    ],
)
def test_operators_by_type(question: str, operator: str, answer: Any, given: Any, shown: bool) -> None:
    made = template(item(question, "a"), item("text", "q", enableWhen=[when("a", operator, answer)]))
    assert not lint(made)
    assert ("q" in complete(made, {"a": given}, TODAY).enabled) == shown


def test_true_is_not_one() -> None:
    made = template(item("integer", "a"), item("text", "q", enableWhen=[when("a", "=", 1)]))
    done = complete(made, {"a": True}, TODAY)
    assert "q" not in done.enabled
    assert ("/answers/a", "wrong_type") in {(found.pointer, found.code) for found in done.issues}


def test_conditions_read_computed_values_and_scores() -> None:
    made = template(
        item("integer", "a", minValue=0, maxValue=10),
        item("decimal", "kg"),
        item("decimal", "cm"),
        item("text", "old", enableWhen=[when("f_age", ">=", 36)]),
        item("text", "heavy", enableWhen=[when("bmi", ">", 25)]),
        item("text", "bad", enableWhen=[when("total", ">=", 7)]),
        computed=[{"kind": "bmi", "id": "bmi", "label": TEXT, "weightKg": "kg", "heightCm": "cm"}],
        scales=[total("a")],
    )
    assert not lint(made)
    done = complete(made, FED | {"a": 7, "kg": 80, "cm": 170}, TODAY)
    assert {"old", "heavy", "bad"} <= {*done.enabled}
    assert done.computed == {"f_age": 36, "bmi": 27.7}
    fewer = complete(made, {"f_born": "1990-03-02", "a": 6, "kg": 80, "cm": 0}, TODAY)
    assert not {"old", "heavy", "bad"} & {*fewer.enabled}
