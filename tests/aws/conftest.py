"""The expanded template, and its functions as processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import pytest

from infra.declared import SETTINGS
from infra.local.emulator import emulator_python
from tests.aws.gateway import TEMPLATE
from tests.aws.stack import NOT_ON_LAMBDA, Stack
from tests.conftest import Database

_ROOT = TEMPLATE.parent
_BY_THE_RUNTIME = ("PATH", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_STAND_INS = ("AWS_ENDPOINT_URL", "FFP_COGNITO_ENDPOINT_URL", "FFP_COGNITO_ISSUER")

# Nobody asks for an address of a video here: tests/api/test_videos.py does.
VIDEOS = {
    "FFP_BUCKET_VIDEOS": "videos",
    "FFP_CDN_URL": "https://cdn.example",
    "FFP_CDN_KEYS_ARN": "arn:aws:secretsmanager:eu-west-2:123456789012:secret:cdn-abc",
}


@pytest.fixture(scope="session")
def expanded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """template.yaml as CloudFormation deploys it, as a file."""
    found = subprocess.run(
        [emulator_python(), Path(__file__).with_name("expand.py"), TEMPLATE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    path = tmp_path_factory.mktemp("expanded") / "template.json"
    path.write_text(found.stdout)
    return path


@pytest.fixture(scope="session")
def stack(expanded: Path) -> Stack:
    return Stack(json.loads(expanded.read_text())["Resources"])


class Function:
    """One Lambda environment: the template's handler in a process with the template's variables and no others.

    `read` is what its settings have asked for so far.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.read: set[str] = set()

    def __call__(self, event: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        self.read |= set(answer["read"])
        return answer["result"]


@pytest.fixture
def function(stack: Stack, db: Database, identity: None, queues: dict[str, str]) -> Iterator[Callable[..., Function]]:
    """Start a function by its logical id. What the template refers to is this test's database, user pool, queues and
    key of webhooks.
    """
    secrets: Any = boto3.client("secretsmanager")
    key = secrets.create_secret(Name=uuid4().hex, SecretString="k" * 64)["ARN"]
    administrator = urlsplit(db.owner_url)
    kept = json.dumps({"username": administrator.username, "password": administrator.password})
    nobody_s = db.owner_url.replace(f":{administrator.password}@", "@")
    administrators = {
        "FFP_ADMIN_DATABASE_URL": nobody_s,
        "FFP_ADMIN_CREDENTIALS_ARN": secrets.create_secret(Name=uuid4().hex, SecretString=kept)["ARN"],
    }
    with ExitStack() as running:

        def start(name: str, **changes: str) -> Function:
            stands_for = {"FFP_CURSOR_KEY": "a stack", "FFP_RELEASE": "test", "FFP_WEBHOOK_KEY_ARN": key} | VIDEOS
            here = os.environ | stands_for | administrators | {"FFP_ENV": "dev", "FFP_CORS_ORIGINS": ""} | changes
            ours = {
                variable: value if isinstance(value, str) else here.get(variable, SETTINGS[variable].default)
                for variable, value in stack.variables(name).items()
            }
            around = {variable: here[variable] for variable in (*_BY_THE_RUNTIME, *_STAND_INS)}
            process = running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.aws.invoke", stack.functions[name]["Handler"]],
                    cwd=_ROOT,
                    env=around | ours,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            running.callback(process.kill)
            return Function(process)

        yield start


def read_on_lambda(function: Function) -> set[str]:
    return function.read - NOT_ON_LAMBDA
