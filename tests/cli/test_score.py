"""`ffp score` gives what every published or derived vector expects."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.documents import MAX_BYTES
from cli.main import app
from cli.score import EXAMPLES
from domain.assessments.instruments import SCORERS

VECTORS = Path(__file__).parents[1] / "domain" / "vectors"
NOT_INSTRUMENTS = {"enable_when", "seed_defects"}  # rules of templates, without anything to score


def score(instrument: str, given: str | bytes) -> Result:
    return CliRunner().invoke(app, ["score", instrument], input=given)


def _vectors() -> list[Any]:
    files = [json.loads(path.read_text()) for path in sorted(VECTORS.glob("*.json"))]
    return [
        pytest.param(content["instrument"], vector, id=vector["id"])
        for content in files
        if content["instrument"] not in NOT_INSTRUMENTS
        for vector in content["vectors"]
    ]


def same(given: Any, wanted: Any) -> bool:
    """Equal through and through; true is not 1, and an object holds at least what is wanted."""
    if isinstance(wanted, dict):
        return isinstance(given, dict) and all(name in given and same(given[name], wanted[name]) for name in wanted)
    if isinstance(wanted, list):
        return isinstance(given, list) and len(given) == len(wanted) and all(map(same, given, wanted))
    return isinstance(given, bool) == isinstance(wanted, bool) and given == wanted


@pytest.mark.parametrize(("instrument", "vector"), _vectors())
def test_a_vector(instrument: str, vector: dict[str, Any]) -> None:
    given = {name: value for name, value in vector.items() if name not in ("id", "kind", "expected")}
    done = score(instrument, json.dumps(given))
    assert done.exit_code == 0, done.output
    assert same(json.loads(done.stdout), vector["expected"]), done.stdout


def test_the_command_itself() -> None:
    command = [str(Path(sys.executable).with_name("ffp")), "score", "phq2"]
    done = subprocess.run(command, input=b'{"answers": [1, 2]}', capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == {"score": 3, "band": "positive", "positive": True}
    assert done.stderr == b""


def test_every_instrument_has_an_example_that_can_be_scored() -> None:
    assert EXAMPLES.keys() == SCORERS.keys()
    for instrument, example in EXAMPLES.items():
        done = score(instrument, json.dumps(example))
        assert done.exit_code == 0, done.output
        assert "error" not in json.loads(done.stdout)


@pytest.mark.parametrize(
    ("instrument", "given", "expected"),
    [
        ("koos", {"variant": "koos12", "subscale": "pain", "answers": [2, 2, 2, 2]}, {"score": 50.0}),
        ("koos12", {"subscale": "qol", "answers": [0, 0, 0, 0]}, {"score": 100.0}),
        ("phq9", {"variant": "phq2", "answers": [1, 1]}, {"score": 2, "positive": False}),
        ("phq9", {"variant": "phq8", "answers": [1] * 8}, {"score": 8}),
    ],
)
def test_short_forms(instrument: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert same(json.loads(score(instrument, json.dumps(given)).stdout), expected)


def test_a_value_that_cannot_be_scored_is_told_as_json() -> None:
    done = score("gad7", '{"answers": [9, 0, 0, 0, 0, 0, 0]}')
    assert (done.exit_code, done.stdout) == (0, '{"error": "out_of_range"}\n')


@pytest.mark.parametrize(
    ("instrument", "given"),
    [
        ("chair_stand_30s", {"answers": {"age": 67, "sex": "female", "stands": 12, "used_arms": "yes"}}),
        ("rmdq24", {"ticked": [], "none_apply": "yes"}),
    ],
)
def test_a_yes_in_words_is_not_taken_for_a_no(instrument: str, given: dict[str, Any]) -> None:
    assert score(instrument, json.dumps(given)).stdout == '{"error": "wrong_type"}\n'


@pytest.mark.parametrize(
    ("instrument", "given"),
    [
        ("lefs", {}),
        ("lefs", {"baseline": 40}),
        ("rmdq24", {"variant": "rmdq18", "ticked": [1]}),
        ("quickdash", {"variant": "dash"}),
        ("spadi", {"variant": "total", "answers": {"pain": [1] * 5, "disability": [1] * 8}}),
    ],
)
def test_what_an_instrument_does_not_know_is_malformed(instrument: str, given: dict[str, Any]) -> None:
    done = score(instrument, json.dumps(given))
    assert (done.exit_code, done.stdout) == (2, "")


def test_an_unknown_instrument_lists_the_known_ones() -> None:
    done = score("odi", "{}")
    assert (done.exit_code, done.stdout) == (2, "")
    assert all(name in done.stderr for name in SCORERS)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"answers": [NaN]}', "NaN"),
        ('{"answers": [' + "9" * 5000 + "]}", "not JSON"),
        ('{"answers": [1, 2], "answers": [3, 3]}', "twice"),
        (b"\xff\xfe", "UTF-8"),
        (b" " * (MAX_BYTES + 1), "megabyte"),
        ("3", "for example"),
        ('{"answers": [1]}', "for example"),
        ('{"variant": ["phq2"], "answers": [1, 2]}', "for example"),
    ],
)
def test_a_malformed_input_is_one_clear_line(given: str | bytes, why: str) -> None:
    done = score("phq9", given)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("ffp: ")
    assert done.stderr.count("\n") == 1
    assert why in done.stderr


def test_help_shows_an_example() -> None:
    assert "ffp score phq2" in CliRunner().invoke(app, ["score", "--help"]).stdout
