"""Environments are made once, and again when what they are made from changes."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """requirements/install.py, working on a checkout of its own."""
    spec = importlib.util.spec_from_file_location("install", ROOT / "requirements" / "install.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "install", module)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    for name in ("run", "dev", "emulator"):
        (tmp_path / "requirements" / f"{name}.lock").write_text(f"# {name}\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "REQUIREMENTS", tmp_path / "requirements")
    return module


def made(install: ModuleType, kind: str, *, python: tuple[int, ...] = sys.version_info[:2]) -> None:
    environment = install.ROOT / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").touch()
    lock = install.REQUIREMENTS / f"{kind}.lock"
    note = {kind: install._digest(lock), "project": install._project_digest(), "python": python}
    (environment / "made-from.json").write_text(json.dumps(note))


def is_made(install: ModuleType, kind: str, *, exact: bool = False) -> bool:
    found: bool = install.Environment(".venv", kind, exact=exact, project=True).is_made()
    return found


def test_nothing_is_made_at_first(install: ModuleType):
    assert not is_made(install, "run")


def test_what_is_made_is_left_alone(install: ModuleType):
    made(install, "run")
    assert is_made(install, "run")
    assert not is_made(install, "dev")


def test_the_development_environment_does_for_the_command(install: ModuleType):
    made(install, "dev")
    assert is_made(install, "dev")
    assert is_made(install, "run")


@pytest.mark.parametrize("changed", ["requirements/run.lock", "pyproject.toml"])
def test_a_change_of_its_sources_makes_it_again(install: ModuleType, changed: str):
    made(install, "run")
    (install.ROOT / changed).write_text("[project]\nname = 'changed'\n")
    assert not is_made(install, "run")


def test_settings_of_other_tools_are_no_reason_to_install_again(install: ModuleType):
    made(install, "run")
    (install.ROOT / "pyproject.toml").write_text("[project]\n[tool.ruff]\nline-length = 99\n")
    assert is_made(install, "run")


def test_an_interrupted_installation_is_not_taken_for_a_whole_one(install: ModuleType):
    made(install, "run")
    (install.ROOT / ".venv" / "made-from.json").unlink()
    assert not is_made(install, "run")


def test_another_python_matters_only_when_one_was_chosen(install: ModuleType):
    made(install, "run", python=(3, 0))
    assert is_made(install, "run")
    assert not is_made(install, "run", exact=True)


def test_every_lock_is_hashed_and_names_no_index():
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        lines = lock.read_text().splitlines()
        assert not [line for line in lines if "://" in line or line.startswith("--")], lock.name
        pins = [number for number, line in enumerate(lines) if "==" in line]
        assert pins
        assert all(lines[number + 1].strip().startswith("--hash=sha256:") for number in pins), lock.name


def test_the_smaller_locks_hold_versions_of_the_development_lock():
    def pins(name: str) -> set[str]:
        lines = (ROOT / "requirements" / f"{name}.lock").read_text().splitlines()
        return {line.split()[0] for line in lines if "==" in line}

    for smaller in ("run", "api", "worker"):
        assert pins(smaller) < pins("dev"), smaller
