"""Brings a release to AWS in an order that can be left at any step: `deploy.py staging`, `deploy.py prod --dry-run`.

Build, upload, migrate what adds, move traffic (a tenth first, back by itself where an alarm rings), look whether it
answers; where it does not, the API goes back to the version it had. Nothing is taken from the database here: that is
`--contract`, in a step of its own, when nobody wants the release before any more. See docs/deploy.md.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SAM = ".venv-sam/bin/sam"
PACKAGED = ".aws-sam/packaged.yaml"
TRIES = 5


class Failed(Exception):
    """The message says what to do."""


def main() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    parser = argparse.ArgumentParser(description="Deploy a release to one environment.")
    parser.add_argument("environment", choices=[name for name in config if name in ("dev", "staging", "prod")])
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="of template.yaml; kept from then on")
    parser.add_argument("--release", help="how it is called; the commit's short name if not given")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, run none")
    parser.add_argument("--contract", action="store_true", help="only migrate what takes away, after a release")
    asked = parser.parse_args()
    given = config[asked.environment]["deploy"]["parameters"]
    try:
        account = Account(given["stack_name"], given["region"], dry_run=asked.dry_run)
        if asked.contract:
            account.migrate(asked.environment, "contract")
        else:
            release(account, asked.environment, [*asked.parameters, f"Release={asked.release or _commit()}"])
    except Failed as error:
        sys.exit(f"deploy: {error}")


def release(account: "Account", environment: str, parameters: Sequence[str]) -> None:
    """Every step may be repeated: what is done already is found done."""
    _run(account.dry_run, ["make", "build"])
    account.package()
    before = account.version()
    if before is None:  # nothing is there yet, so nobody is served: the stack first
        account.deploy(environment, parameters)
        account.migrate(environment, "expand")
    else:
        account.update_migrator(environment)
        account.migrate(environment, "expand")
        account.deploy(environment, parameters)
    try:
        account.smoke()
    except Failed:
        if before is not None:
            account.go_back_to(before)
        raise


class Account:
    """What is asked of AWS, by its own commands: `sam` from this checkout, `aws` from the machine."""

    def __init__(self, stack: str, region: str, *, dry_run: bool) -> None:
        self.dry_run = dry_run
        self._stack = stack
        self._region = region
        self._packaged: Path = ROOT / PACKAGED
        if not dry_run:
            self._refuse_without_credentials()

    def package(self) -> None:
        """Uploads the artefacts; the template then names where they are."""
        sam = [SAM, "package", "--resolve-s3", "--region", self._region, "--output-template-file", PACKAGED]
        _run(self.dry_run, sam)

    def version(self) -> str | None:
        """That the API's alias is at; None before the first release."""
        function = self._resource("ApiFunction")
        if function is None:
            return None
        found: str = self._aws("lambda", "get-alias", "--function-name", function, "--name", "live")["FunctionVersion"]
        return found

    def update_migrator(self, environment: str) -> None:
        """The new release's migrations, before anything else of it."""
        bucket, key = self._code("MigrateFunction")
        name = f"ffp-{environment}-migrate"
        self._aws("lambda", "update-function-code", "--function-name", name, "--s3-bucket", bucket, "--s3-key", key)
        self._aws("lambda", "wait", "function-updated-v2", "--function-name", name)

    def migrate(self, environment: str, phase: str) -> None:
        with tempfile.NamedTemporaryFile() as answer:
            told = self._aws(
                "lambda", "invoke", "--function-name", f"ffp-{environment}-migrate", "--cli-read-timeout", "910",
                "--cli-binary-format", "raw-in-base64-out", "--payload", json.dumps({"phase": phase}), answer.name,
            )  # fmt: skip
            said = Path(answer.name).read_text()
        if told.get("FunctionError"):
            where = f"the function's log says where: aws logs tail --since 15m, of ffp-{environment}-migrate"
            raise Failed(f"the migration failed, and the release before goes on serving: {said}; {where}")
        if '"refused"' in said:
            raise Failed(f"the migration was refused, and the release before goes on serving: {said}")
        if not self.dry_run:
            print(f"migrated: {said}")

    def deploy(self, environment: str, parameters: Sequence[str]) -> None:
        """Waits for the tenth of the traffic, and for the rest."""
        sam = [SAM, "deploy", "--template-file", PACKAGED, "--config-env", environment]
        given = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
        overrides = [*given["parameter_overrides"].split(), *parameters]
        _run(self.dry_run, [*sam, "--parameter-overrides", *overrides])

    def smoke(self) -> None:
        """Whether the API answers, with its database."""
        url = self._output("ApiUrl") + "/v1/health/ready"
        if self.dry_run:
            print(f"GET {url}")
            return
        for _ in range(TRIES):
            try:
                with urllib.request.urlopen(url, timeout=30):  # noqa: S310 # nosec B310 # https, of the stack
                    return
            except (urllib.error.URLError, TimeoutError) as error:
                said = str(error)
        raise Failed(f"{url} does not answer: {said}")

    def go_back_to(self, version: str) -> None:
        """The API alone: `make deploy` from the release before brings back the workers too. The database keeps what was
        added, with which that release works.
        """
        function = self._resource("ApiFunction") or ""
        alias = ["--function-name", function, "--name", "live", "--function-version", version]
        self._aws("lambda", "update-alias", *alias, "--routing-config", "AdditionalVersionWeights={}")
        print(f"the API is back at version {version}", file=sys.stderr)

    def _refuse_without_credentials(self) -> None:
        try:
            found = self._aws("sts", "get-caller-identity")
        except FileNotFoundError:
            raise Failed("there is no `aws` command on this machine: install the AWS CLI, version 2") from None
        except Failed:
            raise Failed(
                "there are no AWS credentials that work: `aws sso login`, or set AWS_PROFILE; nothing has been begun"
            ) from None
        print(f"deploying {self._stack} to account {found['Account']}, {self._region}")

    def _resource(self, logical_id: str) -> str | None:
        wanted = ["--stack-name", self._stack, "--logical-resource-id", logical_id]
        try:
            found = self._aws("cloudformation", "describe-stack-resource", *wanted)
        except Failed as error:
            # Whatever else went wrong, a throttled request or a right that is missing, is no first release: that
            # moves traffic before it migrates.
            if "does not exist" not in str(error):
                raise
            return None
        name: str = found["StackResourceDetail"]["PhysicalResourceId"]
        return name

    def _output(self, name: str) -> str:
        [stack] = self._aws("cloudformation", "describe-stacks", "--stack-name", self._stack)["Stacks"]
        found: str = next(each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == name)
        return found

    def _code(self, logical_id: str) -> tuple[str, str]:
        """Where `sam package` has put a function's code."""
        if self.dry_run:
            return "ARTEFACTS", "THE-MIGRATOR"
        lines = self._packaged.read_text().splitlines()
        start = lines.index(f"  {logical_id}:")
        uri = next(line.split()[1] for line in lines[start:] if line.strip().startswith("CodeUri:"))
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return bucket, key

    def _aws(self, *words: str) -> dict[str, Any]:
        command = ["aws", *words, "--region", self._region, "--output", "json"]
        if self.dry_run:
            print(shlex.join(command))
            return _PRETENDED.get(words[1], {})
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(done.stderr.strip())
        found: dict[str, Any] = json.loads(done.stdout or "{}")
        return found


# What a dry run takes for answers, so that it gets to the next command.
_PRETENDED: dict[str, dict[str, Any]] = {
    "get-alias": {"FunctionVersion": "VERSION-BEFORE"},
    "describe-stack-resource": {"StackResourceDetail": {"PhysicalResourceId": "API-FUNCTION"}},
    "describe-stacks": {"Stacks": [{"Outputs": [{"OutputKey": "ApiUrl", "OutputValue": "https://API"}]}]},
}


def _run(dry_run: bool, command: Sequence[str]) -> None:
    print(shlex.join(command), flush=True)
    if dry_run:
        return
    environment = os.environ | {"SAM_CLI_TELEMETRY": "0"}
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        raise Failed(f"{command[0]} {command[1]} failed: what was done before it stays, and can be done again")


def _commit() -> str:
    asked = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
