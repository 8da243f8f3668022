"""Rules of the layout that import contracts cannot say."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("api", "cli", "domain", "infra", "workers")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if path.name != "__main__.py"
)
# A Celery command line names an application object, so this one module reads its settings when it is imported.
ENTRIES = {"workers.celery_app"}


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In an interpreter of its own, with nothing of ours in the environment."""
    bare = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        cwd=ROOT, env=bare, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_nothing_happens_at_import() -> None:
    """Every module imports with an empty environment, starts no thread and opens no socket."""
    code = """
import importlib, socket, sys, threading
def refuse(*_, **__): raise AssertionError("a socket at import")
socket.socket.connect = refuse
for name in sys.argv[1:]:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
"""
    done = python(code, *(name for name in MODULES if name not in ENTRIES))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("entry", "never"),
    [
        (
            "api.handler",
            {
                "celery",
                "kombu",
                "sqlalchemy",
                "alembic",
                "boto3",
                "botocore",
                "yaml",
                "highspy",
                "uvicorn",
                "domain.programs.checker",
                "domain.programs.library",
            },
        ),
        ("workers.sqs", {"celery", "kombu", "sqlalchemy", "alembic", "boto3", "fastapi", "uvicorn"}),
        ("workers.relay", {"celery", "sqlalchemy", "boto3", "fastapi", "highspy", "domain.programs.generator"}),
    ],
)
def test_what_a_lambda_entry_does_not_load(entry: str, never: set[str]) -> None:
    done = python("import importlib, json, sys; importlib.import_module(sys.argv[1]); print(json.dumps(list(sys.modules)))", entry)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert never & set(json.loads(done.stdout)) == set()


def test_names_say_what_is_in_them() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
    assert [name for name in MODULES if name.rpartition(".")[2] in vague] == []


def test_only_settings_and_the_local_stack_read_the_environment() -> None:
    for path in [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]:
        place = path.relative_to(ROOT).as_posix()
        if place == "infra/settings.py" or place.startswith(("infra/local/", "cli/")):
            continue
        assert "os.environ" not in path.read_text(), place
        assert "getenv" not in path.read_text(), place


def test_the_domain_has_no_clock_and_no_chance() -> None:
    for path in (ROOT / "domain").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"now", "utcnow", "today", "uuid4", "time", "monotonic"} or not isinstance(
                    node.value, ast.Name
                ) or node.value.id not in {"datetime", "date", "time", "uuid"}, f"{path}:{node.lineno}"  # fmt: skip


def test_a_decision_is_listed_once_it_is_made() -> None:
    listed = (ROOT / "docs/adr/README.md").read_text()
    for path in (ROOT / "docs/adr").glob("0*.md"):
        assert f"({path.name})" in listed
