"""What infra/stacks/*.yaml promise: each with its conditions either way, and all of them together."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.main import app
from infra import metrics
from tests.aws import gateway, rendered
from tests.aws.rendered import NAMES, STACKS
from tests.aws.stack import Stack

ROOT = gateway.TEMPLATE.parent
NESTED = "AWS::CloudFormation::Stack"
# Of template.yaml, what no stack before it gives: a choice, or something of the world outside.
CHOSEN = {
    "Environment", "Release", "WebOrigin", "MailDomain", "DatabasePort", "DatabaseAdministrator", "DatabaseConnections",
    "ApiProvisionedConcurrency", "AlarmAddress", "Firewall", "ApiDomain", "HostedZoneId",
}  # fmt: skip


@cache
def template(name: str) -> dict[str, Any]:
    return rendered.read(STACKS / f"{name}.yaml")


def resources(name: str, **given: str) -> dict[str, Any]:
    """Logical id -> resource, where these parameters are given and every other is its default."""
    found = template(name)
    defaults = {key: each.get("Default", f"a {key}") for key, each in found.get("Parameters", {}).items()}
    made: dict[str, Any] = rendered.render(found, defaults | given)["Resources"]
    return made


def of(kind: str, found: dict[str, Any]) -> dict[str, Any]:
    return {key: each["Properties"] for key, each in found.items() if each["Type"] == kind}


@cache
def application() -> dict[str, Any]:
    return rendered.read(gateway.TEMPLATE)


# --- as templates ---


def test_no_template_has_a_finding_whatever_its_conditions_say(tmp_path: Path) -> None:
    """As they are written, `make check` lints them."""
    paths = []
    for name in NAMES:
        combinations = list(rendered.choices(template(name)))
        for number, given in enumerate((combinations[0], combinations[-1])[: len(combinations)]):
            made = rendered.render(template(name), given)
            for each in of(NESTED, made["Resources"]).values():  # as packaging leaves it
                each["TemplateURL"] = f"https://artefacts.example/{each['TemplateURL']}"
            paths.append(tmp_path / f"{name}-{number}.json")
            paths[-1].write_text(json.dumps(made))
    lint = Path(sys.executable).with_name("cfn-lint")
    found = subprocess.run(
        # Parameters and mappings may be used by nothing but what a condition has left out, and a default may fit that.
        [lint, "--include-checks", "I", "--ignore-checks", "W2001", "W7001", "W1030", "--", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_every_template_is_looked_at_for_weaknesses() -> None:
    """By `make check-infra`, which names them one by one."""
    listed = yaml.safe_load((ROOT / "requirements" / "checkov.yaml").read_text())["file"]
    assert set(listed) == {"template.yaml", *(f"infra/stacks/{name}.yaml" for name in NAMES)}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_names_what_a_condition_has_left_out(name: str) -> None:
    parameters = set(template(name).get("Parameters", {}))
    for given in rendered.choices(template(name)):
        made = rendered.render(template(name), given)
        there = parameters | set(made["Resources"])
        for each, _ in rendered.named([made["Resources"], made["Outputs"]]):
            assert each in there or each.startswith("AWS::"), (given, each)


def _nested() -> dict[str, tuple[str, Any]]:
    """Logical id -> its template and parameters; of the foundation and of the application."""
    found = template("foundation")["Resources"] | application()["Resources"]
    stacks = of(NESTED, found)
    return {key: (Path(each["TemplateURL"]).stem, each["Parameters"]) for key, each in stacks.items()}


def test_a_nested_stack_is_given_what_it_asks_for_and_asked_for_what_it_gives() -> None:
    nested = _nested()
    assert {name for name, _ in nested.values()} == set(NAMES) - {"foundation", "global"}
    for name, given in nested.values():
        asked = template(name)["Parameters"]
        needed = {key for key, each in asked.items() if "Default" not in each}
        assert needed <= set(given) <= set(asked), name
    for user in (template("foundation"), application()):
        for key, attribute in rendered.named([user["Resources"], user.get("Outputs", {})]):
            if attribute.startswith("Outputs."):
                output = template(nested[key][0])["Outputs"][attribute.removeprefix("Outputs.")]
                assert "Condition" not in output, (key, attribute)


def test_the_foundation_gives_the_application_what_it_does_not_choose() -> None:
    given, asked = set(template("foundation")["Outputs"]), set(application()["Parameters"])
    assert asked == given | CHOSEN
    assert template("global")["Outputs"].keys() <= template("foundation")["Parameters"].keys()


def test_what_holds_data_outlives_its_stack() -> None:
    keep = {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::RDS::DBInstance", "AWS::Cognito::UserPool", NESTED}
    gone_with_it = {"TopicKey", "ReadReplica"}  # hold nothing
    for name in set(NAMES) - {"monitoring"}:
        for key, each in resources(name, Replica="true").items():
            if each["Type"] in keep and key not in gone_with_it:
                for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
                    assert each[policy] == ("Snapshot" if "RDS" in each["Type"] else "Retain"), (name, key)


@pytest.mark.parametrize("name", NAMES)
def test_keys_change_themselves_and_logs_end(name: str) -> None:
    for given in rendered.choices(template(name)):
        found = rendered.render(template(name), given)["Resources"]
        assert all(key["EnableKeyRotation"] is True for key in of("AWS::KMS::Key", found).values())
        for logs in of("AWS::Logs::LogGroup", found).values():
            assert "RetentionInDays" in logs
    days = template(name).get("Mappings", {}).get("Logs", {}).get("RetentionInDays")
    assert days in (None, {"dev": 7, "staging": 14, "prod": 30})


def test_no_role_of_a_stack_may_do_everything() -> None:
    for name in NAMES:
        for given in rendered.choices(template(name)):
            for role in of("AWS::IAM::Role", rendered.render(template(name), given)["Resources"]).values():
                for policy in role.get("Policies", []):
                    for statement in policy["PolicyDocument"]["Statement"]:
                        assert "*" not in str(statement["Action"])
                        assert statement["Resource"] != "*"


# --- network ---


def test_two_zones_and_no_way_in_and_only_ipv6_out_of_them() -> None:
    found = resources("network")
    subnets = of("AWS::EC2::Subnet", found)
    zones = {str(each["AvailabilityZone"]) for each in subnets.values()}
    assert len(zones) == 2
    assert len(subnets) == 4
    assert not any(each.get("MapPublicIpOnLaunch") for each in subnets.values())
    [route] = of("AWS::EC2::Route", found).values()
    assert (route["DestinationIpv6CidrBlock"], route["RouteTableId"]) == ("::/0", {"Ref": "FunctionRoutes"})
    assert route["EgressOnlyInternetGatewayId"] == {"Ref": "EgressOnlyGateway"}
    assert not of("AWS::EC2::InternetGateway", found)
    tables = {
        each["SubnetId"]["Ref"]: each["RouteTableId"]["Ref"]
        for each in of("AWS::EC2::SubnetRouteTableAssociation", found).values()
    }
    assert {table for subnet, table in tables.items() if subnet.startswith("Database")} == {"DatabaseRoutes"}
    assert {key for key in subnets if "Ipv6CidrBlock" in subnets[key]} == {"FunctionSubnetA", "FunctionSubnetB"}


def test_a_nat_gateway_is_a_choice_and_functions_are_told() -> None:
    with_nat = resources("network", Nat="true")
    routes = of("AWS::EC2::Route", with_nat)
    assert routes["OutByIpv4"]["RouteTableId"] == {"Ref": "FunctionRoutes"}
    assert not any(route["RouteTableId"] == {"Ref": "DatabaseRoutes"} for route in routes.values())
    assert "MailEndpoint" not in with_nat
    assert "MailEndpoint" in resources("network")
    output = template("network")["Outputs"]["DualStackEndpoints"]["Value"]
    assert output == {"Fn::If": ["WithNat", "false", "true"]}


def test_who_may_speak_to_whom() -> None:
    found = resources("network") | resources("database", Proxy="true")
    groups = of("AWS::EC2::SecurityGroup", found)
    assert all(each["SecurityGroupEgress"] for each in groups.values()), "none named would be all allowed"
    rules = [rule for each in groups.values() for rule in each.get("SecurityGroupIngress", [])]
    rules += of("AWS::EC2::SecurityGroupIngress", found).values()
    assert {rule["FromPort"] for rule in rules} == {rule["ToPort"] for rule in rules} == {443, 5432}
    assert all("SourceSecurityGroupId" in rule for rule in rules), "by group, never by address"
    out = groups["FunctionGroup"]["SecurityGroupEgress"]
    assert {(rule["FromPort"], rule["ToPort"]) for rule in out} == {(443, 443)}
    into = [rule for rule in rules if rule.get("GroupId") == {"Fn::GetAtt": ["DatabaseGroup", "GroupId"]}]
    assert [rule["FromPort"] for rule in into] == [5432]
    [flow] = of("AWS::EC2::FlowLog", found).values()
    assert (flow["ResourceType"], flow["TrafficType"]) == ("VPC", "ALL")


# --- database ---


def test_the_database_is_the_design_s() -> None:
    [instance] = of("AWS::RDS::DBInstance", resources("database")).values()
    wanted = {
        "Engine": "postgres", "StorageType": "gp3", "AllocatedStorage": "50", "StorageEncrypted": True,
        "EnableIAMDatabaseAuthentication": True, "PubliclyAccessible": False, "BackupRetentionPeriod": 7,
        "DeletionProtection": True, "EnablePerformanceInsights": True, "AutoMinorVersionUpgrade": False,
        "ManageMasterUserPassword": True, "CopyTagsToSnapshot": True,
    }  # fmt: skip
    assert {key: instance[key] for key in wanted} == wanted
    assert re.fullmatch(r"18\.\d+", instance["EngineVersion"])
    assert instance["MaxAllocatedStorage"] > 50
    assert "MasterUserPassword" not in instance
    parameters = template("database")["Parameters"]
    assert (parameters["InstanceClass"]["Default"], parameters["MultiAz"]["Default"]) == ("db.t4g.small", "false")
    assert parameters["MaxConnections"]["Default"] == 100
    assert template("foundation")["Parameters"]["DatabaseConnections"]["Default"] == 100
    assert application()["Parameters"]["DatabaseConnections"]["Default"] == 100


def test_postgresql_writes_nothing_of_anybody_into_its_log() -> None:
    [group] = of("AWS::RDS::DBParameterGroup", resources("database")).values()
    wanted = {
        "rds.force_ssl": "1", "log_error_verbosity": "terse", "log_statement": "none",
        "log_parameter_max_length": "0", "log_parameter_max_length_on_error": "0", "log_min_error_statement": "panic",
    }  # fmt: skip
    assert {key: group["Parameters"][key] for key in wanted} == wanted
    major = of("AWS::RDS::DBInstance", resources("database"))["Instance"]["EngineVersion"].partition(".")[0]
    assert group["Family"] == f"postgres{major}"


def test_a_secret_is_of_the_key_that_its_readers_may_use() -> None:
    """Not of the key of the data beside it."""
    key = {"Ref": "SecretsKeyArn"}
    assert resources("database")["Instance"]["Properties"]["MasterUserSecret"] == {"KmsKeyId": key}
    found = [*resources("edge", CdnKeyA="a").values(), *application()["Resources"].values()]
    secrets = [each["Properties"] for each in found if each["Type"] == "AWS::SecretsManager::Secret"]
    assert [each["KmsKeyId"] for each in secrets] == [key, key]
    assert template("account")["Outputs"]["SecretsKeyArn"]["Value"] == {"Fn::GetAtt": ["SecretsKey", "Arn"]}


def test_a_proxy_and_a_replica_are_choices() -> None:
    given = template("database")["Outputs"]
    assert given["DatabaseInstanceHost"]["Value"] == {"Fn::GetAtt": ["Instance", "Endpoint.Address"]}, "past a proxy"
    assert set(of("AWS::RDS::DBInstance", resources("database", Replica="true"))) == {"Instance", "ReadReplica"}
    with_proxy = resources("database", Proxy="true")
    [proxy] = of("AWS::RDS::DBProxy", with_proxy).values()
    assert (proxy["RequireTLS"], proxy["DefaultAuthScheme"]) == (True, "IAM_AUTH")
    assert "Auth" not in proxy, "a proxy with a password"
    assert "DatabaseProxy" not in resources("database")


# --- buckets ---


def _buckets() -> dict[str, Any]:
    return of("AWS::S3::Bucket", resources("storage") | resources("account"))


def test_no_bucket_is_public_or_in_the_clear_or_for_ever() -> None:
    policies = [
        each
        for name in ("storage", "account", "edge")
        for each in of("AWS::S3::BucketPolicy", resources(name, CdnKeyA="a key")).values()
    ]
    for key, bucket in _buckets().items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert all(rule["Status"] == "Enabled" for rule in bucket["LifecycleConfiguration"]["Rules"])
        [policy] = [each for each in policies if each["Bucket"] == {"Ref": key}]
        first = policy["PolicyDocument"]["Statement"][0]
        assert (first["Effect"], first["Principal"], first["Action"]) == ("Deny", "*", "s3:*")
        assert first["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert {key for key, bucket in _buckets().items() if "VersioningConfiguration" in bucket} == {
        "VideosBucket", "AssetsBucket", "TrailBucket",
    }, "what people can have erased has no versions"  # fmt: skip


def test_pages_of_the_web_application_upload_and_nobody_else_s() -> None:
    of_application = of("AWS::S3::Bucket", application()["Resources"])
    for bucket in (_buckets()["VideosBucket"], of_application["ExportsBucket"]):
        [rule] = bucket["CorsConfiguration"]["CorsRules"]
        assert rule["AllowedOrigins"] == [{"Ref": "WebOrigin"}]
        assert "POST" in rule["AllowedMethods"]
        assert "*" not in str(rule["AllowedMethods"])
        encryption = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
        assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    uploads = _buckets()["VideosBucket"]["LifecycleConfiguration"]["Rules"][0]
    assert (uploads["Prefix"], uploads["ExpirationInDays"]) == ("uploads/", 1)


# --- the edge ---


def test_videos_are_for_whoever_has_an_address_and_uploads_for_nobody() -> None:
    found = resources("edge", CdnKeyA="a key", CdnKeyB="another")
    [group] = of("AWS::CloudFront::KeyGroup", found).values()
    assert group["KeyGroupConfig"]["Items"] == [{"Ref": "PublicKeyA"}, {"Ref": "PublicKeyB"}]
    distribution = found["Distribution"]["Properties"]["DistributionConfig"]
    behaviours = {each["PathPattern"]: each for each in distribution["CacheBehaviors"]}
    assert behaviours["videos/*"]["TrustedKeyGroups"] == [{"Ref": "KeyGroup"}]
    everything = [distribution["DefaultCacheBehavior"], *behaviours.values()]
    assert [each for each in everything if each["TargetOriginId"] == "videos"] == [behaviours["videos/*"]]
    assert all("ResponseHeadersPolicyId" in each for each in everything)
    assert {each["ViewerProtocolPolicy"] for each in everything} == {"redirect-to-https", "https-only"}
    assert all("OriginAccessControlId" in origin for origin in distribution["Origins"])
    allowed = found["VideosBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][1]
    assert allowed["Resource"]["Fn::Sub"].endswith("${VideosBucket}/videos/*")
    assert allowed["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Sub"].endswith("/${Distribution}")


def test_keys_are_exchanged_one_slot_at_a_time_and_never_are_there_none() -> None:
    for given, items in (({"CdnKeyA": "a"}, ["PublicKeyA"]), ({"CdnKeyB": "b"}, ["PublicKeyB"])):
        group = resources("edge", **given)["KeyGroup"]["Properties"]["KeyGroupConfig"]
        assert group["Items"] == [{"Ref": name} for name in items]
    [rule] = template("edge")["Rules"].values()
    looked_at = {name for name, _ in rendered.named(rule)}
    assert looked_at == {"CdnKeyA", "CdnKeyB"}
    secret = resources("edge", CdnKeyA="a")["CdnKeys"]["Properties"]
    assert not {"SecretString", "GenerateSecretString"} & set(secret), "no template has a private key"


def test_a_domain_is_a_choice_and_has_modern_tls() -> None:
    given = {"CdnKeyA": "a", "WebDomain": "ffp.example", "WebAclArn": "an acl"}
    distribution = resources("edge", **given)["Distribution"]["Properties"]["DistributionConfig"]
    assert distribution["Aliases"] == [{"Ref": "WebDomain"}]
    assert distribution["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert distribution["WebACLId"] == {"Ref": "WebAclArn"}
    without = resources("edge", CdnKeyA="a")
    assert "Aliases" not in without["Distribution"]["Properties"]["DistributionConfig"]
    assert "Record" not in without
    front = resources("front", ApiDomain="api.ffp.example", Firewall="false")
    assert front["Domain"]["Properties"]["SecurityPolicy"] == "TLS_1_2"
    assert {"WebAcl", "WebAclAssociation"}.isdisjoint(front)


def test_the_firewall_has_the_design_s_rules() -> None:
    found = resources("front", ApiDomain="", Firewall="true")
    rules = {each["Name"]: each for each in found["WebAcl"]["Properties"]["Rules"]}
    managed = {
        name: each["Statement"]["ManagedRuleGroupStatement"]
        for name, each in rules.items()
        if "ManagedRuleGroupStatement" in each["Statement"]
    }
    assert {each["Name"] for each in managed.values()} == {
        "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesSQLiRuleSet",
    }  # fmt: skip
    assert managed["common"]["RuleActionOverrides"] == [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]
    assert rules["requests-of-one-address"]["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    redacted = found["FirewallLogging"]["Properties"]["RedactedFields"]
    assert {"SingleHeader": {"Name": "authorization"}} in redacted
    assert {"QueryString": {}} in redacted


# --- the API's own settings, and the account's ---


def test_the_stage_is_limited_and_its_log_says_who_but_not_what(stack: Stack) -> None:
    [stage] = stack.of("AWS::ApiGateway::Stage").values()
    [limits] = stage["MethodSettings"]
    assert limits["ThrottlingRateLimit"] > 0
    assert limits["ThrottlingBurstLimit"] > 0
    line = json.loads(stage["AccessLogSetting"]["Format"])
    assert line["request_id"] == "$context.requestId"
    assert line["tenant_id"].endswith("custom:tenantId")
    assert "$context.path" not in line.values(), "ids of people's records"
    for logs in stack.of("AWS::Logs::LogGroup").values():
        assert logs["KmsKeyId"]["Fn::If"][:2] == ["WithLogsKey", {"Ref": "LogsKeyArn"}]


def test_functions_ask_by_ipv6_where_there_is_no_other_way(stack: Stack) -> None:
    for name in stack.functions:
        assert stack.variables(name)["AWS_USE_DUALSTACK_ENDPOINT"] == {"Ref": "DualStackEndpoints"}


def test_the_trail_is_whole_and_the_budget_speaks_up() -> None:
    found = resources("account")
    [trail] = of("AWS::CloudTrail::Trail", found).values()
    for switch in ("IsLogging", "IsMultiRegionTrail", "IncludeGlobalServiceEvents", "EnableLogFileValidation"):
        assert trail[switch] is True
    [budget] = of("AWS::Budgets::Budget", found).values()
    told = {each["Notification"]["NotificationType"] for each in budget["NotificationsWithSubscribers"]}
    assert told == {"ACTUAL", "FORECASTED"}


# --- alarms ---

# https://docs.aws.amazon.com: metrics and dimensions of each service
OF_AWS = {
    "AWS/ApiGateway": ({"Count", "4XXError", "5XXError", "Latency"}, {"ApiName", "Stage"}),
    "AWS/Lambda": ({"Errors", "Throttles", "Duration", "ConcurrentExecutions"}, {"FunctionName"}),
    "AWS/SQS": ({"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}, {"QueueName"}),
    "AWS/RDS": (
        {
            "CPUUtilization", "CPUCreditBalance", "DatabaseConnections", "FreeStorageSpace", "FreeableMemory",
            "ReadIOPS", "WriteIOPS",
        },
        {"DBInstanceIdentifier"},
    ),
    "AWS/Route53": ({"HealthCheckStatus"}, {"HealthCheckId"}),
}  # fmt: skip
OF_A_VERSION = {"FunctionName", "Resource", "ExecutedVersion"}  # of a function's alias


def alarms() -> dict[str, Any]:
    monitoring = resources("monitoring", DatabaseInstanceId="a database")
    everywhere = monitoring | resources("global", ApiDomain="api.example", AlarmAddress="a@b.example")
    return of("AWS::CloudWatch::Alarm", everywhere | application()["Resources"])


def _watched(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Each of its metrics: Namespace, MetricName, Dimensions as a dictionary."""
    several = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
    return [
        {
            "Namespace": each["Namespace"],
            "MetricName": each["MetricName"],
            "Dimensions": {one["Name"]: one["Value"] for one in each.get("Dimensions", [])},
        }
        for each in several or [alarm]
    ]


def _made_of_logs() -> dict[str, str]:
    """Metric -> pattern of the lines it counts."""
    filters = of("AWS::Logs::MetricFilter", resources("monitoring"))
    return {each["MetricTransformations"][0]["MetricName"]: each["FilterPattern"] for each in filters.values()}


def _exists(metric: dict[str, Any]) -> bool:
    name, dimensions = metric["MetricName"], set(metric["Dimensions"])
    if metric["Namespace"] == metrics.NAMESPACE:
        declared = {each.name: {"environment", *each.dimensions} for each in metrics.METRICS if not each.container_only}
        made = declared | {each: set() for each in _made_of_logs()}
        return made.get(name) == dimensions
    names, of_service = OF_AWS[metric["Namespace"]]
    return name in names and dimensions in (of_service, OF_A_VERSION)


def test_every_metric_that_an_alarm_or_the_dashboard_looks_at_is_written_by_somebody() -> None:
    for name, alarm in alarms().items():
        for metric in _watched(alarm):
            assert _exists(metric), (name, metric)
    body = resources("monitoring")["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert {each for each, _ in rendered.named({"Fn::Sub": body})} <= set(template("monitoring")["Parameters"]) | {
        "AWS::Region"
    }
    for widget in json.loads(body)["widgets"]:
        for line in widget["properties"]["metrics"]:
            words = [word for word in line if isinstance(word, str)]
            namespace, name, *pairs = words
            assert _exists({"Namespace": namespace, "MetricName": name, "Dimensions": pairs[::2]}), line


def test_lines_that_are_counted_are_written() -> None:
    code = "\n".join(path.read_text() for folder in ("workers", "infra") for path in (ROOT / folder).glob("*.py"))
    for pattern in _made_of_logs().values():
        events = re.findall(r'\$\.event = "(\w+)"', pattern)
        assert events
        for event in events:
            assert f'("{event}"' in code, event


def test_every_dimension_is_a_thing_of_the_application() -> None:
    """Parameters of the alarms' stack have the names of what they stand for."""
    _, given = _nested()["Monitoring"]
    there = application()["Resources"]
    named = [key for key, value in given.items() if value in ({"Ref": key}, {"Fn::GetAtt": [key, "QueueName"]})]
    named = [key for key in named if key in there]
    kinds = {"AWS::Serverless::Function", "AWS::SQS::Queue", "AWS::Logs::LogGroup"}
    assert all(there[key]["Type"] in kinds for key in named)
    assert given["RestApi"] == there["RestApi"]["Properties"]["Name"] == {"Fn::Sub": "ffp-${Environment}"}
    assert there["RestApi"]["Properties"]["StageName"] == {"Ref": "Environment"} == given["Environment"]
    assert set(given) - set(named) == {
        "Environment", "AlarmAddress", "RestApi", "DatabaseInstanceId", "DatabaseConnections",
    }  # fmt: skip
    known = [{"Ref": key} for key in given]
    for name, alarm in of("AWS::CloudWatch::Alarm", resources("monitoring", DatabaseInstanceId="a")).items():
        for metric in _watched(alarm):
            assert all(value in known for value in metric["Dimensions"].values()), name


def _looked_at(metric: str) -> set[str]:
    return {
        value["Ref"]
        for alarm in of("AWS::CloudWatch::Alarm", resources("monitoring")).values()
        for each in _watched(alarm)
        for value in each["Dimensions"].values()
        if each["MetricName"] == metric
    }


def test_every_function_and_every_queue_is_watched(stack: Stack) -> None:
    """But the one that migrates, which the pipeline waits for, and the webhooks' queues: what is lost there is sent
    again.
    """
    assert _looked_at("Errors") == set(stack.functions) - {"MigrateFunction"}, "add it to infra/stacks/monitoring.yaml"
    queues = {key for key, each in stack.of("AWS::SQS::Queue").items() if "RedrivePolicy" in each}
    dead = {stack.of("AWS::SQS::Queue")[key]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] for key in queues}
    assert _looked_at("ApproximateAgeOfOldestMessage") == queues
    assert _looked_at("ApproximateNumberOfMessagesVisible") == dead
    assert all(len(_watched(alarm)) <= 10 for alarm in alarms().values()), "CloudWatch takes ten in one alarm"


def test_a_schedule_is_watched_at_its_own_pace(stack: Stack) -> None:
    each_minute, slower = set(), set()
    for rule in stack.of("AWS::Events::Rule").values():
        functions = {target["Arn"]["Fn::GetAtt"][0] for target in rule["Targets"]}
        (each_minute if rule["ScheduleExpression"] == "rate(1 minute)" else slower).update(functions)
    watched = {
        name: {each["Dimensions"]["FunctionName"]["Ref"] for each in _watched(alarms()[name])}
        for name in ("ScheduleErrors", "SlowScheduleErrors", "ScheduleThrottles")
    }
    assert watched["ScheduleErrors"] == each_minute
    assert watched["SlowScheduleErrors"] == slower
    assert watched["ScheduleThrottles"] == each_minute | slower


def _numbers(name: str) -> tuple[str, float, int]:
    alarm = alarms()[name]
    period = alarm["Period"] if "Period" in alarm else alarm["Metrics"][-1]["MetricStat"]["Period"]
    return alarm["ComparisonOperator"], alarm["Threshold"], period * alarm["EvaluationPeriods"]


def test_alarms_ring_at_the_design_s_numbers() -> None:
    above = "GreaterThanThreshold"
    assert _numbers("ApiServerErrors") == (above, 5, 300)
    assert _numbers("ApiFunctionErrors") == _numbers("WorkerErrors") == (above, 10, 300)
    assert _numbers("DatabaseCpu") == (above, 80, 600)
    assert _numbers("DatabaseConnectionsUsed")[:2] == (above, 80)
    share = alarms()["DatabaseConnectionsUsed"]["Metrics"][0]["Expression"]
    assert share == {"Fn::Sub": "100 * used / ${DatabaseConnections}"}
    assert _numbers("ScheduleErrors") == (above, 3, 300), "less than one that fails each minute"
    assert _numbers("SlowScheduleErrors") == (above, 1, 3600)
    for name in ("DeadJobs", "DeadLettersWaiting", "TenantMismatches"):
        assert _numbers(name)[:2] == (above, 0)
    assert alarms()["RelayLag"]["TreatMissingData"] == "breaching"


def test_alarms_tell_somebody_encrypted() -> None:
    found = resources("monitoring", DatabaseInstanceId="a database")
    for alarm in of("AWS::CloudWatch::Alarm", found).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Topic"}]
    assert found["Topic"]["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": ["TopicKey", "Arn"]}
    assert application()["Resources"]["Monitoring"]["Condition"] == "WithAlarms"


def test_every_alarm_has_its_section_in_the_runbook_and_no_section_is_left_over() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    headings = set(re.findall(r"^## (\w+)$", text, re.MULTILINE))
    assert headings == set(alarms())
    for name, alarm in alarms().items():
        assert str(alarm["AlarmDescription"]).endswith(f" docs/runbook.md#{name.lower()}"), name
        assert alarm.get("AlarmName", {"Fn::Sub": f"-{name}"})["Fn::Sub"].endswith(f"-{name}")
    for section in re.split(r"^## \w+$", text, flags=re.MULTILINE)[1:]:
        assert all(f"**{word}**" in section for word in ("Means", "Look", "Mend", "Wake somebody")), section[:60]


def test_commands_of_the_runbook_are_commands() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    written = set(re.findall(r"`ffp ([a-z]+)(?: ([a-z]+))?", text))
    assert written
    program: Any = typer.main.get_command(app)
    for name, below in written:
        command = program.commands[name]
        assert not below or below in command.commands, (name, below)
