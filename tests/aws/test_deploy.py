"""The order of a deployment, by its dry run: what is done before what, and what is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from requirements.deploy import Account, Failed, release

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "requirements" / "deploy.py"


def deploy(*words: str, path: str = os.defpath) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, SCRIPT, *words],
        env={"PATH": path, "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )


def position(lines: list[str], *words: str) -> int:
    [found] = [number for number, line in enumerate(lines) if all(word in line for word in words)]
    return found


def test_the_database_is_ready_before_traffic_moves_and_looked_at_after() -> None:
    done = deploy("staging", "WebOrigin=https://app.example", "--release", "1.2.3", "--dry-run")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    order = [
        position(lines, "make build"),
        position(lines, "sam package"),
        position(lines, "lambda update-function-code", "ffp-staging-migrate"),
        position(lines, "lambda wait function-updated"),
        position(lines, "lambda invoke", "ffp-staging-migrate", '{"phase": "expand"}'),
        position(lines, "sam deploy", "Environment=staging", "WebOrigin=https://app.example", "Release=1.2.3"),
        position(lines, "GET", "/v1/health/ready"),
    ]
    assert order == sorted(order)
    assert "contract" not in done.stdout


def test_what_takes_away_is_a_step_of_its_own() -> None:
    done = deploy("prod", "--contract", "--dry-run")
    [line] = done.stdout.splitlines()
    assert "ffp-prod-migrate" in line
    assert '{"phase": "contract"}' in line


def test_without_the_command_of_aws_nothing_is_begun(tmp_path: Path) -> None:
    done = deploy("staging", path=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "deploy: there is no `aws` command on this machine: install the AWS CLI, version 2\n"


def test_without_credentials_nothing_is_begun(tmp_path: Path) -> None:
    aws = tmp_path / "aws"
    aws.write_text("#!/bin/sh\necho 'Unable to locate credentials' >&2\nexit 253\n")
    aws.chmod(0o755)
    done = deploy("staging", path=f"{tmp_path}:{os.defpath}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there are no AWS credentials that work" in done.stderr


def test_an_account_that_cannot_be_asked_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    """A first release moves traffic before it migrates, which every other one must not."""
    aws = tmp_path / "aws"
    answers = 'case $2 in get-caller-identity) echo \'{"Account": "1"}\';; *) echo "$SAID" >&2; exit 254;; esac'
    aws.write_text(f"#!/bin/sh\n{answers}\n")
    aws.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:{os.defpath}")
        patch.setenv("SAID", "An error occurred (Throttling) when calling DescribeStackResource: Rate exceeded")
        account = Account("ffp-dev", "eu-west-2", dry_run=False)
        with pytest.raises(Failed, match="Throttling"):
            account.version()
        patch.setenv("SAID", "An error occurred (ValidationError): Stack 'ffp-dev' does not exist")
        assert account.version() is None


class _Broken(Account):
    """An account in which one step fails. The steps are what is under test; AWS is not asked."""

    def __init__(self, fails: str) -> None:
        super().__init__("ffp-dev", "eu-west-2", dry_run=True)
        self.fails = fails
        self.gone_back_to: list[str] = []

    def migrate(self, environment: str, phase: str) -> None:
        if self.fails == "migrate":
            raise Failed(phase)

    def smoke(self) -> None:
        if self.fails == "smoke":
            raise Failed("no answer")

    def go_back_to(self, version: str) -> None:
        self.gone_back_to.append(version)


def test_an_api_that_does_not_answer_goes_back(capsys: pytest.CaptureFixture[str]) -> None:
    account = _Broken("smoke")
    with pytest.raises(Failed, match="no answer"):
        release(account, "dev", [])
    assert account.gone_back_to == ["VERSION-BEFORE"]


def test_a_migration_that_is_refused_leaves_everything_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    account = _Broken("migrate")
    with pytest.raises(Failed, match="expand"):
        release(account, "dev", [])
    assert account.gone_back_to == []
    assert "sam deploy" not in capsys.readouterr().out
