"""An account for one deployment: the emulator with every service, into which the built application is deployed.

Code is built as for Lambda, but for this machine's processor and the emulator's Python: it runs functions as processes.
What else differs from AWS is in REFUSED, ONLY_BY_TLS, BATCHES, ANYWHERE and `trusting`.
"""

import json
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from infra.local.emulator import ACCESS_KEY, REGION, SECRET_KEY, Emulator, emulator_python
from requirements.build import ARTEFACTS, ROOT, Target, make

# What the emulator's CloudFormation does not know. Lint and the contract tests alone speak for these.
REFUSED = {"AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"}
# These let in nobody who comes without TLS, and the emulator has none.
ONLY_BY_TLS = {"AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"}
# AWS authorizes both by the first; the emulator takes the second for an action of its own.
BATCHES = {"sqs:SendMessage": "sqs:SendMessageBatch"}
# Of what AWS asks whose identity it is, and the emulator asks nothing: a policy that names one would refuse everything.
ANYWHERE = {"ses:SendEmail"}
_BUCKET = "artefacts"
_PATIENCE_S = 90


class Cloud(Emulator):
    """Asks IAM about every call, as AWS does: a function may do what its role's policy says."""

    def _environment(self, port: int) -> dict[str, str]:
        here = super()._environment(port) | {"PERSIST_STATE": "0", "LOG_LEVEL": "INFO", "CLOUDTRAIL_RECORDING": "1"}
        del here["SERVICES"]
        # Functions inherit it: the one address that AWS's own would be by default.
        return here | {"FFP_COGNITO_ENDPOINT_URL": f"http://127.0.0.1:{port}"}

    def client(self, service: str) -> Any:
        session = boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=REGION)
        return session.client(service, endpoint_url=self.url)


@contextmanager
def cloud(directory: Path) -> Iterator[Cloud]:
    with Cloud(directory, end_with_us=True) as made:
        made.client("s3").create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield made


def here() -> Target:
    """What the emulator runs functions with."""
    asked = [emulator_python(), "-c", "import platform; print(platform.python_version(), platform.machine())"]
    version, machine = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    return Target(version.rpartition(".")[0], machine)


def upload(account: Cloud, trusting: Path) -> None:
    """Build every artefact and put it where functions get their code from. Their authorities of RDS are joined by the
    one of the stand-in.
    """
    for name in ARTEFACTS:
        folder = ROOT / "build" / "here" / name
        make(name, folder, here())  # how large it may be is said of Lambda's
        packed = account.directory / f"{name}.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as out:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.name != "rds.pem":
                    out.write(path, path.relative_to(folder))
            bundle = Path("infra/certificates/rds.pem")
            out.writestr(str(bundle), (folder / bundle).read_text() + trusting.read_text())
        account.client("s3").upload_file(str(packed), _BUCKET, f"{name}.zip")
        packed.unlink()


def as_it_takes_it(expanded: dict[str, Any]) -> dict[str, Any]:
    """The expanded template without what it refuses, its functions' code where `upload` has put it."""
    secrets = {n for n, each in expanded["Resources"].items() if each["Type"] == "AWS::SecretsManager::Secret"}
    kept = {
        name: dict(each) for name, each in expanded["Resources"].items() if each["Type"] not in REFUSED | ONLY_BY_TLS
    }
    for name, each in kept.items():
        each.pop("UpdatePolicy", None)  # the alias goes to the new version at once: there is nobody to move it
        if each["Type"] == "AWS::Lambda::Function":
            artefact = Path(each["Properties"]["Code"]["S3Key"]).name
            variables = each["Properties"]["Environment"]["Variables"] | {
                "AWS_SDK_UA_APP_ID": name
            }  # see privileges.py
            each["Properties"] = each["Properties"] | {
                "Code": {"S3Bucket": _BUCKET, "S3Key": f"{artefact}.zip"},
                "Environment": {"Variables": variables},
            }
        if each["Type"] == "AWS::IAM::Role":
            each["Properties"] = each["Properties"] | {
                "Policies": [_adapted(policy, secrets) for policy in each["Properties"].get("Policies", [])]
            }
    return expanded | {"Resources": kept}


def _adapted(policy: dict[str, Any], secrets: set[str]) -> dict[str, Any]:
    statements = []
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        more = [BATCHES[action] for action in actions if action in BATCHES]
        where = "*" if ANYWHERE & set(actions) else statement["Resource"]
        if isinstance(where, dict) and where.get("Ref") in secrets:  # Ref is an ARN on AWS, and a name here
            where = {
                "Fn::Sub": f"arn:aws:secretsmanager:${{AWS::Region}}:${{AWS::AccountId}}:secret:${{{where['Ref']}}}-*"
            }
        statements.append(statement | {"Action": [*actions, *more], "Resource": where})
    return policy | {"PolicyDocument": policy["PolicyDocument"] | {"Statement": statements}}


def deploy(account: Cloud, name: str, template: str, parameters: dict[str, str]) -> dict[str, str]:
    """Create a stack. Returns its outputs; fails with what CloudFormation says."""
    account.client("s3").put_object(Bucket=_BUCKET, Key=f"{name}.json", Body=template.encode())
    cloudformation = account.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateURL=f"{account.url}/{_BUCKET}/{name}.json",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        if not stack["StackStatus"].endswith("_IN_PROGRESS") or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        said = {
            each["LogicalResourceId"]: each.get("ResourceStatusReason")
            for each in events
            if "FAILED" in each["ResourceStatus"]
        }
        raise AssertionError(f"{stack['StackStatus']}: {json.dumps(said, indent=1)}")
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def resources(account: Cloud, name: str) -> dict[str, str]:
    """Logical id -> what it is called in the account."""
    found = account.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
