"""The user pool of the local stack, as template.yaml makes it on AWS, and its demo logins."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_cognito_idp import CognitoIdentityProviderClient

POOL = "ffp-local"
CLIENT = "ffp-web"
CUSTOM_ATTRIBUTES = {"tenantId": False, "role": True, "parentBusinessId": True}  # name -> may change later


@dataclass(frozen=True)
class Login:
    """A demo user; `tenant` is a slug, empty for the people who run FFP. `review`: programs wait for a clinician."""

    email: str
    password: str
    role: str
    tenant: str
    tenant_kind: str
    review: bool = False


@dataclass(frozen=True)
class UserPool:
    pool_id: str
    client_id: str


def ensure_pool(client: "CognitoIdentityProviderClient") -> UserPool:
    """Finds the pool and its client, or makes them."""
    found = client.list_user_pools(MaxResults=60)["UserPools"]
    pool_id = next((pool["Id"] for pool in found if pool["Name"] == POOL), None) or _make_pool(client)
    clients = client.list_user_pool_clients(UserPoolId=pool_id, MaxResults=60)["UserPoolClients"]
    client_id = next((each["ClientId"] for each in clients if each["ClientName"] == CLIENT), None)
    return UserPool(pool_id, client_id or _make_client(client, pool_id))


def ensure_logins(client: "CognitoIdentityProviderClient", pool: UserPool, logins: Iterable[Login]) -> dict[str, str]:
    """Makes the users that are missing, sets everyone's password. Returns e-mail -> sub, the id in tokens."""
    found = client.list_users(UserPoolId=pool.pool_id, Limit=60)["Users"]
    subs = {
        attributes["email"]: attributes["sub"]
        for attributes in ({a["Name"]: a.get("Value", "") for a in user["Attributes"]} for user in found)
    }
    for login in logins:
        if login.email not in subs:
            subs[login.email] = _make_user(client, pool, login)
        client.admin_set_user_password(
            UserPoolId=pool.pool_id, Username=login.email, Password=login.password, Permanent=True
        )
    return subs


def _make_pool(client: "CognitoIdentityProviderClient") -> str:
    made = client.create_user_pool(
        PoolName=POOL,
        UsernameAttributes=["email"],
        AutoVerifiedAttributes=["email"],
        Policies={
            "PasswordPolicy": {
                "MinimumLength": 12,
                "RequireUppercase": False,
                "RequireLowercase": False,
                "RequireNumbers": False,
                "RequireSymbols": False,
            }
        },
        Schema=[
            {"Name": name, "AttributeDataType": "String", "Mutable": mutable}
            for name, mutable in CUSTOM_ATTRIBUTES.items()
        ],
    )
    return made["UserPool"]["Id"]


def _make_client(client: "CognitoIdentityProviderClient", pool_id: str) -> str:
    made = client.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName=CLIENT,
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        AccessTokenValidity=15,
        IdTokenValidity=15,
        RefreshTokenValidity=7,
        TokenValidityUnits={"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"},
        # Never custom:*, or anyone with the public client id could choose a tenant and a role.
        WriteAttributes=["email", "name"],
        ReadAttributes=["email", "email_verified", "name", *(f"custom:{name}" for name in CUSTOM_ATTRIBUTES)],
        PreventUserExistenceErrors="ENABLED",
    )
    return made["UserPoolClient"]["ClientId"]


def _make_user(client: "CognitoIdentityProviderClient", pool: UserPool, login: Login) -> str:
    made = client.admin_create_user(
        UserPoolId=pool.pool_id,
        Username=login.email,
        MessageAction="SUPPRESS",
        UserAttributes=[
            {"Name": "email", "Value": login.email},
            {"Name": "email_verified", "Value": "true"},
            {"Name": "custom:role", "Value": login.role},
        ],
    )
    return next(a.get("Value", "") for a in made["User"]["Attributes"] if a["Name"] == "sub")
