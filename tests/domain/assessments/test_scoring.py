"""Scales of a template: methods, missing answers, bands, and whether a change matters."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.assessments.arithmetic import exact, rounded
from domain.assessments.attainable import Ranges
from domain.assessments.completion import complete
from domain.assessments.lint import lint
from domain.assessments.scales import Arithmetic
from domain.assessments.scoring import Change, ScaleScore, change, score
from domain.assessments.template import Template
from tests.domain.assessments.making import FED, TEXT, band, choice, item, template, total, when
from tests.domain.assessments.people import TEMPLATES, healthy, result_for

TODAY = date(2026, 3, 1)
WEIGHTED = [{"code": code, "text": TEXT, "weight": weight} for code, weight in (("x", 0), ("y", 2), ("z", 5))]
NUMBERS = [item("integer", link, minValue=0, maxValue=4) for link in "abcd"]


def scored(made: Template, **answers: Any) -> ScaleScore:
    return score(made, complete(made, FED | answers, TODAY))[-1]


@pytest.mark.parametrize(
    ("rest", "answers", "value", "missing", "reason"),
    [
        ({}, {"a": 1, "b": 2, "c": 3, "d": 4}, 10, 0, None),
        ({}, {"a": 1, "b": 2, "c": 3}, None, 1, "too_many_missing"),
        ({"method": "mean", "decimals": 2}, {"a": 1, "b": 2, "c": 3, "d": 3}, 2.25, 0, None),
        ({"method": "max"}, {"a": 1, "b": 4, "c": 3, "d": 0}, 4, 0, None),
        ({"method": "weighted", "weights": {"a": 2, "b": 0.5, "c": 1, "d": -1}}, {"a": 1, "b": 2, "c": 3, "d": 4}, 2, 0, None),
        ({"missing": {"policy": "prorate", "minAnswered": 3}, "decimals": 1}, {"a": 1, "b": 2, "c": 4}, 9.3, 1, None),
        ({"missing": {"policy": "prorate", "minAnswered": 3}}, {"a": 1, "b": 2}, None, 2, "too_many_missing"),
        ({"missing": {"policy": "mean_impute", "maxMissing": 2}}, {"a": 1, "b": 2}, 6, 2, None),
        ({"missing": {"policy": "mean_impute", "maxMissing": 2}}, {"a": 1}, None, 3, "too_many_missing"),
        ({"missing": {"policy": "subscale_half"}}, {"a": 1, "b": 3}, 8, 2, None),
        ({"missing": {"policy": "subscale_half"}}, {"a": 1}, None, 3, "too_many_missing"),
        ({"missing": {"policy": "count_ticked"}}, {"a": 1, "b": 3}, 4, 2, None),
        ({"method": "mean", "factor": -25, "offset": 100}, {"a": 0, "b": 0, "c": 0, "d": 4}, 75, 0, None),
    ],
)  # fmt: skip
def test_methods_and_missing_answers(
    rest: dict[str, Any], answers: dict[str, Any], value: float | None, missing: int, reason: str | None
) -> None:
    result = scored(template(*NUMBERS, scales=[total(*"abcd", **rest)]), **answers)
    assert (result.value, result.missing, result.reason) == (value, missing, reason)


def test_what_an_answer_counts() -> None:
    made = template(
        item("boolean", "flag"), item("choice", "one", options=WEIGHTED), item("multi-choice", "some", options=WEIGHTED),
        item("tick-list", "ticks"), item("decimal", "number"), item("rows", "rows"),
        scales=[total("flag", "one", "some", "ticks", "number", "rows", column="score", decimals=1)],
    )  # fmt: skip
    answers = {
        "flag": True,
        "one": "z",
        "some": ["y", "z"],
        "ticks": ["x", "y"],
        "number": 0.1,
        "rows": [{"score": 3}] * 2,
    }
    assert scored(made, **answers).value == 1 + 5 + 7 + 2 + 0.1 + 6
    assert scored(made, **answers | {"flag": False, "ticks": ["none"]}).value == 5 + 7 + 0.1 + 6


def test_subscales_build_a_total_of_exact_parts() -> None:
    thirds = {"method": "mean", "decimals": 0}
    made = template(
        *NUMBERS[:3], item("integer", "d", minValue=0, maxValue=4),
        scales=[total("a", "b", "c", id="part", **thirds), total("part", "d", id="whole", decimals=2)],
    )  # fmt: skip
    assert scored(made, a=0, b=0, c=1, d=1).value == 1.33


def test_a_scale_of_hidden_items_only_is_not_missing() -> None:
    made = template(
        item("boolean", "s"), item("scale", "a", enableWhen=[when("s", "=", True)]), item("scale", "b"),
        scales=[total("a", id="part"), total("part", "b", id="whole")],
    )  # fmt: skip
    assert scored(made, s=False, b=4).value == 4
    assert scored(made, s=True, b=4).value is None
    assert score(made, complete(made, {"s": False, "b": 4}, TODAY))[0].reason == "no_items"


def test_ticks_are_counted_once_the_list_was_touched() -> None:
    scale = {
        "method": "count_ticked",
        "id": "t",
        "label": TEXT,
        "of": "a",
        "direction": "higher_worse",
        "min": 0,
        "max": 3,
    }
    made = template(item("tick-list", "a"), scales=[scale])
    assert lint(made) == []
    assert [scored(made, a=ticks).value for ticks in (["x", "z"], ["none"], [])] == [2, 0, None]


def test_categories_rules_and_tables_give_codes() -> None:
    made = template(
        choice("mood", "good", "bad"), item("scale", "a"), item("scale", "b"), item("integer", "stands"),
        item("text", "why", enableWhen=[when("group", "=", "high"), when("feeling", "=", "bad")]),
        scales=[
            {"method": "category", "id": "feeling", "label": TEXT, "of": "mood"},
            {"method": "rules", "id": "group", "label": TEXT, "needs": ["a"], "rules": [
                {"code": "high", "label": {"en": "High risk"}, "when": [when("a", ">", 5), when("b", ">", 5)],
                 "behavior": "any"},
                {"code": "low", "label": TEXT}]},
            {"method": "table", "id": "chair", "label": TEXT, "table": "chair_stand_30s",
             "inputs": {"age": "f_age", "sex": "f_sex", "stands": "stands"}},
        ],
    )  # fmt: skip
    assert lint(made) == []
    answers = FED | {"mood": "bad", "a": 6, "stands": 10, "f_born": "1956-01-01"}
    done = complete(made, answers, TODAY)
    feeling, group, chair = score(made, done)
    assert (feeling.band, group.band, chair.band) == ("bad", "high", "below_average")
    assert group.band_label == {"en": "High risk"}
    assert "why" in done.enabled
    assert score(made, complete(made, {"b": 9}, TODAY))[1].band is None


@pytest.mark.parametrize(("value", "expected"), [(0, "low"), (4.9, "low"), (5, "high"), (10, "high")])
def test_a_band_can_end_just_below_a_value(value: float, expected: str) -> None:
    bands = [
        {"code": "low", "label": TEXT, "min": 0, "below": 5}, {"code": "high", "label": TEXT, "min": 5, "max": 10},
    ]  # fmt: skip
    made = template(item("decimal", "a", minValue=0, maxValue=10), scales=[total("a", decimals=1, bands=bands)])
    assert lint(made) == []
    assert scored(made, a=value).band == expected


@settings(max_examples=200, deadline=None)
@given(st.fractions(-1000, 1000) | st.integers(-9999, 9999).map(lambda n: Fraction(2 * n + 1, 2)), st.integers(0, 4))
@example(Fraction(5, 2), 0)
@example(Fraction(-1, 8), 2)
def test_rounding_is_half_away_from_zero(value: Fraction, decimals: int) -> None:
    shown = exact(rounded(value, decimals))
    assert abs(shown - value) <= Fraction(1, 2 * 10**decimals)
    if abs(shown - value) == Fraction(1, 2 * 10**decimals):
        assert abs(shown) > abs(value)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_score_was_foreseen(data: st.DataObject) -> None:
    """The lint's list of reachable values holds whatever can be scored, hidden and missing answers included."""
    policies: list[dict[str, Any]] = [
        {"policy": "none_allowed"}, {"policy": "prorate", "minAnswered": 2}, {"policy": "mean_impute", "maxMissing": 1},
        {"policy": "subscale_half"}, {"policy": "count_ticked"},
    ]  # fmt: skip
    scale = total(
        "a", "b", "c",
        method=data.draw(st.sampled_from(["sum", "mean", "max"])), missing=data.draw(st.sampled_from(policies)),
        decimals=data.draw(st.integers(0, 2)), factor=data.draw(st.sampled_from([1, 2.5, -1])),
    )  # fmt: skip
    made = template(
        item("boolean", "s"), item("integer", "a", minValue=-2, maxValue=2),
        item("choice", "b", options=WEIGHTED, enableWhen=[when("s", "=", True)]),
        item("integer", "c", minValue=1, maxValue=3), scales=[scale],
    )  # fmt: skip
    answers: dict[str, Any] = {
        "s": data.draw(st.booleans()), "a": data.draw(st.none() | st.integers(-2, 2)),
        "b": data.draw(st.none() | st.sampled_from("xyz")), "c": data.draw(st.none() | st.integers(1, 3)),
    }  # fmt: skip
    declared = made.scales[0]
    assert isinstance(declared, Arithmetic)
    ranges = Ranges(made)
    found = ranges.of_scale(declared)
    assert found is not None
    value = scored(made, **answers).value
    assert value is None or value in ranges.shown(found, declared.decimals)


def _rmdq(count: int) -> ScaleScore:
    result = result_for(rmdq=[str(number) for number in range(1, count + 1)] or ["none"])
    return next(scale for scale in result.scores if scale.id == "disability_rmdq")


def test_a_change_is_held_against_the_smallest_that_matters() -> None:
    assert change(_rmdq(12), _rmdq(8)) == Change(
        change=-4, percent=33.3, improved=True, beyond_absolute=False, beyond_relative=True
    )
    assert change(_rmdq(8), _rmdq(14)) == Change(
        change=6, percent=75.0, improved=False, beyond_absolute=True, beyond_relative=True
    )
    same = change(_rmdq(0), _rmdq(0))
    assert same == Change(
        change=0, percent=None, improved=None, beyond_absolute=False, beyond_relative=None, warnings=("floor",)
    )


def test_own_activities_compare_only_with_the_same_ones() -> None:
    def function(*activities: str, points: int) -> ScaleScore:
        rows = [{"activity": name, "score": points} for name in activities]
        made = TEMPLATES["knee-pain"]
        results = score(made, complete(made, healthy(made, psfs=rows), TODAY))
        return next(scale for scale in results if scale.id == "function_psfs")

    before = function("Run", "Squat", "Climb", points=3)
    moved = change(before, function("climb ", "RUN", "Squat", points=5))
    assert moved is not None
    assert (moved.change, moved.improved, moved.beyond_absolute) == (2, True, True)
    assert change(before, function("Run", "Squat", "Swim", points=5)) is None
    assert "run" not in before.model_dump_json().lower()


def test_bands_of_a_template_are_named_in_the_score() -> None:
    made = template(item("scale", "a"), scales=[total("a", bands=[band("low", 0, 4), band("high", 5, 10)])])
    assert [scored(made, a=value).band for value in (0, 4, 5, 10)] == ["low", "low", "high", "high"]
