"""Queues and users of the emulator: right at the first start, found again at every other."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from infra.local import clients
from infra.local.emulator import Emulator
from infra.local.errors import LocalStackError
from infra.local.identities import CUSTOM_ATTRIBUTES, Login, ensure_logins, ensure_pool
from infra.local.queues import ensure_queues

LOGIN = Login("someone@acme.example", "a-password-for-tests", "member", "acme", "business")


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path) as found:
        yield found


def test_queues_have_their_redrive_and_are_found_again(emulator: Emulator):
    client = clients.sqs(emulator.url)
    urls = ensure_queues(client, emulator.url, visibility_s=30)
    work = {
        name + tail for name in ("scoring", "generation", "bulk", "notifications", "media") for tail in ("", "-dlq")
    }
    assert set(urls) == work | {"webhooks", "webhook_results"}
    attributes = client.get_queue_attributes(QueueUrl=urls["scoring"], AttributeNames=["All"])["Attributes"]
    redrive = json.loads(attributes["RedrivePolicy"])
    assert redrive["maxReceiveCount"] == 5
    assert redrive["deadLetterTargetArn"].endswith(":scoring-dlq")
    assert attributes["VisibilityTimeout"] == "30"

    client.send_message(QueueUrl=urls["scoring"], MessageBody="kept")
    assert ensure_queues(client, emulator.url, visibility_s=7) == urls
    emulator.stop()
    emulator.start()
    assert ensure_queues(client, emulator.url, visibility_s=7) == urls
    [message] = client.receive_message(QueueUrl=urls["scoring"])["Messages"]
    assert message["Body"] == "kept"
    attributes = client.get_queue_attributes(QueueUrl=urls["scoring"], AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "7"


def test_a_saved_pool_survives_a_kill_and_signs_as_before(emulator: Emulator):
    client = clients.cognito(emulator.url)
    pool = ensure_pool(client)
    subs = ensure_logins(client, pool, [LOGIN])
    emulator.save()
    before = emulator.part.identity()
    assert before
    os.kill(before.pid, signal.SIGKILL)
    emulator.start()
    assert emulator.part.identity() != before
    client = clients.cognito(emulator.url)  # on the same port, unless somebody took it meanwhile
    assert ensure_pool(client) == pool
    assert ensure_logins(client, pool, [LOGIN]) == subs
    tokens = client.admin_initiate_auth(
        UserPoolId=pool.pool_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        ClientId=pool.client_id,
        AuthParameters={"USERNAME": LOGIN.email, "PASSWORD": LOGIN.password},
    )["AuthenticationResult"]
    claims = jwt.decode(tokens["AccessToken"], options={"verify_signature": False})
    assert claims["sub"] == subs[LOGIN.email]
    assert claims["exp"] - claims["iat"] == 15 * 60


def test_the_public_client_may_not_write_what_decides_tenant_and_role(emulator: Emulator):
    client = clients.cognito(emulator.url)
    pool = ensure_pool(client)
    found = client.describe_user_pool_client(UserPoolId=pool.pool_id, ClientId=pool.client_id)["UserPoolClient"]
    assert not any(name.startswith("custom:") for name in found["WriteAttributes"])
    assert found["PreventUserExistenceErrors"] == "ENABLED"
    schema = client.describe_user_pool(UserPoolId=pool.pool_id)["UserPool"]["SchemaAttributes"]
    mutable = {each["Name"]: each["Mutable"] for each in schema if each["Name"].startswith("custom:")}
    assert mutable == {f"custom:{name}": may for name, may in CUSTOM_ATTRIBUTES.items()}


def test_it_listens_on_this_machine_only(emulator: Emulator):
    assert emulator.url.startswith("http://127.0.0.1:")
    command = emulator.part.log.read_text()
    assert "0.0.0.0" not in command


def test_a_missing_environment_is_one_clear_line(tmp_path: Path):
    with pytest.raises(LocalStackError, match="run `make setup`"):
        Emulator(tmp_path, python=tmp_path / "nothing").start()
