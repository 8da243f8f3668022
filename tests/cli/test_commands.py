"""What each command says when there is nothing to do, or nothing to do it with."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from infra.local import diagnosis
from infra.local.ports import free_port

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command in a directory where nothing was ever started, without any of FFP's variables."""
    monkeypatch.chdir(tmp_path)
    for name in ("FFP_DATABASE_URL", "FFP_ADMIN_DATABASE_URL", "FFP_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: CliRunner().invoke(app, list(words))


def test_help_lists_every_command(run: Run):
    shown = run("--help").output
    for command in (
        "run",
        "up",
        "down",
        "status",
        "env",
        "demo",
        "plan",
        "score",
        "template",
        "doctor",
        "migrate",
        "api",
        "worker",
        "version",
    ):
        assert f" {command} " in shown


def test_version(run: Run):
    assert run("version").output.startswith("0.")


@pytest.mark.parametrize("command", ["env", "demo", "migrate"])
def test_what_needs_a_stack_says_so_in_one_line(run: Run, tmp_path: Path, command: str):
    done = run(command)
    assert done.exit_code == 1
    assert done.output == f"ffp: no stack is up in {tmp_path / '.ffp'}: start one with `ffp up --detach`\n"


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_process_without_its_environment_names_the_variable(run: Run, command: str):
    done = run(command)
    assert done.exit_code == 1
    assert done.output.startswith("ffp: FFP_DATABASE_URL is not set")
    assert done.output.count("\n") == 1


def test_down_of_nothing_is_no_error_and_makes_nothing(run: Run, tmp_path: Path):
    done = run("down")
    assert done.exit_code == 0
    assert done.output == f"Nothing runs in {tmp_path / '.ffp'}.\n"
    assert not list(tmp_path.iterdir())


def test_status_of_nothing_ends_with_1(run: Run):
    done = run("status")
    assert done.exit_code == 1
    assert "not running" in done.output


def test_doctor_finds_nothing_wrong_here(run: Run):
    done = run("doctor", "--port", str(free_port()))
    assert done.exit_code == 0, done.output
    assert "PostgreSQL: 18" in done.output
    assert "ministack" in done.output


def test_doctor_says_how_to_mend(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ".ffp" / "postgres.unusable-1").mkdir(parents=True)
    monkeypatch.setattr(diagnosis, "emulator_python", lambda: tmp_path / "nothing")
    done = run("doctor")
    assert done.exit_code == 1
    assert "run `make setup`" in done.output
    assert "unusable clusters were put aside" in done.output


def test_a_file_in_the_way_is_one_line(run: Run, tmp_path: Path):
    (tmp_path / ".ffp").write_text("not a directory")
    done = run("up", "--detach")
    assert done.exit_code == 1
    assert done.output == f"ffp: cannot use {tmp_path / '.ffp'} as data directory: File exists\n"


@pytest.mark.parametrize("value", ["soon", "1.5", "-3"])
def test_a_period_that_is_no_number_is_one_line(monkeypatch: pytest.MonkeyPatch, value: str):
    from infra.local.environment import whole_seconds
    from infra.local.errors import LocalStackError

    monkeypatch.setenv("FFP_VISIBILITY_S", value)
    with pytest.raises(LocalStackError, match="FFP_VISIBILITY_S must be a whole number of seconds"):
        whole_seconds("FFP_VISIBILITY_S")
