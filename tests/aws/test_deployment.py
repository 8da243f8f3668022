"""The built application, deployed into the emulator from the template, does the main job by itself: authorizer, API
function, queue, worker functions, and the way of a message that nobody can work on. What is tested is what is deployed.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from infra.local.cluster import SUPERUSER
from infra.local.mailbox import ensure_sender, mails
from infra.local.postgres import OWNER
from tests import cluster
from tests.answers import low_back_pain
from tests.aws import cloud, gateway, privileges
from tests.aws.rds import Front, front
from tests.aws.stack import Stack

pytestmark = pytest.mark.long

EMAIL, PASSWORD = "member@acme.example", "a long passphrase of a member"
ADMINISTRATOR, ITS_PASSWORD = "ffp_admin", "kept/by RDS&changed"
_direct = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class Deployed:
    account: cloud.Cloud
    rds: Front
    names: dict[str, str]
    url: str
    database: str

    def rows(self, query: str, *params: Any) -> list[dict[str, Any]]:
        url = cluster.postgres().url(SUPERUSER, self.database)
        with closing(psycopg.connect(url, row_factory=dict_row, autocommit=True)) as connection:
            found = connection.execute(query, params)
            return found.fetchall() if found.description else []

    def ask(self, method: str, path: str, token: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
        """Through API Gateway: status and JSON."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()
        try:
            with _direct.open(Request(self.url + path, content, sent, method=method), timeout=60) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        answer = self.account.client("lambda").invoke(
            FunctionName=self.names[function], Payload=json.dumps(event).encode()
        )
        result = json.load(answer["Payload"])
        assert "FunctionError" not in answer, f"{result}\n{json.dumps(self.state()['logs'], indent=1)}"
        return result

    def eventually(self, query: str, *params: Any) -> dict[str, Any]:
        """The first row there is, within two minutes."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if found := self.rows(query, *params):
                return found[0]
            time.sleep(0.3)
        raise AssertionError(f"nothing in time: {query}\n{json.dumps(self.state(), indent=1, default=str)}")

    def state(self) -> dict[str, Any]:
        """What the account can tell about why nothing happens."""
        sqs, logs = self.account.client("sqs"), self.account.client("logs")
        lines = []
        for group in logs.describe_log_groups()["logGroups"]:
            for stream in logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"]:
                found = logs.get_log_events(
                    logGroupName=group["logGroupName"], logStreamName=stream["logStreamName"], limit=20
                )
                lines += [(each["timestamp"], each["message"].strip()) for each in found["events"]]
        return {
            "jobs": self.rows("select kind, stage, status, published_at, error_code from jobs"),
            "queues": {
                name: sqs.get_queue_attributes(QueueUrl=url.replace("localhost", "127.0.0.1"), AttributeNames=["All"])[
                    "Attributes"
                ]
                for name, url in self.names.items()
                if name.endswith(("Queue", "DeadLetters"))
            },
            "sources": self.account.client("lambda").list_event_source_mappings()["EventSourceMappings"],
            "logs": [text for _, text in sorted(lines)][-60:],
        }


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, expanded: Path) -> Iterator[Deployed]:
    """Two stacks, from nothing: a server with an empty database, as RDS makes it, and an empty account."""
    directory = tmp_path_factory.mktemp("account")
    database = f"d_{uuid4().hex}"
    server = cluster.postgres()

    def behind(user: str, name: str) -> str:
        return server.url(OWNER if user == ADMINISTRATOR else user, name)

    with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute(f'create database "{database}" owner {OWNER} template template0')
        try:
            with front(directory, behind, {}, {ADMINISTRATOR: ITS_PASSWORD}) as rds, cloud.cloud(directory) as account:
                made = _deploy(account, rds, database, json.loads(expanded.read_text()))
                first = made.invoke("MigrateFunction", {"phase": "expand"})
                assert (first["before"], first["left"]) == (None, [])
                yield made
        finally:
            connection.execute(f'drop database "{database}" with (force)')


def _deploy(account: cloud.Cloud, rds: Front, database: str, expanded: dict[str, Any]) -> Deployed:
    cloud.upload(account, rds.authority)
    identity = (gateway.TEMPLATE.parent / "infra" / "stacks" / "identity.yaml").read_text()
    origin = {"Environment": "dev", "WebOrigin": "https://app.example"}
    pool = cloud.deploy(account, "identity", identity, origin | {"DomainPrefix": "ffp-dev"})
    kept = json.dumps({"username": ADMINISTRATOR, "password": ITS_PASSWORD})
    secret = account.client("secretsmanager").create_secret(Name="rds!db-master", SecretString=kept)
    given = origin | pool | {
        "DatabaseHost": "localhost",
        "DatabaseInstanceHost": "localhost",
        "DatabasePort": str(rds.port),
        "DatabaseName": database,
        "DatabaseResourceId": "db-TESTONLY",
        "DatabaseAdministrator": ADMINISTRATOR,
        "DatabaseCredentialsArn": secret["ARN"],
        "MailDomain": "ffp.example",
        "VideosBucket": "ffp-videos",
        "StorageKeyArn": "arn:aws:kms:eu-west-2:000000000000:key/storage",
        "SecretsKeyArn": "arn:aws:kms:eu-west-2:000000000000:key/secrets",
        "CdnUrl": "https://cdn.ffp.example",
        "CdnKeysArn": "arn:aws:secretsmanager:eu-west-2:000000000000:secret:cdn",
        "SubnetIds": "subnet-00000001",
        "SecurityGroupIds": "sg-00000001",
    }  # fmt: skip
    template = json.dumps(cloud.as_it_takes_it(expanded))
    cloud.deploy(
        account, "ffp", template, {name: value for name, value in given.items() if name in expanded["Parameters"]}
    )
    names = cloud.resources(account, "ffp")
    url = f"{account.url}/restapis/{names['RestApi']}/dev/_user_request_"
    return Deployed(account, rds, names | {"UserPool": pool["UserPoolId"]}, url, database)


def _person(deployed: Deployed, tenant: str, email: str, role: str = "member") -> str:
    """Somebody who can sign in. Returns their access token, as the API gives it out."""
    cognito = deployed.account.client("cognito-idp")
    made = cognito.admin_create_user(
        UserPoolId=deployed.names["UserPool"],
        Username=email,
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
    )
    cognito.admin_set_user_password(
        UserPoolId=deployed.names["UserPool"], Username=email, Password=PASSWORD, Permanent=True
    )
    subject = next(each["Value"] for each in made["User"]["Attributes"] if each["Name"] == "sub")
    deployed.rows(
        """with t as (insert into tenants (id, slug, name, kind, settings)
                      values (gen_random_uuid(), %s, %s, 'business', '{"require_assessment_review": false}') returning id),
                u as (insert into users (tenant_id, id, email, role) select id, gen_random_uuid(), %s, %s from t
                      returning tenant_id, id)
           insert into identity.principals (sub, tenant_id, user_id) select %s, tenant_id, id from u""",
        tenant, tenant, email, role, subject,
    )  # fmt: skip
    return _signed_in(deployed, email)


def _signed_in(deployed: Deployed, email: str) -> str:
    status, answer = deployed.ask("POST", "/v1/auth/login", body={"email": email, "password": PASSWORD})
    assert status == 200, answer
    token: str = answer["access_token"]
    return token


def test_the_function_that_migrates_has_made_the_database(deployed: Deployed) -> None:
    [row] = deployed.rows("select version_num from alembic_version")
    assert deployed.invoke("MigrateFunction", {"phase": "expand"}) == {
        "phase": "expand", "before": row["version_num"], "revision": row["version_num"], "left": [],
    }  # fmt: skip
    assert deployed.rows("select count(*) > 0 as there from templates") == [{"there": True}]
    assert (ADMINISTRATOR, "good") in {(user, verdict) for user, _, verdict in deployed.rds.tokens}


def _submit(deployed: Deployed, token: str) -> str:
    """Returns the job's id when the program is there. Nobody but the functions does anything for it."""
    status, draft = deployed.ask("POST", "/v1/assessments", token, {"template_id": "low-back-pain"})
    assert status == 201, draft
    status, job = deployed.ask(
        "POST", f"/v1/assessments/{draft['id']}/submit", token, {"answers": low_back_pain()},
        Idempotency_Key=str(uuid4()), If_Match=f'"{draft["revision"]}"',
    )  # fmt: skip
    assert status == 202, job
    ended = "select status from jobs where id = %s and status in ('succeeded', 'failed', 'dead')"
    assert deployed.eventually(ended, job["id"]) == {"status": "succeeded"}
    found: str = job["id"]
    return found


def test_the_main_job_from_sign_in_to_the_program(deployed: Deployed) -> None:
    token, other = _person(deployed, "acme", EMAIL), _person(deployed, "other", "member@other.example")
    assert deployed.ask("GET", "/v1/me")[0] == 401
    assert deployed.ask("GET", "/v1/me", "not.a.token")[0] == 401
    job = f"/v1/jobs/{_submit(deployed, token)}"
    status, seen = deployed.ask("GET", job, token)
    assert (status, seen["status"], seen["result"]["type"]) == (200, "succeeded", "program")
    status, program = deployed.ask("GET", seen["result"]["href"], token)
    assert (status, program["status"]) == (200, "active"), program
    status, report = deployed.ask("POST", f"/v1/programs/{program['id']}/report", token, Idempotency_Key=str(uuid4()))
    assert status == 202, report
    ended = "select status from jobs where id = %s and status in ('succeeded', 'failed', 'dead')"
    assert deployed.eventually(ended, report["id"]) == {"status": "succeeded"}
    assert deployed.ask("GET", f"/v1/reports/{report['id']}/download", token)[0] == 200
    assert deployed.ask("GET", job, other)[0] == 404
    assert deployed.ask("GET", seen["result"]["href"], other)[0] == 404


def test_a_message_that_nobody_can_work_on_becomes_a_dead_letter(deployed: Deployed) -> None:
    """Beside one that somebody can: it is received five times, goes to the dead-letter queue, and from there into a
    table, without holding up the other.
    """
    url = deployed.names["ScoringQueue"].replace("localhost", "127.0.0.1")
    body = json.dumps({"nobody": "understands this"})
    sent = deployed.account.client("sqs").send_message(QueueUrl=url, MessageBody=body, MessageGroupId="acme")
    _submit(deployed, _person(deployed, "beside", "member@beside.example"))
    letter = deployed.eventually(
        """select l.queue, l.job_id, m.body from dead_letters l join dead_letter_messages m on m.letter_id = l.id
           where m.message_id = %s""",
        sent["MessageId"],
    )
    assert "ScoringDeadLetters" in letter["queue"]
    assert letter["job_id"] is None


_UNSENT = "select 1 from jobs where published_at is null and status in ('queued', 'running', 'retrying')"


def test_each_schedule_runs(deployed: Deployed) -> None:
    deadline = time.monotonic() + 120
    while (
        deployed.rows(_UNSENT) and time.monotonic() < deadline
    ):  # e-mails about the programs before: due after a while
        deployed.invoke("RelayFunction", {})
        time.sleep(0.5)
    assert deployed.rows(_UNSENT) == []
    assert deployed.invoke("RelayFunction", {}) == {"relayed": 0}
    assert deployed.invoke("SweeperFunction", {})["republished"] == 0
    assert deployed.invoke("ReplayerFunction", {}) == {"steps": 0}
    assert deployed.invoke("WebhooksFunction", {}) == {"done": 0}


def _ask_for_everything_else(deployed: Deployed) -> None:
    """E-mails, invitations, members and their logins, exports, webhooks: through the functions, with their rights."""
    ensure_sender(deployed.account.url, "no-reply@ffp.example")
    owner = _person(deployed, "gym", "owner@gym.example", "business_owner")
    invited = {"invitations": [{"email": "new@gym.example", "role": "member"}]}
    status, answer = deployed.ask("POST", "/v1/business/invitations", owner, invited, Idempotency_Key=str(uuid4()))
    assert status in (200, 201, 202, 207), answer
    deployed.eventually("select 1 from emails where address = 'new@gym.example' and sent_at is not null")
    [letter] = [each for each in mails(deployed.account.url) if each.to == "new@gym.example"]
    [opened] = set(re.findall(r"/accept\?token=([\w-]+)", letter.text))
    status, answer = deployed.ask(
        "POST", "/v1/invitations/accept", body={"token": opened, "password": PASSWORD, "name": "New"}
    )
    assert status == 200, answer
    member = _signed_in(deployed, "new@gym.example")
    [row] = deployed.rows("select id from users where email = 'new@gym.example'")
    for method, path, body in (
        ("PATCH", "", {"role": "clinician"}), ("POST", "/suspend", None), ("POST", "/reactivate", None),
    ):  # fmt: skip
        [at] = deployed.rows("select revision from users where id = %s", row["id"])
        place = f"/v1/business/members/{row['id']}{path}"
        status, answer = deployed.ask(method, place, owner, body, If_Match=f'"{at["revision"]}"')
        assert status == 200, answer
    status, answer = deployed.ask("POST", "/v1/me/exports", owner, Idempotency_Key=str(uuid4()))
    assert status == 202, answer
    deployed.eventually("select 1 from jobs where kind = 'export' and status = 'succeeded'")
    assert deployed.ask("GET", f"/v1/me/exports/{answer['id']}/download", owner)[0] == 200
    status, hook = deployed.ask("POST", "/v1/business/webhooks", owner, {"url": "https://hooks.invalid/"})
    assert status == 201, hook
    assert deployed.ask("POST", f"/v1/business/webhooks/{hook['id']}/test", owner)[0] == 202
    deployed.invoke("WebhooksFunction", {})
    deadline = time.monotonic() + 120
    while deployed.invoke("WebhooksFunction", {})["done"] == 0 and time.monotonic() < deadline:
        time.sleep(0.5)  # until its sender has told how it went
    person = {"email": "a@b.example", "password": PASSWORD, "name": "A", "kind": "individual"}
    status, answer = deployed.ask("POST", "/v1/auth/register", body=person, Idempotency_Key=str(uuid4()))
    assert status in (200, 201, 202), answer
    assert member


# Rights that nothing above needs, and why a function has them all the same.
NOT_SEEN = {
    ("ApiFunction", "cognito-idp:AdminDeleteUser"): "takes back a login when the rest of an acceptance fails",
    ("ApiFunction", "cognito-idp:AdminGetUser"): "looks whose address it is when Cognito has it already",
    ("SweeperFunction", "cognito-idp:AdminGetUser"): "registrations that nobody finished in two days",
    ("SweeperFunction", "cognito-idp:AdminDeleteUser"): "registrations that nobody finished in two days",
    ("BulkFunction", "cognito-idp:AdminDeleteUser"): "an erasure, thirty days after it was asked for",
    ("BulkFunction", "s3:DeleteObject"): "the same",
    ("BulkFunction", "s3:ListBucket"): "the same",
    ("NotificationsFunction", "s3:DeleteObject"): "a report of somebody who was erased meanwhile",
    ("NotificationsFunction", "s3:ListBucket"): "the same",
    ("ReplayerFunction", "sqs:SendMessage"): "replays that an operator orders",
    ("RelayFunction", "sqs:SendMessage"): "what the API could not publish",
    ("ApiFunction", "s3:GetObject"): "whoever has the link downloads with this right",
    ("WebhooksFunction", "sqs:DeleteMessage"): "a webhook's result, which a later run takes",
    ("NotificationsFunction", "ses:SendEmail"): "not in the emulator's trail; the invitation's e-mail has arrived",
    ("ApiFunction", "s3:PutObject"): "whoever has the form uploads a video with this right",
    ("ApiFunction", "s3:ListBucket"): "whether a video that was to be uploaded is there",
    ("MediaFunction", "s3:GetObject"): "no video is uploaded here",
    ("MediaFunction", "s3:ListBucket"): "no video is uploaded here",
    ("MediaFunction", "s3:PutObject"): "no video is uploaded here",
    **{
        (f"{name}Function", "sqs:ChangeMessageVisibility"): "the pause before a failed message comes back"
        for name in ("Scoring", "Generation", "Notifications", "Bulk", "Media")
    },
}


def test_roles_allow_what_functions_do_and_nothing_else(deployed: Deployed, stack: Stack) -> None:
    """IAM decided about every one of these requests, so none is missing; what is left over has a reason."""
    _submit(deployed, _person(deployed, "rights", "member@rights.example"))
    _ask_for_everything_else(deployed)
    may = privileges.allowed(stack)
    done = privileges.used(deployed.account, may)
    assert done - may == set()
    assert may - done - set(NOT_SEEN) == set()
    # No password anywhere, and never one token for two roles.
    shown = [(user, token) for user, token, _ in deployed.rds.tokens if user != ADMINISTRATOR]
    assert {user for user, _ in shown} >= {"ffp_app", "ffp_relay"}
    assert all("X-Amz-Security-Token=" in token and f"DBUser={user}" in token for user, token in shown)
    assert {verdict for _, _, verdict in deployed.rds.tokens} == {"good"}


def test_the_emulator_still_refuses_what_we_leave_out(deployed: Deployed) -> None:
    """Else it can be deployed as well."""
    for kind in cloud.REFUSED:
        template = json.dumps({"Resources": {"Refused": {"Type": kind, "Properties": {}}}})
        with pytest.raises(Exception, match=r"Unrecognized resource types|FAILED|ROLLBACK"):
            cloud.deploy(deployed.account, f"refused-{uuid4().hex[:8]}", template, {})
