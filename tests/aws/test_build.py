"""What `make build` makes of the locks: for Lambda's processor and Python, whatever this machine has."""

import ast
import json
import os
import re
import struct
import subprocess
from pathlib import Path

import pytest

from domain.jobs import QUEUE_OF
from requirements import build
from requirements.build import ARTEFACTS, LAMBDA, ROOT, SERVICES, Target, wanted_by
from tests.aws.cloud import here
from tests.aws.stack import Stack

_AARCH64 = 183  # ELF's e_machine


def lock(name: str) -> str:
    return (ROOT / "requirements" / f"{ARTEFACTS[name].lock}.lock").read_text()


def packages(text: str) -> dict[str, str]:
    """Name -> version."""
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==([^ \\;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", ARTEFACTS)
def test_locks_are_parts_of_the_one_that_is_tested(name: str) -> None:
    """The same versions, by the same hashes."""
    tested = (ROOT / "requirements" / "dev.lock").read_text()
    ours = packages("".join(wanted_by(lock(name), LAMBDA)))
    assert ours.items() <= packages("".join(wanted_by(tested, LAMBDA))).items()
    hashes = set(re.findall(r"--hash=(sha256:[0-9a-f]+)", "".join(wanted_by(lock(name), LAMBDA))))
    assert hashes <= set(re.findall(r"--hash=(sha256:[0-9a-f]+)", tested))


def test_the_api_carries_neither_the_solver_nor_celery_nor_migrations() -> None:
    assert not {"highspy", "numpy", "celery", "kombu", "alembic", "sqlalchemy"} & set(packages(lock("api")))
    assert not {"celery", "kombu", "alembic", "sqlalchemy"} & set(packages(lock("worker")))
    assert "workers" not in ARTEFACTS["api"].packages


def test_what_is_heavy_is_where_it_is_used_and_nowhere_else(stack: Stack) -> None:
    """The design: the API below 70 MB, workers below 150; Lambda takes 250."""
    most = {name: artefact.most_mb for name, artefact in ARTEFACTS.items()}
    assert (most["api"], most["worker"], most["documents"]) == (70, 150, 150)
    assert max(most.values()) < build.LARGEST_MB
    holders = {
        package: {name for name in ARTEFACTS if package in packages(lock(name))}
        for package in ("highspy", "numpy", "typst", "imageio-ffmpeg")
    }
    assert holders == {
        "highspy": {"worker"}, "numpy": {"worker"}, "typst": {"documents"}, "imageio-ffmpeg": {"media"},
    }  # fmt: skip
    artefact_of = {
        stack.queue_of(name): Path(each["Code"]["S3Key"]).name
        for name, each in stack.functions.items()
        if len(stack.queues_of(name)) == 1
    }
    needed = {"generating": "worker", "importing": "worker", "rendering": "documents", "processing": "media"}
    for stage, artefact in needed.items():
        assert artefact_of[f"{QUEUE_OF[stage].title()}Queue"] == artefact, stage  # type: ignore[index]


def test_conditions_of_a_lock_are_asked_about_lambda_not_about_this_machine() -> None:
    text = (
        "# a comment\n"
        "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:aa\n    # via x\n"
        "numpy==2.5.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:bb\n"
        "pycparser==3.12 ; implementation_name != 'PyPy' \\\n    --hash=sha256:cc\n"
        "tzdata==1 ; sys_platform == 'win32' \\\n    --hash=sha256:dd\n"
        "arm==1 ; platform_machine == 'aarch64' \\\n    --hash=sha256:ee\n"
    )
    assert "".join(wanted_by(text, LAMBDA)) == (
        "numpy==2.5.5 \\\n    --hash=sha256:bb\npycparser==3.12 \\\n    --hash=sha256:cc\narm==1 \\\n    --hash=sha256:ee\n"
    )
    assert "numpy==2.4.6" in "".join(wanted_by(text, Target("3.11", "x86_64")))


def test_an_artefact_has_the_descriptions_of_every_service_that_is_asked() -> None:
    """botocore's are taken out of it but for these."""
    asked = set()
    for package in ("api", "cli", "infra", "workers"):
        for path in (ROOT / package).rglob("*.py"):
            if "local" not in path.parts:
                asked |= set(re.findall(r"\.client\(\s*\"([a-z0-9-]+)\"", path.read_text()))
    assert asked
    assert asked <= set(SERVICES)


def test_our_packages_hold_every_file_that_is_read_at_run_time() -> None:
    """Data files too; what only a laptop needs stays out."""
    ignored = build._NEVER(str(ROOT / "infra"), [path.name for path in (ROOT / "infra").iterdir()])
    assert {"local", "stacks", "functions"} <= ignored
    assert "certificates" not in ignored
    outside = []
    for package in {each for artefact in ARTEFACTS.values() for each in artefact.packages} - {"cli"}:
        for path in (ROOT / package).rglob("*.py"):
            if "local" not in path.parts:
                outside += [path for node in ast.walk(ast.parse(path.read_text())) if _imports_local(node)]
    assert outside == []


def _imports_local(node: ast.AST) -> bool:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return any(name.startswith("infra.local") for name in names)


def test_lambda_s_python_is_the_template_s(stack: Stack) -> None:
    assert {each["Runtime"] for each in stack.functions.values()} == {f"python{LAMBDA.python}"}
    assert {tuple(each["Architectures"]) for each in stack.functions.values()} == {("arm64",)}
    assert LAMBDA.machine == "aarch64"


@pytest.mark.long
def test_what_is_built_for_lambda(tmp_path: Path) -> None:
    """Sizes, processor, and nothing of a test."""
    for name in ARTEFACTS:
        folder = ROOT / "build" / name
        assert build.make(name, folder, LAMBDA), f"{name} is too large"
        libraries = list(folder.rglob("*.so*"))
        assert libraries
        assert {_machine(path) for path in libraries} == {_AARCH64}
        assert not any(re.search(r"cpython-3(?!13)\d+", path.name) for path in libraries)
        assert not any("tests" in path.relative_to(folder).parts for path in folder.rglob("*.py"))
        assert (folder / "infra" / "certificates" / "rds.pem").exists()
        assert list(folder.glob("psycopg-*.dist-info/METADATA"))


def _machine(path: Path) -> int:
    with path.open("rb") as file:
        head = file.read(20)
    assert head[:4] == b"\x7fELF", path
    machine: int = struct.unpack_from("<H", head, 18)[0]
    return machine


@pytest.mark.long
def test_every_handler_imports_from_its_artefact_alone(stack: Stack) -> None:
    """Of the same locks, for this machine's processor; nothing of this environment is on the path."""
    target = here()
    made = {}
    for name, each in stack.functions.items():
        artefact = Path(each["Code"]["S3Key"]).name
        folder = ROOT / "build" / "here" / artefact
        if artefact not in made:
            made[artefact] = build.make(artefact, folder, target)
        module, _, handler = each["Handler"].rpartition(".")
        code = f"import sys; sys.path[:0] = ['.']; import {module}, json; print(json.dumps([m for m in sys.modules if '.' not in m]), callable({module}.{handler}))"
        done = subprocess.run(
            [_python(), "-I", "-S", "-c", code],
            cwd=folder,
            env={"PATH": os.defpath},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
        loaded = set(json.loads(done.stdout.rpartition("]")[0] + "]"))
        assert not {"celery", "kombu"} & loaded, name
        if artefact == "api":
            assert not {"numpy", "highspy", "sqlalchemy", "alembic"} & loaded


def _python() -> str:
    from infra.local.emulator import emulator_python

    return str(emulator_python())
