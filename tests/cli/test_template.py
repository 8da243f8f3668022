"""`ffp template`: lint, export, import."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from domain.fhir import export_questionnaire
from tests.domain.assessments.making import FEEDS, TEXT, template
from tests.domain.assessments.people import TEMPLATES
from tests.domain.fhir.elsewhere import questionnaire

SHIPPED = files("domain.data") / "templates"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["template", *words])


def written(folder: Path, content: Any, name: str = "file.json") -> str:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def findings(file: str) -> list[tuple[str, str]]:
    done = run("lint", file, "--format", "json")
    assert done.exit_code == 1, done.output
    return [(finding["where"], finding["code"]) for finding in json.loads(done.stdout)["findings"]]


@pytest.mark.parametrize("slug", TEMPLATES)
def test_shipped_files_and_their_exports_are_clean(tmp_path: Path, slug: str) -> None:
    for file in (
        str(SHIPPED / f"{slug}.yaml"),
        written(tmp_path, run("export", slug).stdout, "fhir.json"),
        written(tmp_path, run("export", slug, "--format", "json").stdout, "ours.json"),
    ):
        done = run("lint", file)
        assert (done.exit_code, done.stdout) == (0, "Nothing to mend.\n")


def test_export_and_import_give_the_same(tmp_path: Path) -> None:
    exported = run("export", "knee-pain")
    assert json.loads(exported.stdout) == json.loads(json.dumps(export_questionnaire(TEMPLATES["knee-pain"])))
    imported = run("import", written(tmp_path, exported.stdout))
    assert imported.stdout == run("export", "knee-pain", "--format", "json").stdout


def test_an_unknown_template_lists_the_known_ones() -> None:
    done = run("export", "toe-pain")
    assert done.exit_code == 2
    assert all(slug in done.stderr for slug in TEMPLATES)


def test_findings_name_place_and_remedy(tmp_path: Path) -> None:
    content = template().model_dump(mode="json", by_alias=True)
    content["items"].append(content["items"][0])
    shown = run("lint", written(tmp_path, content))
    assert shown.exit_code == 1
    for part in ("template", "duplicate_id", "f_born", "to mend."):
        assert part in shown.stdout
    assert ("template", "duplicate_id") in findings(written(tmp_path, content))


def test_missing_safety_questions_are_findings_too(tmp_path: Path) -> None:
    content = template().model_dump(mode="json", by_alias=True)
    assert ("rf_hot_joint", "flag_not_asked") in findings(written(tmp_path, content))


def test_a_file_of_the_wrong_form_has_findings_with_their_place(tmp_path: Path) -> None:
    content = template().model_dump(mode="json", by_alias=True) | {"version": "one", "colour": "red"}
    found = findings(written(tmp_path, content))
    assert ("version", "invalid") in found
    assert ("colour", "invalid") in found


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("id: x\nitems: [{include: nothing}]\nfeeds: {include: feeds, region: knee}\n", "nothing"),
        ("id: x\nitems: [{include: red_flags}]\nfeeds: {sex: sex}\n", "region"),
    ],
)
def test_an_include_that_leads_nowhere_is_a_finding(tmp_path: Path, content: str, where: str) -> None:
    assert findings(written(tmp_path, content, "file.yaml")) == [(where, "unknown_name")]


@pytest.mark.parametrize(
    "content",
    ["items: 3\nfeeds: {}\n", "feeds: 3\n", "items: [3]\nfeeds: {}\n", "items: [{include: [a]}]\nfeeds: {}\n"],
)
def test_anything_at_all_has_findings(tmp_path: Path, content: str) -> None:
    assert findings(written(tmp_path, content, "file.yaml"))


def test_a_questionnaire_is_judged_as_the_template_it_would_be(tmp_path: Path) -> None:
    assert ("feeds.age", "dangling_reference") in findings(written(tmp_path, questionnaire()))
    content = questionnaire()
    content["item"][2]["type"] = "url"
    assert findings(written(tmp_path, content)) == [("/item/2/type", "unknown_type")]
    assert findings(written(tmp_path, json.dumps(content), "file.yaml")) == [("/item/2/type", "unknown_type")]


def test_an_import_that_is_refused_gives_every_reason(tmp_path: Path) -> None:
    content = questionnaire() | {"contained": [{}], "implicitRules": "x"}
    done = run("import", written(tmp_path, content))
    assert (done.exit_code, done.stdout) == (1, "")
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["/implicitRules", "/contained/0"]


@pytest.mark.parametrize("command", ["lint", "import"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "{"),
        ("a.json", "[]"),
        ("a.yaml", "a: [1"),
        ("a.yaml", "- 1"),
        ("a.yaml", "a: " + "[" * 100_000),
        ("a.yaml", "a: &a [1, *a]"),
        ("a.yaml", "1: x"),
        ("a.yaml", "a: !!python/object/apply:os.getcwd []"),
        ("a.yaml", "a: .nan"),
        ("a.json", " " * 1_000_001),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, command: str, name: str, content: str) -> None:
    done = run(command, written(tmp_path, content, name))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ffp: cannot read {tmp_path / name}: ")
    assert done.stderr.count("\n") == 1


def test_no_such_file(tmp_path: Path) -> None:
    done = run("lint", str(tmp_path / "none.yaml"))
    assert (done.exit_code, done.stderr) == (
        2,
        f"ffp: cannot read {tmp_path / 'none.yaml'}: No such file or directory\n",
    )


def test_dates_in_yaml_need_no_quotes(tmp_path: Path) -> None:
    items = [{"type": "date", "linkId": "day", "text": TEXT}]
    content = {"id": "x", "version": "1.0.0", "title": TEXT, "regions": ["knee"], "items": items, "feeds": FEEDS}
    text = json.dumps(content).replace('"linkId"', '"minValue": 2020-01-01, "linkId"')
    assert ("items.0.date.minValue", "invalid") not in findings(written(tmp_path, text, "file.yaml"))
