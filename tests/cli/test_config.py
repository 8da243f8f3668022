"""`ffp config`: every setting, no secret, and what production would refuse."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner, Result

from cli.config import Process, page
from cli.main import app
from infra import settings
from infra.declared import SETTINGS, Door

ROOT = Path(__file__).resolve().parents[2]
SECRET = "zq7-password-zq7"
# Set for other programs, or read by nobody but the process that wrote it.
NOT_OURS = {"AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED", "FFP_STACK"}


def config(*words: str) -> Result:
    return CliRunner().invoke(app, ["config", *words])


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.values():
        monkeypatch.delenv(name)


def test_the_page_is_that_of_the_declarations() -> None:
    assert (ROOT / "docs/settings.md").read_text() == page(), "run: ffp config --format markdown > docs/settings.md"


def test_every_variable_in_the_code_is_declared_and_every_declared_one_is_in_the_code() -> None:
    named: set[str] = set()
    families: set[str] = set()
    for path in (path for package in ("api", "cli", "infra", "workers") for path in (ROOT / package).rglob("*.py")):
        if path.name != "declared.py":
            text = path.read_text()
            named |= set(re.findall(r"\"((?:FFP|AWS|OTEL)_[A-Z0-9_]+[A-Z0-9])\"", text))
            families |= {f"{head}\\w+{tail}" for head, tail in re.findall(r"\"(FFP_[A-Z_]+)\{[^}]+\}([A-Z_]*)\"", text)}
    assert named - NOT_OURS <= set(SETTINGS)
    unread = set(SETTINGS) - named - {name for name in SETTINGS for each in families if re.fullmatch(each, name)}
    assert unread <= {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_USE_DUALSTACK_ENDPOINT",
    }  # the AWS library reads them


def test_every_lambda_entry_can_be_checked_for() -> None:
    """By the door it says it is. A worker process is the one door that is no function."""
    doors = {"worker"}
    entries = set()
    for path in (path for package in ("api", "cli", "workers") for path in (ROOT / package).rglob("*.py")):
        text = path.read_text()
        if re.search(r"^(def handler\(|handler = )", text, re.MULTILINE):
            entries.add(".".join((*path.relative_to(ROOT).with_suffix("").parts, "handler")))
            doors.update(re.findall(r"^(?:@entry|    production\.refuse)\(\"(\w+)\"\)$", text, re.MULTILINE))
    doors.update(re.findall(r"production\.refuse\(\"(\w+)\"\)", (ROOT / "api/app.py").read_text()))
    assert doors == set(get_args(Door)) == set(Process) - {"all"}
    assert set(re.findall(r"^ +Handler: (\S+)$", (ROOT / "template.yaml").read_text(), re.MULTILINE)) <= entries


def test_json_says_what_applies_and_whose_word_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFP_LEASE_S", "45")
    monkeypatch.setenv("FFP_LOG_FORMAT", "")
    rows = {row["name"]: row for row in json.loads(config("--format", "json").output)}
    assert list(rows) == list(SETTINGS)
    lease = rows["FFP_LEASE_S"]
    assert (lease["value"], lease["default"], lease["from"], lease["unit"]) == ("45", "60", "environment", "seconds")
    assert (rows["FFP_LOG_FORMAT"]["value"], rows["FFP_LOG_FORMAT"]["from"]) == ("json", "default")
    assert (rows["FFP_CURSOR_KEY"]["value"], rows["FFP_CURSOR_KEY"]["from"]) == (None, None)


@pytest.mark.parametrize("words", [(), ("--format", "json"), ("--check",), ("--check", "--for", "all")])
@pytest.mark.parametrize("where", ["local", "prod"])
def test_no_secret_is_printed(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], where: str) -> None:
    for name, setting in SETTINGS.items():
        if setting.secret:
            monkeypatch.setenv(name, f"postgresql://ffp:{SECRET}@127.0.0.1/ffp" if "URL" in name else SECRET)
    monkeypatch.setenv("FFP_ENV", where)
    monkeypatch.setenv("COLUMNS", "200")
    done = config(*words)
    assert SECRET not in done.output
    assert words or "FFP_DATABASE_URL" in done.output


def test_every_password_key_and_database_is_declared_a_secret() -> None:
    secret = {name for name, setting in SETTINGS.items() if setting.secret}
    assert {name for name in SETTINGS if re.search(r"DATABASE_URL|SECRET|PASSWORD|CURSOR_KEY", name)} <= secret


def test_check_refuses_nothing_on_a_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFP_LOG_FORMAT", "console")
    done = config("--check")
    assert (done.exit_code, done.output) == (0, "FFP_ENV is local: it refuses nothing.\n")


def test_check_names_everything_at_once_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFP_ENV", "prod")
    monkeypatch.setenv("FFP_LOG_FORMAT", "console")
    monkeypatch.setenv("FFP_POOL_SIZE", "many")
    done = config("--check", "--for", "relay")
    assert done.exit_code == 1
    named = [line.partition(":")[0] for line in done.output.splitlines()]
    needed = {name for name, setting in SETTINGS.items() if "relay" in setting.needed_by}
    assert "FFP_RELAY_DATABASE_URL" in needed
    assert named == [name for name in SETTINGS if name in needed | {"FFP_POOL_SIZE", "FFP_LOG_FORMAT"}]


@pytest.mark.parametrize("where", ["production", "PROD", "test"])
def test_a_misspelt_environment_is_not_a_laptop(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setenv("FFP_ENV", where)
    done = config("--check")
    assert done.exit_code == 1
    assert "FFP_ENV must be one of local, dev, staging, prod" in done.output
