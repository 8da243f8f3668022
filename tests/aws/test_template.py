"""What template.yaml promises, read after the SAM transform."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from openapi_spec_validator import validate

from api import cors
from api.app import create_app
from api.middleware import SECURITY
from domain.jobs import QUEUE_OF, STAGE_AFTER
from domain.rights import EXPORT_DAYS
from domain.videos import LEASE_S, PROCESSING_S
from infra import settings
from infra.local import queues as local_queues
from requirements.build import ARTEFACTS
from tests.aws import gateway
from tests.aws.stack import NOT_ON_LAMBDA, Stack

ROOT = gateway.TEMPLATE.parent
# design: of 100 connections PostgreSQL has, what the functions may use at the most, one each.
API_CONNECTIONS, WORKER_CONNECTIONS, ALL_CONNECTIONS = 40, 12, 60
WITHOUT_A_TOKEN = {
    ("get", "/v1/health/live"),
    ("get", "/v1/health/ready"),
    ("get", "/v1/auth/config"),
    ("post", "/v1/auth/login"),
    ("post", "/v1/auth/refresh"),
    ("post", "/v1/auth/register"),
    ("post", "/v1/auth/confirm"),
    ("post", "/v1/auth/resend"),
    ("post", "/v1/auth/forgot"),
    ("get", "/v1/feeds/{token}"),  # a calendar signs in nowhere: the address is the secret
    ("post", "/v1/auth/reset"),
    ("get", "/v1/errors/{code}"),
    ("post", "/v1/erasures/cancel"),
    ("post", "/v1/invitations/look"),
    ("post", "/v1/invitations/accept"),
}
WORKERS = ("ScoringFunction", "GenerationFunction", "NotificationsFunction", "BulkFunction", "MediaFunction")
QUARTERLY = "MissedSessionsFunction"  # somewhere on earth a day begins, or quiet hours end
FILMS = "MediaFunction"
SCHEDULED = ("RelayFunction", "SweeperFunction", "ReplayerFunction", "WebhooksFunction")
SENDER = "WebhookSenderFunction"
WEBHOOK_QUEUES = {"WebhooksQueue", "WebhookResultsQueue"}
DEAD_LETTERS = "DeadLettersFunction"
QUEUES = {name: f"{name.title()}Queue" for name in QUEUE_OF.values()}


def test_neither_the_source_nor_what_is_deployed_has_a_finding(expanded: Path) -> None:
    lint = Path(sys.executable).with_name("cfn-lint")
    found = subprocess.run(
        [lint, "--include-checks", "I", "--", gateway.TEMPLATE, expanded], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


# --- the API ---


def test_the_api_has_exactly_the_application_s_operations(stack: Stack) -> None:
    assert gateway.written() == gateway.rendered(), "run: .venv/bin/python -m tests.aws.gateway"
    body = stack.resources["RestApi"]["Properties"]["Body"]
    ours = create_app().openapi()["paths"]
    assert {path: set(operations) for path, operations in body["paths"].items()} == {
        gateway.resource(path): {*operations, "options"} for path, operations in ours.items()
    }
    validate(body)


def _operations(stack: Stack) -> dict[tuple[str, str], Any]:
    return {(method, path): each for path, of in stack.paths.items() for method, each in of.items()}


def test_every_route_but_the_allow_list_takes_an_access_token_with_its_scope(stack: Stack) -> None:
    operations = {key: each for key, each in _operations(stack).items() if key[0] != "options"}
    assert {key for key, each in operations.items() if each["security"] == []} == WITHOUT_A_TOKEN
    with_token = [each["security"] for key, each in operations.items() if key not in WITHOUT_A_TOKEN]
    assert all(security == [{"AccessToken": ["aws.cognito.signin.user.admin", "ffp/api"]}] for security in with_token)


def test_what_the_gateway_answers_by_itself_has_the_application_s_headers(stack: Stack) -> None:
    """Of the one web application: an answer without these is an opaque failure to its script."""
    origin = {"Fn::Sub": "'${WebOrigin}'"}
    body = stack.resources["RestApi"]["Properties"]["Body"]
    for name, answer in body["x-amazon-apigateway-gateway-responses"].items():
        given = {
            key.removeprefix("gatewayresponse.header."): each for key, each in answer["responseParameters"].items()
        }
        assert given["Access-Control-Allow-Origin"] == origin, name
        assert given["Access-Control-Expose-Headers"] == f"'{cors.EXPOSED}'", name
        assert set(SECURITY) <= set(given), name
    for (method, path), operation in _operations(stack).items():
        if method == "options":
            assert operation["security"] == [], path
            integration = operation["x-amazon-apigateway-integration"]
            given = integration["responses"]["default"]["responseParameters"]
            assert integration["type"] == "mock", path
            assert given["method.response.header.Access-Control-Allow-Origin"] == origin, path
            assert given["method.response.header.Access-Control-Allow-Headers"] == f"'{cors.REQUEST_HEADERS}'", path
            assert {key.rpartition(".")[2] for key in given} == set(operation["responses"]["204"]["headers"]), path
    assert stack.variables("ApiFunction")["FFP_CORS_ORIGINS"] == {"Ref": "WebOrigin"}


def test_every_function_knows_whether_it_is_in_production(stack: Stack) -> None:
    assert {str(stack.variables(name)["FFP_ENV"]) for name in stack.functions} == {"{'Ref': 'Environment'}"}


def test_every_route_goes_to_the_alias_that_snapstart_prepared(stack: Stack) -> None:
    for (method, _), operation in _operations(stack).items():
        if method != "options":
            integration = operation["x-amazon-apigateway-integration"]
            assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
            assert integration["uri"]["Fn::Sub"][1] == {"Alias": {"Ref": "ApiFunctionAliaslive"}}
    assert stack.resources["ApiPermission"]["Properties"]["FunctionName"] == {"Ref": "ApiFunctionAliaslive"}
    kept_warm = {"Fn::If": ["KeptWarm", "None", "PublishedVersions"]}
    assert stack.functions["ApiFunction"]["SnapStart"] == {"ApplyOn": kept_warm}
    [_, warm, cold] = stack.resources["ApiFunctionAliaslive"]["Properties"]["ProvisionedConcurrencyConfig"]["Fn::If"]
    assert warm == {"ProvisionedConcurrentExecutions": {"Ref": "ApiProvisionedConcurrency"}}
    assert cold == {"Ref": "AWS::NoValue"}
    assert stack.resources["RestApi"]["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}


# --- functions ---


def test_functions_are_of_one_kind(stack: Stack) -> None:
    for each in stack.functions.values():
        assert (each["Runtime"], each["Architectures"]) == ("python3.13", ["arm64"])
        assert each["TracingConfig"] == {"Mode": "Active"}
        assert each["LoggingConfig"]["LogFormat"] == "JSON"
        log_group = stack.resources[each["LoggingConfig"]["LogGroup"]["Ref"]]
        assert "RetentionInDays" in log_group["Properties"]
    api = stack.functions["ApiFunction"]
    assert (api["MemorySize"], api["Timeout"], api["ReservedConcurrentExecutions"]) == (1024, 29, API_CONNECTIONS)
    assert {stack.functions[name]["Timeout"] for name in WORKERS if name != FILMS} == {60}
    assert stack.functions[FILMS]["Timeout"] == LEASE_S > PROCESSING_S


def test_every_handler_imports_with_an_empty_environment(stack: Stack) -> None:
    modules = {each["Handler"].rpartition(".")[0] for each in stack.functions.values()}
    checks = "; ".join(f"import {module}; assert callable({module}.handler)" for module in sorted(modules))
    found = subprocess.run(
        [sys.executable, "-c", checks], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr


def test_every_entry_but_the_api_s_begins_by_what_production_refuses(stack: Stack) -> None:
    """infra/telemetry.py: and ends without a word of what a database said."""
    names = {each["Handler"] for name, each in stack.functions.items() if name != "ApiFunction"}
    for module, _, name in (each.rpartition(".") for each in names):
        assert hasattr(getattr(import_module(module), name), "__wrapped__"), module


def _names_at_module_level(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.FunctionDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name


def test_every_lambda_entry_in_the_code_is_in_the_template(stack: Stack) -> None:
    entries = {
        ".".join((*path.relative_to(ROOT).with_suffix("").parts, "handler"))
        for package in ("api", "cli", "infra", "workers")
        for path in (ROOT / package).rglob("*.py")
        if "handler" in _names_at_module_level(path)
    }
    assert {each["Handler"] for each in stack.functions.values()} == entries


def test_all_functions_together_stay_within_the_database_s_connections(stack: Stack) -> None:
    at_once = {name: each.get("ReservedConcurrentExecutions", 0) for name, each in stack.functions.items()}
    workers = 0
    for mapping in stack.of("AWS::Lambda::EventSourceMapping").values():
        most, name = mapping["ScalingConfig"]["MaximumConcurrency"], mapping["FunctionName"]["Ref"]
        if name == SENDER:  # it has no database
            at_once.pop(name)
            continue
        if name == DEAD_LETTERS:  # four queues, but one limit of its own
            continue
        at_once[name] = most
        workers += most
    assert all(at_once.values()), "a function without a limit"
    assert workers <= WORKER_CONNECTIONS
    assert at_once[DEAD_LETTERS] == 2
    assert sum(at_once.values()) <= ALL_CONNECTIONS
    for name in ("ApiFunction", *WORKERS):
        assert stack.variables(name)["FFP_POOL_SIZE"] == "1"


def test_schedules_run_each_minute_and_never_side_by_side(stack: Stack) -> None:
    rules = {
        rule["Targets"][0]["Arn"]["Fn::GetAtt"][0]: rule["ScheduleExpression"]
        for rule in stack.of("AWS::Events::Rule").values()
    }
    assert rules == dict.fromkeys(SCHEDULED, "rate(1 minute)") | {QUARTERLY: "rate(15 minutes)"}
    for name in (*SCHEDULED, QUARTERLY):
        assert stack.functions[name]["ReservedConcurrentExecutions"] == 1
        assert stack.functions[name]["Timeout"] < (900 if name == QUARTERLY else 60)
        late = stack.resources[f"{name}EventInvokeConfig"]["Properties"]
        assert (late["MaximumRetryAttempts"], late["MaximumEventAgeInSeconds"]) == (0, 60)


# --- queues ---


def test_every_queue_that_carries_messages_has_a_worker_and_a_place_for_dead_letters(stack: Stack) -> None:
    assert {stack.queue_of(name) for name in WORKERS} == set(QUEUES.values())
    queues = stack.of("AWS::SQS::Queue")
    dead_letters = set()
    for name in QUEUES.values():
        redrive = queues[name]["RedrivePolicy"]
        assert redrive["maxReceiveCount"] == local_queues.MAX_RECEIVES == 5
        [dead, _] = redrive["deadLetterTargetArn"]["Fn::GetAtt"]
        assert queues[dead]["MessageRetentionPeriod"] == local_queues.DEAD_LETTER_RETENTION_S == 14 * 24 * 3600
        assert queues[name]["MessageRetentionPeriod"] < queues[dead]["MessageRetentionPeriod"]
        dead_letters.add(dead)
    assert set(queues) == set(QUEUES.values()) | dead_letters | WEBHOOK_QUEUES
    for queue in queues.values():
        assert queue["KmsMasterKeyId"] == {"Fn::GetAtt": ["QueuesKey", "Arn"]}
        assert queue["KmsDataKeyReusePeriodSeconds"] == 3600  # an hour: SQS asks for one for each sender
    [by_tls] = stack.of("AWS::SQS::QueuePolicy").values()
    assert {each["Ref"] for each in by_tls["Queues"]} == set(queues)
    [statement] = by_tls["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sqs:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_messages_stay_invisible_for_as_long_as_their_function_can_need(stack: Stack) -> None:
    queues = stack.of("AWS::SQS::Queue")
    for name in WORKERS:
        timeout = stack.functions[name]["Timeout"]
        visibility = queues[str(stack.queue_of(name))]["VisibilityTimeout"]
        if name == FILMS:  # one message at a time, so it is never throttled while it holds others
            assert visibility == 840 >= timeout + 60
        else:
            assert visibility == 360 >= 6 * timeout
        assert timeout <= float(stack.variables(name)["FFP_LEASE_S"]) < visibility
        assert visibility < float(stack.variables("SweeperFunction")["FFP_REPUBLISH_AFTER_S"])


def test_every_dead_letter_is_taken_by_one_function(stack: Stack) -> None:
    """And stays invisible meanwhile; throttled or failed ones come back, since nothing redrives them."""
    queues = stack.of("AWS::SQS::Queue")
    dead = {queues[name]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] for name in QUEUES.values()}
    assert stack.queues_of(DEAD_LETTERS) == dead
    for name in dead:
        assert queues[name]["VisibilityTimeout"] >= 6 * stack.functions[DEAD_LETTERS]["Timeout"]
        assert "RedrivePolicy" not in queues[name]


def test_workers_answer_for_each_message_of_a_batch(stack: Stack) -> None:
    for mapping in stack.of("AWS::Lambda::EventSourceMapping").values():
        films = mapping["EventSourceArn"]["Fn::GetAtt"][0] == "MediaQueue"
        assert mapping["BatchSize"] == (1 if films else 10)
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


# --- variables and rights ---


def _read_by_settings(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    read: set[str] = set()

    class Recorder(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            read.add(key)
            return "1" if default == "" else default

    monkeypatch.setattr(settings, "os", SimpleNamespace(environ=Recorder()))
    ours = {name: each for name, each in vars(settings).items() if getattr(each, "__module__", "") == settings.__name__}
    for name, each in ours.items():
        if not name.startswith("_") and not isinstance(each, type):
            getattr(each, "__wrapped__", each)()
    return read


def test_the_variables_are_those_that_settings_read(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    in_template = {variable for name in stack.functions for variable in stack.variables(name)}
    read = _read_by_settings(monkeypatch)
    assert in_template == read - NOT_ON_LAMBDA
    assert read >= NOT_ON_LAMBDA


ROLES = {
    "FFP_DATABASE_URL": "ffp_app",
    "FFP_OPS_DATABASE_URL": "ffp_ops",
    "FFP_RELAY_DATABASE_URL": "ffp_relay",
}


@pytest.mark.parametrize("name", ["ApiFunction", *WORKERS, *SCHEDULED, DEAD_LETTERS])
def test_a_function_connects_as_the_roles_it_is_given_without_a_password(stack: Stack, name: str) -> None:
    urls = {variable: url for variable, url in stack.variables(name).items() if "DATABASE_URL" in variable}
    [connect] = [each for each in stack.statements(name) if each["Action"] == "rds-db:connect"]
    allowed = connect["Resource"] if isinstance(connect["Resource"], list) else [connect["Resource"]]
    assert len(allowed) == len(urls)
    for (variable, url), resource in zip(urls.items(), allowed, strict=True):
        assert url["Fn::Sub"].startswith(
            f"postgresql://{ROLES[variable]}@${{DatabaseHost}}:${{DatabasePort}}/${{DatabaseName}}?sslmode=verify-full"
        )
        assert "sslrootcert" not in url["Fn::Sub"]  # infra/sign_in.py brings the authorities of RDS
        assert resource["Fn::Sub"].endswith(f":dbuser:${{DatabaseResourceId}}/{ROLES[variable]}")


def test_no_variable_holds_a_secret(stack: Stack) -> None:
    for name in stack.functions:
        assert "{{resolve:" not in str(stack.variables(name))
    assert not any("NoEcho" in line for line in gateway.TEMPLATE.read_text().splitlines())


def test_a_function_may_use_exactly_the_queues_it_is_given(stack: Stack) -> None:
    following = {QUEUES[QUEUE_OF[stage]]: QUEUES[QUEUE_OF[after]] for stage, after in STAGE_AFTER.items()}
    publishes: dict[str, set[str]] = {
        "ApiFunction": {QUEUES[QUEUE_OF[stage]] for stage in ("scoring", "sending", "exporting", "processing")},
        "RelayFunction": set(QUEUES.values()),
        "ReplayerFunction": set(QUEUES.values()),
        "WebhooksFunction": {"WebhooksQueue"},
        SENDER: {"WebhookResultsQueue"},
    }
    polls = {"WebhooksFunction": {"WebhookResultsQueue"}}
    for name in stack.functions:
        receives = stack.queues_of(name)
        sends = publishes.get(name, {following[own] for own in receives if own in following})
        assert stack.queues_allowed(name, "sqs:SendMessage") == sends
        polled = polls.get(name, set())
        for action in ("ReceiveMessage", "DeleteMessage"):
            assert stack.queues_allowed(name, f"sqs:{action}") == receives | polled
        assert stack.queues_allowed(name, "sqs:GetQueueAttributes") == receives
        pauses = receives & set(QUEUES.values())  # what comes back from these comes after a pause
        assert stack.queues_allowed(name, "sqs:ChangeMessageVisibility") == pauses
        given = {value["Ref"] for key, value in stack.variables(name).items() if key.startswith("FFP_QUEUE_")}
        assert given == sends | polled | (
            receives & (set(QUEUES.values()) | WEBHOOK_QUEUES)
        )  # a dead-letter queue needs no address


def _rights(statement: dict[str, Any]) -> set[str]:
    action = statement["Action"]
    return {action} if isinstance(action, str) else set(action)


def test_who_may_use_the_key_of_the_queues(stack: Stack) -> None:
    """Who sends makes data keys, who only receives does not; each by SQS alone."""
    for name in stack.functions:
        used = [each for each in stack.statements(name) if each["Resource"] == {"Fn::GetAtt": ["QueuesKey", "Arn"]}]
        sends, receives = (stack.queues_allowed(name, f"sqs:{action}") for action in ("SendMessage", "ReceiveMessage"))
        assert len(used) == bool(sends | receives), name
        for statement in used:
            assert _rights(statement) == {"kms:Decrypt"} | ({"kms:GenerateDataKey"} if sends else set()), name
            [service] = statement["Condition"]["StringEquals"].values()
            assert service == {"Fn::Sub": "sqs.${AWS::Region}.${AWS::URLSuffix}"}


def test_who_may_read_a_secret_may_use_its_key_for_that_secret_alone(stack: Stack) -> None:
    for name in stack.functions:
        statements = stack.statements(name)
        secrets = [each["Resource"] for each in statements if each["Action"] == "secretsmanager:GetSecretValue"]
        used = [each for each in statements if each["Resource"] == {"Ref": "SecretsKeyArn"}]
        assert len(used) == bool(secrets), name
        for statement in used:
            assert statement["Action"] == "kms:Decrypt"
            conditions = statement["Condition"]["StringEquals"]
            of = conditions["kms:EncryptionContext:SecretARN"]
            assert (of if isinstance(of, list) else [of]) == secrets
            assert conditions["kms:ViaService"] == {"Fn::Sub": "secretsmanager.${AWS::Region}.${AWS::URLSuffix}"}
    assert stack.resources["WebhookKey"]["Properties"]["KmsKeyId"] == {"Ref": "SecretsKeyArn"}


def test_the_sender_of_webhooks_has_the_internet_and_nothing_else(stack: Stack) -> None:
    """No network of ours, no database, no key; and every other function is inside."""
    assert {name for name, each in stack.functions.items() if "SubnetIds" not in each.get("VpcConfig", {})} == {SENDER}
    actions = {
        action for each in stack.statements(SENDER) for action in each["Action"] if isinstance(each["Action"], list)
    }
    assert {action.partition(":")[0] for action in actions} == {"logs", "sqs", "kms"}
    assert not any("DATABASE" in name or "KEY" in name for name in stack.variables(SENDER))
    queues = stack.of("AWS::SQS::Queue")
    assert queues["WebhooksQueue"]["VisibilityTimeout"] >= 6 * stack.functions[SENDER]["Timeout"]
    may_read = {
        name
        for name in stack.functions
        for each in stack.statements(name)
        if each["Action"] == "secretsmanager:GetSecretValue" and each["Resource"] == {"Ref": "WebhookKey"}
    }
    assert may_read == {"ApiFunction", "WebhooksFunction"}


def test_only_migrations_reach_the_master_user(stack: Stack) -> None:
    """By a password that no variable holds: RDS keeps it in a secret, which one role may read."""
    variables = stack.variables("MigrateFunction")
    ours = "postgresql://${DatabaseAdministrator}@${DatabaseInstanceHost}:"  # a proxy lets no password in
    assert variables["FFP_ADMIN_DATABASE_URL"]["Fn::Sub"].startswith(ours)
    reads = {
        name
        for name in stack.functions
        for each in stack.statements(name)
        if each["Resource"] == {"Ref": "DatabaseCredentialsArn"}
    }
    assert reads == {"MigrateFunction"}
    assert {name for name in stack.functions if "FFP_ADMIN_DATABASE_URL" in stack.variables(name)} == reads
    assert stack.functions["MigrateFunction"]["ReservedConcurrentExecutions"] == 1


def test_a_release_gets_a_tenth_of_the_requests_first_and_goes_back_by_itself(stack: Stack) -> None:
    [group] = stack.of("AWS::CodeDeploy::DeploymentGroup").values()
    assert group["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": "Canary10Percent5Minutes"}
    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    alarms = {each["Name"]["Ref"] for each in group["AlarmConfiguration"]["Alarms"]}
    assert alarms == {"ApiReleaseErrors", "ApiReleaseFailures"}
    for name in alarms:
        alarm = stack.resources[name]["Properties"]
        assert f"docs/runbook.md#{name.lower()}" in alarm["AlarmDescription"]
        # Of this very function and stage; what is not measured is no reason to go back.
        assert "ApiFunction" in str(alarm["Dimensions"]) or "ffp-${Environment}" in str(alarm["Dimensions"])
        assert alarm["TreatMissingData"] == "notBreaching"
    assert stack.resources["ApiFunctionAliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]


def test_every_function_is_built_from_an_artefact_that_holds_its_handler(stack: Stack) -> None:
    source = gateway.TEMPLATE.read_text()
    assert source.count("Type: AWS::Serverless::Function\n    Metadata:\n      BuildMethod: makefile\n") == len(
        stack.functions
    )
    for each in stack.functions.values():
        folder = ROOT / each["Code"]["S3Key"]
        assert (folder / "Makefile").read_text() == "include ../build.mk\n"
        package = each["Handler"].partition(".")[0]
        assert package in ARTEFACTS[folder.name].packages


def test_what_a_function_may_ask_of_the_user_pool(stack: Stack) -> None:
    """By their credentials; sending and checking codes is open to everybody."""
    allowed: dict[str, set[str]] = {}
    for name in stack.functions:
        for each in stack.statements(name):
            actions = each["Action"] if isinstance(each["Action"], list) else [each["Action"]]
            ours = {action.removeprefix("cognito-idp:") for action in actions if action.startswith("cognito-idp:")}
            if ours:
                assert ours == {action.removeprefix("cognito-idp:") for action in actions}
                assert each["Resource"]["Fn::Sub"].endswith(":userpool/${UserPoolId}")
                allowed.setdefault(name, set()).update(ours)
    removes = {"AdminGetUser", "AdminDeleteUser"}
    assert allowed["ApiFunction"] == removes | {
        "AdminInitiateAuth", "AdminUserGlobalSignOut", "DescribeUserPoolClient",
        # Invitations that are accepted, and members who are suspended, removed or given another role.
        "AdminCreateUser", "AdminSetUserPassword", "AdminEnableUser", "AdminDisableUser", "AdminUpdateUserAttributes",
    }  # fmt: skip
    assert allowed["SweeperFunction"] == removes
    assert allowed["BulkFunction"] == {"AdminDeleteUser"}
    assert set(allowed) == {"ApiFunction", "SweeperFunction", "BulkFunction"}


def test_exports_are_encrypted_private_and_gone_after_a_week(stack: Stack) -> None:
    [bucket] = stack.of("AWS::S3::Bucket").values()
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    [encryption] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    [rule] = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", EXPORT_DAYS)
    assert "VersioningConfiguration" not in bucket
    [policy] = stack.of("AWS::S3::BucketPolicy").values()
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert stack.resources["ExportsKey"]["Properties"]["EnableKeyRotation"] is True


def _of_videos(statement: dict[str, Any]) -> bool:
    return "${VideosBucket}" in str(statement["Resource"]) or statement["Resource"] == {"Ref": "StorageKeyArn"}


def _of_other_keys(statement: dict[str, Any]) -> bool:
    return statement["Resource"] in ({"Ref": "SecretsKeyArn"}, {"Fn::GetAtt": ["QueuesKey", "Arn"]})


def test_who_may_do_what_with_people_s_exports(stack: Stack) -> None:
    allowed: dict[str, set[str]] = {}
    for name in stack.functions:
        for each in stack.statements(name):
            if _of_videos(each) or _of_other_keys(each):
                continue
            actions = each["Action"] if isinstance(each["Action"], list) else [each["Action"]]
            allowed.setdefault(name, set()).update(a for a in actions if a.startswith(("s3:", "kms:")))
    assert {name: actions for name, actions in allowed.items() if actions} == {
        "ApiFunction": {"s3:GetObject", "s3:PutObject", "kms:GenerateDataKey", "kms:Decrypt"},
        "BulkFunction": {
            "s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:ListBucket", "kms:GenerateDataKey", "kms:Decrypt",
        },
        "NotificationsFunction": {
            "s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:ListBucket", "kms:GenerateDataKey", "kms:Decrypt",
        },
    }  # fmt: skip
    touched = {
        str(each["Resource"]["Fn::Sub"])
        for each in stack.statements("NotificationsFunction")
        if "s3:PutObject" in _rights(each)
    }
    assert touched == {"${ExportsBucket.Arn}/*.pdf"}, "reports alone"


def test_who_may_do_what_with_videos(stack: Stack) -> None:
    """The API forms for uploads, looks at what came, and captions; what is served is the processing function's to write.
    Nobody deletes, and the API alone signs.
    """
    allowed = {
        (name, action, each["Resource"]["Fn::Sub"].partition("${VideosBucket}")[2])
        for name in stack.functions
        for each in filter(_of_videos, stack.statements(name))
        if "Fn::Sub" in each["Resource"]
        for action in (each["Action"] if isinstance(each["Action"], list) else [each["Action"]])
    }
    assert allowed == {
        ("ApiFunction", "s3:GetObject", "/uploads/*"), ("ApiFunction", "s3:PutObject", "/uploads/*"),
        ("ApiFunction", "s3:PutObject", "/videos/*/captions/*"), ("ApiFunction", "s3:ListBucket", ""),
        (FILMS, "s3:GetObject", "/uploads/*"), (FILMS, "s3:PutObject", "/videos/*"), (FILMS, "s3:ListBucket", ""),
    }  # fmt: skip
    signs = {name for name in stack.functions for each in stack.statements(name)
             if each["Resource"] == {"Ref": "CdnKeysArn"}}  # fmt: skip
    assert signs == {"ApiFunction"} == {name for name in stack.functions if "FFP_CDN_KEYS_ARN" in stack.variables(name)}


def test_each_function_has_a_role_of_its_own_and_no_right_to_everything(stack: Stack) -> None:
    roles = [each["Role"]["Fn::GetAtt"][0] for each in stack.functions.values()]
    assert len(set(roles)) == len(roles)
    assert set(stack.of("AWS::IAM::Role")) == {*roles, "ReleaseRole"}
    for name in stack.functions:
        for statement in stack.statements(name):
            assert "*" not in str(statement["Action"])
            assert statement["Resource"] != "*"
    allowed = [
        action
        for statement in stack.resources["RuntimePolicy"]["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    ]
    assert not any("*" in action for action in allowed)
    assert {action.partition(":")[0] for action in allowed} == {"ec2", "xray"}  # neither knows a narrower resource


def test_samconfig_names_each_environment_and_only_parameters_that_exist() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    parameters = gateway.TEMPLATE.read_text().partition("\nMappings:")[0]
    for environment in ("dev", "staging", "prod"):
        deploy = config[environment]["deploy"]["parameters"]
        overrides = dict(each.split("=") for each in deploy["parameter_overrides"].split())
        assert overrides["Environment"] == environment
        assert all(f"\n  {name}:\n" in parameters for name in overrides)
        assert deploy["stack_name"] == f"ffp-{environment}"
        assert deploy["confirm_changeset"] is (environment == "prod")
