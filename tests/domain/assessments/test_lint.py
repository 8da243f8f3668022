"""Templates that must not be published, with the reason; among them two that once were."""

import json
from collections import Counter
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from domain.assessments.completion import complete
from domain.assessments.lint import lint
from domain.assessments.scales import Arithmetic
from domain.assessments.scoring import score
from domain.assessments.template import Template
from tests.domain.assessments.making import OPTIONS, TEXT, band, item, template, total, when

VECTORS = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent.parent / "vectors" / "seed_defects.json").read_text())["vectors"]
}
WEIGHTED = [{"code": code, "text": TEXT, "weight": n} for n, code in enumerate("xyz")]


def codes(made: Template) -> list[tuple[str, str]]:
    return [(found.where, found.code) for found in lint(made)]


def _bands(*names: str) -> list[dict[str, Any]]:
    return [band(name, *ends) for name, ends in zip(names, ((0, 30), (31, 60), (61, 100)), strict=True)]


def _seed_back_pain() -> Template:
    """The back-pain template of the first product: 4 x 10 x 5 x 3 answers, total q1 + 2 q2 + 1.5 q4 + q6."""
    tops = {"q1": 3, "q2": 10, "q4": 5, "q6": 4}
    scale = {
        "method": "weighted", "id": "total", "label": TEXT, "of": list(tops), "direction": "higher_worse",
        "weights": {"q1": 1, "q2": 2, "q4": 1.5, "q6": 1}, "decimals": 1, "min": 5.5, "max": 34.5,
        "bands": _bands("acute_pain_beginner", "chronic_pain_intermediate", "recovery_advanced"),
    }  # fmt: skip
    return template(*(item("integer", link, minValue=1, maxValue=top) for link, top in tops.items()), scales=[scale])


def _seed_fitness() -> Template:
    tops = {"q1": 3, "q2": 4, "q3": 5}
    bands = _bands("beginner", "intermediate", "advanced")
    return template(
        *(item("integer", link, minValue=1, maxValue=top) for link, top in tops.items()),
        scales=[total(*tops, min=3, max=12, bands=bands)],
    )


def _banded(made: Template, **answers: Any) -> str:
    done = complete(made, answers, date(2026, 3, 1))
    return score(made, done)[0].band or "UNDEFINED"


@pytest.mark.parametrize(
    ("made", "name", "tops", "findings"),
    [
        (_seed_back_pain(), "seed_defects-01", (3, 10, 5, 4), {"band_gap", "band_unreachable"}),
        (_seed_fitness(), "seed_defects-04", (3, 4, 5), {"band_unreachable"}),
    ],
)
def test_the_seed_templates_are_refused(made: Template, name: str, tops: tuple[int, ...], findings: set[str]) -> None:
    vector = VECTORS[name]
    links = [link for link in made.asked if link.startswith("q")]
    answer_sets = list(product(*(range(1, top + 1) for top in tops)))
    assert len(answer_sets) == vector["enumerated"]
    counts = Counter(_banded(made, **dict(zip(links, answers, strict=True))) for answers in answer_sets)
    assert counts == Counter(vector["expected_counts"])
    scale = made.scales[0]
    assert isinstance(scale, Arithmetic)
    assert (scale.min, scale.max) == tuple(vector["attainable"])
    assert {code for where, code in codes(made) if where == "total"} == findings


@pytest.mark.parametrize("name", ["seed_defects-02", "seed_defects-03"])
def test_what_the_seed_bands_did_to_single_people(name: str) -> None:
    vector, made = VECTORS[name], _seed_back_pain()
    done = complete(made, vector["answers"], date(2026, 3, 1))
    (result,) = score(made, done)
    assert (result.value, result.band) == (vector["seed_total"], vector["seed_category"])


def test_a_sound_template_has_no_finding() -> None:
    assert lint(template()) == []


GOOD_BANDS = [band("low", 0, 4), band("high", 5, 10)]
BAD: dict[str, tuple[Template, list[tuple[str, str]]]] = {
    "two items of one name": (
        template(item("text", "a"), item("group", "g", items=[item("text", "a")])),
        [("template", "duplicate_id")],
    ),
    "an item and a scale of one name": (
        template(item("scale", "total"), scales=[total("f_pain", id="total")]), [("template", "duplicate_id")]
    ),
    "two options of one code": (template(item("choice", "a", options=OPTIONS + OPTIONS[:1])), [("a", "duplicate_id")]),
    "a condition on nothing": (
        template(item("text", "a", enableWhen=[when("gone", "=", 1)])), [("a", "dangling_reference")]
    ),
    "a scale over nothing": (template(scales=[total("gone")]), [("total", "dangling_reference")]),
    "a circle through a score": (
        template(
            item("scale", "a", enableWhen=[when("total", ">", 3)]), scales=[total("a")]
        ),
        [("a", "cycle")],
    ),
    "a group shown by what is in it": (
        template(item("group", "g", enableWhen=[when("a", "=", 1)], items=[item("integer", "a")])), [("g", "cycle")]
    ),
    "a number compared with text": (
        template(item("integer", "a"), item("text", "b", enableWhen=[when("a", "=", "1")])), [("b", "type_mismatch")]
    ),
    "an order on text": (
        template(item("text", "a"), item("text", "b", enableWhen=[when("a", "<", "1")])), [("b", "type_mismatch")]
    ),
    "a condition on a display": (
        template(item("display", "a"), item("text", "b", enableWhen=[when("a", "exists", True)])),
        [("b", "type_mismatch")],
    ),
    "a condition on an option that is not there": (
        template(item("choice", "a"), item("text", "b", enableWhen=[when("a", "=", "w")])), [("b", "unknown_option")]
    ),
    "beyond the range": (
        template(item("scale", "a"), item("text", "b", enableWhen=[when("a", ">", 10)])), [("b", "unreachable_item")]
    ),
    "two conditions against each other": (
        template(item("choice", "a"), item("text", "b", enableWhen=[when("a", "=", "x"), when("a", "=", "y")])),
        [("b", "unreachable_item")],
    ),
    "behind an item that never shows": (
        template(
            item("integer", "a"),
            item("integer", "b", enableWhen=[when("a", "<", 3), when("a", ">", 4)]),
            item("text", "c", enableWhen=[when("b", "=", 1)]),
        ),
        [("b", "unreachable_item"), ("c", "unreachable_item")],
    ),
    "options without a score": (
        template(item("choice", "a"), scales=[total("a")]), [("a", "option_without_score")] * 3
    ),
    "own words in a score": (
        template(item("open-choice", "a", options=WEIGHTED), scales=[total("a")]), [("a", "option_without_score")]
    ),
    "text in a score": (template(item("text", "a"), scales=[total("a")]), [("total", "type_mismatch")]),
    "a scored number without ends": (template(item("integer", "a"), scales=[total("a")]), [("total", "range_unknown")]),
    "a range that is not so": (
        template(item("choice", "a", options=WEIGHTED), scales=[total("a")]), [("total", "range_mismatch")]
    ),
    "bands that overlap": (
        template(item("scale", "a"), scales=[total("a", bands=[band("low", 0, 5), band("high", 5, 10)])]),
        [("total", "band_overlap")],
    ),
    "bands that leave the ends out": (
        template(item("scale", "a"), scales=[total("a", bands=[band("low", 1, 4), band("high", 5, 9)])]),
        [("total", "band_gap"), ("total", "band_gap")],
    ),
    "whole bands for a mean": (
        template(
            item("scale", "a"), item("scale", "b"), scales=[total("a", "b", method="mean", decimals=1, bands=GOOD_BANDS)]
        ),
        [("total", "band_gap")],
    ),
    "whole bands for an imputed sum": (
        template(
            *(item("integer", link, minValue=0, maxValue=2) for link in "abcde"),
            scales=[
                total(*"abcde", decimals=1, bands=[band("low", 0, 3), band("high", 4, 10)], missing={"policy": "mean_impute", "maxMissing": 1})
            ],
        ),
        [("total", "band_gap")],
    ),
    "a range that forgets a hidden item": (
        template(
            item("boolean", "s"),
            item("integer", "a", minValue=1, maxValue=5),
            item("integer", "b", minValue=1, maxValue=5, enableWhen=[when("s", "=", True)]),
            scales=[total("a", "b", min=2, max=10)],
        ),
        [("total", "range_mismatch")],
    ),
    "a tick list that cannot say none": (
        template(
            item("tick-list", "a", options=OPTIONS),
            scales=[{"method": "count_ticked", "id": "t", "label": TEXT, "of": "a", "direction": "higher_worse",
                     "min": 0, "max": 3}],
        ),
        [("a", "no_exclusive_option")],
    ),
    "more answers wanted than asked": (
        template(item("scale", "a"), scales=[total("a", missing={"policy": "prorate", "minAnswered": 2})]),
        [("total", "policy_impossible")],
    ),
    "a table fed with the wrong kind": (
        template(scales=[{"method": "table", "id": "t", "label": TEXT, "table": "chair_stand_30s",
                          "inputs": {"age": "f_sex", "sex": "f_sex", "stands": "f_days"}}]),
        [("t", "type_mismatch")],
    ),
    "an age from no date": (
        template(computed=[{"kind": "age", "id": "c", "label": TEXT, "born": "f_pain"}]), [("c", "type_mismatch")]
    ),
    "no licence": (template(item("scale", "a"), scales=[total("a")], licence=None), [("total", "licence_missing")]),
    "a text without translation": (
        template(item("text", "a", text={"en": "Hand", "es": "Mano"}), languages=["en"], title={"es": "Prueba"}),
        [("title", "translation_missing")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("made", "findings"), BAD.values(), ids=BAD)
def test_what_must_be_mended_is_named(made: Template, findings: list[tuple[str, str]]) -> None:
    assert codes(made) == findings


def test_feeds_speak_the_vocabulary_of_programs() -> None:
    made = template(item("choice", "a"), feeds={**template().feeds.model_dump(), "goal": "a", "minutes": "f_days"})
    assert codes(made) == [
        ("feeds.goal", "feed_vocabulary"), ("feeds.goal", "feed_optional"), ("feeds.minutes", "feed_vocabulary"),
    ]  # fmt: skip
