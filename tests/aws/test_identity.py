"""What infra/stacks/identity.yaml promises, and that the local pool is the same."""

from typing import Any

import pytest
import yaml

from api.routes.auth import SCOPES
from domain.accounts import MIN_PASSWORD
from infra.local import identities
from tests.aws import gateway

TEMPLATE = gateway.TEMPLATE.parent / "infra" / "stacks" / "identity.yaml"


class _Loader(yaml.SafeLoader):
    """CloudFormation's short forms, as the value they are given."""


_Loader.add_multi_constructor(
    "!",
    lambda loader, tag, node: (
        {tag: loader.construct_sequence(node, deep=True)}
        if isinstance(node, yaml.SequenceNode)
        else {tag: loader.construct_scalar(node)}
    ),
)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(TEMPLATE.read_text(), _Loader)
    return found


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    return {name: each["Properties"] for name, each in template["Resources"].items()}


@pytest.fixture(scope="module")
def clients(template: dict[str, Any]) -> list[dict[str, Any]]:
    kind = "AWS::Cognito::UserPoolClient"
    return [each["Properties"] for each in template["Resources"].values() if each["Type"] == kind]


def test_only_who_keeps_a_secret_writes_who_somebody_is(clients: list[dict[str, Any]]) -> None:
    for client in clients:
        may_write = {name for name in client["WriteAttributes"] if name.startswith("custom:")}
        assert bool(may_write) is client["GenerateSecret"], client["ClientName"]
        if may_write:  # and nobody gets a token from it without the server's credentials
            assert client["ExplicitAuthFlows"] == ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
            assert "AllowedOAuthFlows" not in client
        assert client["PreventUserExistenceErrors"] == "ENABLED"
        assert client["EnableTokenRevocation"] is True


def test_tokens_live_fifteen_minutes_and_seven_days_and_rotate(resources: dict[str, Any]) -> None:
    web = resources["WebClient"]
    assert (web["AccessTokenValidity"], web["IdTokenValidity"], web["RefreshTokenValidity"]) == (15, 15, 7)
    assert web["TokenValidityUnits"] == {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"}
    assert web["RefreshTokenRotation"]["Feature"] == "ENABLED"
    assert resources["UserPool"]["UserPoolTier"] != "LITE"
    assert web["RefreshTokenRotation"]["RetryGracePeriodSeconds"] <= 60
    assert "ALLOW_REFRESH_TOKEN_AUTH" not in web["ExplicitAuthFlows"]
    assert "ALLOW_USER_PASSWORD_AUTH" not in web["ExplicitAuthFlows"]


def test_the_web_client_is_for_code_and_pkce(resources: dict[str, Any]) -> None:
    web = resources["WebClient"]
    assert (web["GenerateSecret"], web["AllowedOAuthFlows"]) == (False, ["code"])
    assert web["AllowedOAuthScopes"] == list(SCOPES)
    assert set(gateway.SCOPES) & set(SCOPES) == {"ffp/api"}
    server = resources["ResourceServer"]
    assert f"{server['Identifier']}/{server['Scopes'][0]['ScopeName']}" in SCOPES
    assert [each["Sub"] for each in web["CallbackURLs"]] == ["${WebOrigin}/auth/callback"]


def test_the_pool_is_kept_and_tells_nobody_who_is_in_it(template: dict[str, Any], resources: dict[str, Any]) -> None:
    pool = resources["UserPool"]
    assert pool["DeletionProtection"] == "ACTIVE"
    assert template["Resources"]["UserPool"]["DeletionPolicy"] == "Retain"
    assert pool["UsernameConfiguration"] == {"CaseSensitive": False}
    assert pool["AutoVerifiedAttributes"] == ["email"]
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] == MIN_PASSWORD
    custom = {each["Name"]: each["Mutable"] for each in pool["Schema"] if each["Name"] != "email"}
    assert custom == identities.CUSTOM_ATTRIBUTES
    assert custom["tenantId"] is False


def test_the_local_pool_has_the_same_clients(resources: dict[str, Any]) -> None:
    here = {"WebClient": identities._WEB, "RegistrationClient": identities._REGISTRATION}
    of_the_place = {"CallbackURLs", "LogoutURLs"}
    for name, local in here.items():
        for key in local.keys() - of_the_place:
            assert local[key] == resources[name][key], (name, key)


@pytest.mark.parametrize(
    ("source", "attributes", "lets_in"),
    [
        ("PreSignUp_SignUp", {"email": "a@b.example", "custom:tenantId": "x"}, True),
        ("PreSignUp_SignUp", {"email": "a@b.example"}, False),
        ("PreSignUp_AdminCreateUser", {"email": "a@b.example"}, True),
    ],
)
def test_nobody_signs_up_past_the_api(
    resources: dict[str, Any], source: str, attributes: dict[str, str], lets_in: bool
) -> None:
    assert resources["UserPool"]["LambdaConfig"] == {"PreSignUp": {"GetAtt": "PreSignUpFunction.Arn"}}
    scope: dict[str, Any] = {}
    exec(resources["PreSignUpFunction"]["Code"]["ZipFile"], scope)
    event = {"triggerSource": source, "request": {"userAttributes": attributes}, "response": {}}
    if lets_in:
        assert scope["handler"](event, None) is event
    else:
        with pytest.raises(PermissionError):
            scope["handler"](event, None)


def test_its_outputs_are_parameters_of_the_application(template: dict[str, Any]) -> None:
    application = gateway.TEMPLATE.read_text().partition("\nMappings:")[0]
    assert all(f"\n  {name}:\n" in application for name in template["Outputs"])
