"""`ffp plan`: one spec from options, or one a line, without a database."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.plan import plan

ITEM = {"exercise", "role", "sets", "reps", "seconds", "rest_s", "minutes", "effort", "why"}
PLAN = {
    "spec", "weeks", "reassess_week", "solver", "objective", "bound", "gap", "relaxed", "seconds", "input_hash",
    "library_hash", "engine_version",
}  # fmt: skip


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(plan)
    return CliRunner().invoke(app, list(arguments))


def test_json_holds_the_plan_and_its_proof() -> None:
    result = run("--region", "knee", "--equipment", "none", "--pain", "5", "--condition", "osteoporosis", "--age", "70",
                 "--format", "json")  # fmt: skip
    assert result.exit_code == 0
    made = json.loads(result.stdout)
    assert set(made) == PLAN
    assert made["spec"]["conditions"] == ["knee_pain_mild", "knee_pain_moderate", "osteoporosis"]
    assert made["gap"] <= 0.02
    assert [week["deload"] for week in made["weeks"]] == [False] * 5 + [True]
    for session in made["weeks"][0]["sessions"]:
        assert session["minutes"] == sum(item["minutes"] for item in session["items"])
        assert all(set(item) == ITEM and item["why"] for item in session["items"])


def test_the_same_facts_print_the_same_plan() -> None:
    plans = [json.loads(run("--region", "hip", "--format", "json").stdout) for _ in range(2)]
    for made in plans:
        made.pop("seconds")
    assert plans[0] == plans[1]


def test_a_table_explains_itself() -> None:
    result = run("--region", "neck", "--equipment", "basic", "--days", "2", "--minutes", "20")
    assert result.exit_code == 0
    for words in ("Week 5", "every rule is kept", "gap", "re-assessment in week 6", "works the region"):
        assert words in result.stdout


def test_a_batch_answers_line_by_line(tmp_path: Path) -> None:
    facts = {
        "region": "neck",
        "equipment": "basic",
        "level": "advanced",
        "days": 4,
        "minutes": 45,
        "pain": 2,
        "age": 30,
    }
    lines = [facts | {"conditions": ["falls_risk"]}, facts | {"region": "tail"}, facts | {"conditions": ["unheard_of"]}]
    file = tmp_path / "specs.ndjson"
    file.write_text("\n".join([*map(json.dumps, lines), "no json", ""]))
    result = run("--batch", str(file))
    made = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert "falls_risk" in made[0]["spec"]["conditions"]
    assert [found["error"].partition(":")[0] for found in made[1:]] == [
        "region",
        "no rule for unheard_of",
        "not a JSON object",
    ]


@pytest.mark.parametrize(
    "wrong",
    [["--region", "tail"], ["--region", "knee", "--minutes", "25"], ["--region", "knee", "--equipment", "sofa"]],
)
def test_wrong_facts_are_one_line(wrong: list[str]) -> None:
    result = run(*wrong)
    assert result.exit_code == 1
    assert result.stderr.startswith("ffp: ")
    assert len(result.stderr.splitlines()) == 1


def test_the_goal_changes_what_a_set_is_worth() -> None:
    plans = {
        goal: json.loads(run("--region", "knee", "--equipment", "basic", *goal_of, "--format", "json").stdout)
        for goal, goal_of in {
            "none": [],
            "reduce_pain": ["--goal", "reduce_pain"],
            "return_to_sport": ["--goal", "return_to_sport"],
        }.items()
    }
    assert {goal: made["spec"]["goal"] for goal, made in plans.items()} == {
        "none": "reduce_pain",
        "reduce_pain": "reduce_pain",
        "return_to_sport": "return_to_sport",
    }
    assert plans["none"]["weeks"] == plans["reduce_pain"]["weeks"] != plans["return_to_sport"]["weeks"]
    assert json.loads(run("--region", "general", "--format", "json").stdout)["spec"]["goal"] == "general_fitness"


SOUND = {"region": "knee", "equipment": "none", "days": 3, "minutes": 30, "pain": 2}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (SOUND | {"pain": "8"}, "pain: Input should be a valid integer"),
        (SOUND | {"pain": True}, "pain: Input should be a valid integer"),
        (SOUND | {"pain": "8", "severity": "mild"}, "severity: Extra inputs are not permitted"),
        (SOUND | {"pain": float("nan")}, "pain: Input should be a valid integer"),
        (SOUND | {"days": "3"}, "days: Input should be a valid integer"),
        (SOUND | {"equipment": "sofa"}, "equipment: Input should be 'none', 'basic' or 'full_gym'"),
        (SOUND | {"conditions": "osteoporosis"}, "conditions: Input should be a valid list"),
        (SOUND | {"goal": "fame"}, "goal: Input should be 'reduce_pain'"),
        (SOUND | {"age": 17}, "age: Input should be greater than or equal to 18"),
    ],
)
def test_facts_are_taken_as_they_are_or_not_at_all(tmp_path: Path, line: dict[str, object], said: str) -> None:
    file = tmp_path / "specs.ndjson"
    file.write_text(json.dumps(line) + "\n")
    result = run("--batch", str(file))
    assert result.exit_code == 1
    assert said in json.loads(result.stdout)["error"]


def test_lines_that_are_no_text_or_endless_do_not_stop_the_batch(tmp_path: Path) -> None:
    file = tmp_path / "specs.ndjson"
    file.write_bytes(b"\xd0\xff\n" + b"[" * 100_000 + b"\n" + json.dumps(SOUND).encode() + b"\n")
    made = [json.loads(line) for line in run("--batch", str(file)).stdout.splitlines()]
    assert [found.get("error") for found in made] == ["not a JSON object", "not a JSON object", None]
