"""Every published or derived vector of every instrument."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.assessments.instruments import SCORERS, MalformedInput, UnknownInstrument, score_instrument

VECTORS = Path(__file__).parent.parent / "vectors"
NOT_INSTRUMENTS = {"enable_when", "seed_defects"}


def _cases() -> list[Any]:
    cases = []
    for path in sorted(VECTORS.glob("*.json")):
        content = json.loads(path.read_text())
        if content["instrument"] not in NOT_INSTRUMENTS:
            cases += [pytest.param(content["instrument"], vector, id=vector["id"]) for vector in content["vectors"]]
    return cases


@pytest.mark.parametrize(("instrument", "vector"), _cases())
def test_instrument_gives_what_its_source_says(instrument: str, vector: dict[str, Any]) -> None:
    payload = {key: value for key, value in vector.items() if key not in ("id", "kind", "expected")}
    result = score_instrument(instrument, payload)
    assert {key: result.get(key, "absent") for key in vector["expected"]} == vector["expected"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
KEYS = st.sampled_from(["answers", "baseline", "now", "ticked", "none_apply", "variant", "subscale", "missing", "pain"])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(SCORERS)), JSON | st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON)))
def test_any_payload_gives_scores_or_a_clear_error(instrument: str, payload: Any) -> None:
    with contextlib.suppress(MalformedInput):
        assert isinstance(score_instrument(instrument, payload), dict)


@pytest.mark.parametrize("name", ["odi", "", None, 3, ["phq9"]])
def test_an_unknown_instrument_is_named_as_such(name: Any) -> None:
    with pytest.raises(UnknownInstrument):
        score_instrument(name, {})


@pytest.mark.parametrize(
    ("instrument", "payload", "expected"),
    [
        ("phq2", {"answers": [1, 2]}, {"score": 3, "band": "positive", "positive": True}),
        ("phq8", {"answers": [1] * 8}, {"score": 8, "band": "mild"}),
        (
            "phq9",
            {"answers": [1, 1, 1, 1, 1, 0, 0, 0, None]},
            {"score": 5.6, "band": "mild", "item9_flag": None},
        ),
        ("koos12", {"subscale": "function", "answers": [1, 1, None, None]}, {"score": 75.0, "imputed": 2}),
        ("rmdq24", {"ticked": []}, {"score": None, "reason": "not_answered"}),
        ("rmdq24", {"ticked": [1], "none_apply": True}, {"error": "exclusive"}),
        ("nprs", {"answers": {"baseline": 3, "now": 6}}, {"change": 3, "mic_abs": False, "mic_pct": False}),
        ("balance_tug", {"answers": {"tandem_s": 10}}, {"falls_risk": False}),
        ("chair_stand_30s", {"answers": {"age": 59, "sex": "male", "stands": 1}}, {"below_average": None}),
        ("psfs", {"baseline": {"a": 2, "b": 4}, "answers": {"b": 5, "a": 3}}, {"score": 4.0, "change": 1}),
        ("psfs", {"baseline": [3, 3, 2], "answers": [3, 5, 5]}, {"score": 4.3, "change": 1.7, "beyond_mdc": False}),
    ],
)
def test_rules_the_vectors_leave_open(instrument: str, payload: dict[str, Any], expected: dict[str, Any]) -> None:
    result = score_instrument(instrument, payload)
    assert {key: result.get(key, "absent") for key in expected} == expected
