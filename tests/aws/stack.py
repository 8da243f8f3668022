"""template.yaml after the SAM transform, as the contract tests read it."""

from dataclasses import dataclass
from typing import Any

# Read by infra/settings.py, but by no function on AWS.
NOT_ON_LAMBDA = {
    # The local stack: where its emulator and its key server are, and how a terminal wants its logs.
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_S3",
    "FFP_COGNITO_ENDPOINT_URL",
    "FFP_COGNITO_ISSUER",
    "FFP_LOG_FORMAT",
    "FFP_API_URL",
    "FFP_TOKEN",
    "FFP_DATA_DIR",
    "FFP_POSTGRES_BIN",
    # Their defaults are AWS's.
    "FFP_AUTH_QUOTAS",
    "FFP_EVEN_ANSWER_S",
    "FFP_VIDEO_PROGRESS_S",
    "FFP_REGISTRATION_KEPT_H",
    # API Gateway hands over whole requests.
    "FFP_READ_TIMEOUT_S",
    # A fleet of Celery workers, where on AWS the queue and the schedules say it.
    "FFP_VISIBILITY_S",
    # Secrets Manager has it.
    "FFP_WEBHOOK_KEY",
    "FFP_WEBHOOK_ALLOW_PRIVATE",
    "FFP_CDN_KEYS_FILE",
    "FFP_RELAY",
    "FFP_RELAY_PERIOD_S",
    # A container's; a function has CloudWatch and X-Ray.
    "FFP_METRICS_PORT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    # Lambda sets it.
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
}


@dataclass(frozen=True)
class Stack:
    resources: dict[str, Any]

    def of(self, kind: str) -> dict[str, Any]:
        """Logical id -> properties."""
        return {name: each.get("Properties", {}) for name, each in self.resources.items() if each["Type"] == kind}

    @property
    def functions(self) -> dict[str, Any]:
        return self.of("AWS::Lambda::Function")

    @property
    def paths(self) -> dict[str, Any]:
        paths: dict[str, Any] = self.resources["RestApi"]["Properties"]["Body"]["paths"]
        return paths

    def variables(self, function: str) -> dict[str, Any]:
        variables: dict[str, Any] = self.functions[function]["Environment"]["Variables"]
        return variables

    def queue_of(self, function: str) -> str | None:
        """The queue whose messages a function is given."""
        for mapping in self.of("AWS::Lambda::EventSourceMapping").values():
            if mapping["FunctionName"] == {"Ref": function}:
                queue: str = mapping["EventSourceArn"]["Fn::GetAtt"][0]
                return queue
        return None

    def queues_of(self, function: str) -> set[str]:
        """All of them."""
        return {
            mapping["EventSourceArn"]["Fn::GetAtt"][0]
            for mapping in self.of("AWS::Lambda::EventSourceMapping").values()
            if mapping["FunctionName"] == {"Ref": function}
        }

    def statements(self, function: str) -> list[dict[str, Any]]:
        """What a function's own role allows, without what all of them share."""
        role = self.resources[self.functions[function]["Role"]["Fn::GetAtt"][0]]["Properties"]
        return [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]

    def queues_allowed(self, function: str, action: str) -> set[str]:
        found: set[str] = set()
        for statement in self.statements(function):
            actions, resources = _list(statement["Action"]), _list(statement["Resource"])
            if action in actions:
                found |= {resource["Fn::GetAtt"][0] for resource in resources}
        return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
