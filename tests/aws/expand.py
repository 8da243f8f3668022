"""Print a SAM template as CloudFormation deploys it. Runs in the emulator's environment, which has the translator.

No account is asked: everything AWS would look up is given here.
"""

import json
import os
import sys
from pathlib import Path

os.environ["AWS_DEFAULT_REGION"] = "eu-west-2"

from samtranslator.translator.transform import transform  # type: ignore[import-not-found]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]

PARAMETERS = {
    "Environment": "prod",
    "DatabaseHost": "database.example",
    "DatabaseInstanceHost": "instance.example",
    "DatabaseCredentialsArn": "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds-abc",
    "DatabaseResourceId": "db-ABCDEFGHIJKL",
    "DatabaseName": "ffp",
    "UserPoolId": "eu-west-2_example",
    "UserPoolClientId": "exampleclient",
    "SubnetIds": ["subnet-00000001", "subnet-00000002"],
    "SecurityGroupIds": ["sg-00000001"],
}


class _NoManagedPolicies:
    """Of AWS: every function has a role of its own."""

    def load(self) -> dict[str, str]:
        return {}


def main() -> None:
    template = yaml_parse(Path(sys.argv[1]).read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":  # as packaging leaves it
            resource["Properties"]["CodeUri"] = f"s3://artefacts/{resource['Properties']['CodeUri']}"
        if resource["Type"] == "AWS::CloudFormation::Stack":
            resource["Properties"]["TemplateURL"] = f"https://artefacts.example/{resource['Properties']['TemplateURL']}"
    json.dump(transform(template, PARAMETERS, _NoManagedPolicies()), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
