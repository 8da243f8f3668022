"""Checking answers: any JSON value, no value repeated, nothing hidden kept."""

import json
import re
import time
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.assessments.completion import MAX_ISSUES, check_partial, complete
from domain.assessments.patterns import ways
from domain.assessments.results import result_of
from tests.domain.assessments.making import FED, OPTIONS, TEXT, item, template
from tests.domain.assessments.people import RULES, TEMPLATES, TODAY, healthy

EVERY_TYPE = template(
    *(
        item(kind, kind.replace("-", "_"))
        for kind in (
            "boolean", "integer", "decimal", "date", "text", "choice", "open-choice", "multi-choice", "scale",
            "tick-list", "rows", "body-map",
        )
    ),
    item("display", "display"),
    item("group", "group", items=[item("integer", "grouped", minValue=0, maxValue=5)]),
    item("text", "coded", maxLength=20, regex="[A-Z]{2}[0-9]+"),
    item("rows", "keyed", key="name", minOccurs=2, maxOccurs=3,
         columns=[item("scale", "score", required=True), item("text", "name")]),
    item("multi-choice", "some", minOccurs=1, maxOccurs=2,
         options=[*OPTIONS, {"code": "none", "text": TEXT, "exclusive": True}]),
)  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["x", "2020-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4) | st.just("score"), inner, max_size=3)
    ),
    max_leaves=10,
)
LINKS = st.sampled_from([*EVERY_TYPE.by_id, "unknown"])


@settings(max_examples=100, deadline=None)
@given(JSON | st.dictionaries(LINKS | st.text(max_size=5), JSON))
def test_any_json_is_judged_without_an_exception(answers: Any) -> None:
    for made in (EVERY_TYPE, TEMPLATES["general-fitness"]):
        check_partial(made, answers)
        done = complete(made, answers, TODAY)
        assert done.answers.keys() <= made.asked.keys()
        result_of(made, done, RULES)
        assert type(done).model_validate_json(done.model_dump_json()).enabled == done.enabled


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(LINKS, JSON, min_size=1))
def test_what_passes_a_partial_check_is_kept_as_it_came(answers: dict[str, Any]) -> None:
    wrong = {found.pointer.split("/")[2] for found in check_partial(EVERY_TYPE, answers)}
    done = complete(EVERY_TYPE, answers, TODAY)
    for link, value in done.answers.items():
        assert link not in wrong
        assert value is answers[link]


@pytest.mark.parametrize(
    ("link", "value", "pointer", "code"),
    [
        ("boolean", 1, "/answers/boolean", "wrong_type"),
        ("integer", 1.0, "/answers/integer", "wrong_type"),
        ("integer", True, "/answers/integer", "wrong_type"),
        ("integer", 10**12, "/answers/integer", "out_of_range"),
        ("decimal", float("nan"), "/answers/decimal", "out_of_range"),
        ("decimal", "1", "/answers/decimal", "wrong_type"),
        ("grouped", 6, "/answers/grouped", "out_of_range"),
        ("scale", 11, "/answers/scale", "out_of_range"),
        ("date", "2026-02-30", "/answers/date", "not_a_date"),
        ("date", "20260201", "/answers/date", "not_a_date"),
        ("text", "a" * 501, "/answers/text", "too_long"),
        ("text", "a\0b", "/answers/text", "bad_text"),
        ("text", "a\ud800", "/answers/text", "bad_text"),
        ("coded", "ab1", "/answers/coded", "pattern"),
        ("choice", "secret", "/answers/choice", "unknown_option"),
        ("choice", ["x"], "/answers/choice", "wrong_type"),
        ("open_choice", 3, "/answers/open_choice", "wrong_type"),
        ("multi_choice", ["x", "secret"], "/answers/multi_choice/1", "unknown_option"),
        ("multi_choice", ["x", "x"], "/answers/multi_choice/1", "duplicate"),
        ("multi_choice", [["x"]], "/answers/multi_choice/0", "wrong_type"),
        ("some", ["x", "y", "z"], "/answers/some", "too_many"),
        ("some", ["x", "none"], "/answers/some", "exclusive"),
        ("body_map", ["neck"], "/answers/body_map/0", "unknown_option"),
        ("rows", {"score": 1}, "/answers/rows", "wrong_type"),
        ("rows", [{"score": 11}], "/answers/rows/0/score", "out_of_range"),
        ("rows", [{"other": 1}], "/answers/rows/0/other", "unknown_question"),
        ("rows", [3], "/answers/rows/0", "wrong_type"),
        ("keyed", [{"name": "Walk"}, {"name": " walk"}], "/answers/keyed/1", "duplicate"),
        ("group", 1, "/answers/group", "not_a_question"),
        ("display", 1, "/answers/display", "not_a_question"),
        ("unknown", 1, "/answers/unknown", "unknown_question"),
        ("Jane Doe has pain", 1, "/answers", "unknown_question"),
        ("a/b~c", 1, "/answers", "unknown_question"),
    ],
)
def test_a_wrong_answer_is_named_by_place_and_kind_only(link: str, value: Any, pointer: str, code: str) -> None:
    (found,) = check_partial(EVERY_TYPE, {link: value})
    assert (found.pointer, found.code) == (pointer, code)
    for secret in ("secret", "Jane", str(value) if isinstance(value, int) and value > 9 else "secret"):
        assert secret not in found.model_dump_json()
    assert code in {each.code for each in complete(EVERY_TYPE, {link: value}, TODAY).issues}


def test_blank_answers_are_unanswered() -> None:
    made = template(item("text", "t", required=True), item("multi-choice", "m", required=True))
    blanks: list[Any] = [None, "", "  ", []]
    for blank in blanks:
        assert check_partial(made, {"t": blank, "m": blank}) == []
    found = complete(made, FED | {"t": " ", "m": []}, TODAY).issues
    assert [(each.pointer, each.code) for each in found] == [("/answers/t", "required"), ("/answers/m", "required")]


def test_rows_are_judged_when_handed_in() -> None:
    def codes(rows: Any) -> list[tuple[str, str]]:
        done = complete(EVERY_TYPE, FED | {"keyed": rows}, TODAY)
        return [(found.pointer, found.code) for found in done.issues]

    assert codes([{"score": 1, "name": "a"}]) == [("/answers/keyed", "too_few")]
    assert codes([{"score": 1}, {"name": "b"}]) == [("/answers/keyed/1/score", "required")]
    assert codes([{"score": 1}, {"score": 2}]) == []


def test_a_date_to_come_is_refused_where_only_the_past_counts() -> None:
    made = template(item("date", "d", pastOnly=True))
    assert [found.code for found in complete(made, FED | {"d": "2026-03-02"}, TODAY).issues] == ["in_future"]
    assert complete(made, FED | {"d": "2026-03-01"}, TODAY).issues == ()


def test_issues_and_answers_are_bounded() -> None:
    assert len(check_partial(EVERY_TYPE, {f"u{n}": 1 for n in range(500)})) == MAX_ISSUES
    flood = {f"u{n}": 1 for n in range(5000)}
    assert [found.code for found in check_partial(EVERY_TYPE, flood)] == ["too_many"]
    assert "too_many" in {found.code for found in complete(EVERY_TYPE, flood, TODAY).issues}


def test_hidden_answers_are_dropped_whatever_they_hold() -> None:
    made = TEMPLATES["general-fitness"]
    done = complete(made, healthy(made, chair_stands="secret", pregnancy_term=7), TODAY)
    assert done.issues == ()
    assert not {"chair_stands", "pregnancy_term"} & done.answers.keys()


def test_every_required_question_of_an_empty_assessment_is_listed() -> None:
    made = TEMPLATES["low-back-pain"]
    done = complete(made, {}, TODAY)
    assert {found.code for found in done.issues} == {"required"}
    assert "/answers/pregnancy_term" not in {found.pointer for found in done.issues}
    assert len(done.issues) > 30


def test_a_snapshot_can_be_read_again() -> None:
    made = TEMPLATES["low-back-pain"]
    done = complete(made, healthy(made), TODAY)
    assert type(done).model_validate(json.loads(done.model_dump_json())) == done


@pytest.mark.parametrize(
    ("born", "today", "age"),
    [
        ("2000-02-29", date(2018, 2, 28), 17),
        ("2000-02-29", date(2018, 3, 1), 18),
        ("1960-03-01", date(2026, 3, 1), 66),
        ("1960-03-02", date(2026, 3, 1), 65),
    ],
)
def test_age_in_full_years(born: str, today: date, age: int) -> None:
    assert complete(template(), FED | {"f_born": born}, today).computed["f_age"] == age


@pytest.mark.parametrize(
    "regex", ["[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}", "^[a-z]+$", r"\d{3}\.\d*", "[^@ ]{1,40}@[^@]{1,40}", "é?"]
)
def test_a_plain_pattern_is_matched(regex: str) -> None:
    made = template(item("text", "t", maxLength=50, regex=regex))
    for text in ("AB1 2CD", "abc", "123.4", "a@b", "é", "", "-"):
        wrong = {issue.code for issue in check_partial(made, {"t": text or " "})}
        assert wrong == (set() if re.fullmatch(regex, text) or not text else {"pattern"}), text


@pytest.mark.parametrize("regex", [r"\d\w\s[\d-]{2,}", ".{0,49}.{0,49}x", "[a-z]{1,13}[a-z]{1,13}[a-z]{1,14}!"])
def test_the_slowest_pattern_allowed_is_fast(regex: str) -> None:
    assert ways(regex) is not None
    began = time.process_time()
    for text in ("a" * 200, "a" * 199 + "!", "-" * 200):
        re.fullmatch(regex, text)
    assert time.process_time() - began < 0.05


@pytest.mark.parametrize(
    "regex",
    [
        "(a+)+",
        "a*b*c*d*",
        "[",
        "(?:a|a)*",
        ".*.*",
        "a|b",
        r"\1",
        "a**",
        "a+?",
        "{2}",
        "a{1,9999}",
        "[z-a]",
        "[]",
        "a$b",
    ],
)
def test_a_costly_or_broken_pattern_is_no_template(regex: str) -> None:
    with pytest.raises(ValueError, match="regex"):
        template(item("text", "t", maxLength=50, regex=regex))
