"""The user pool of the local stack, as infra/stacks/identity.yaml makes it on AWS, and its demo logins."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.accounts import MIN_PASSWORD
from infra.seed import demo_tenant_id

if TYPE_CHECKING:
    from types_boto3_cognito_idp import CognitoIdentityProviderClient
    from types_boto3_cognito_idp.type_defs import AttributeTypeTypeDef

POOL = "ffp-local"
CLIENT = "ffp-web"
REGISTRATION_CLIENT = "ffp-registration"
CUSTOM_ATTRIBUTES = {"tenantId": False, "role": True, "parentBusinessId": True}  # name -> may change later
# The scope that sign-in pages give for our API.
RESOURCE_SERVER, SCOPE = "ffp", "api"
SCOPES = ("openid", "email", f"{RESOURCE_SERVER}/{SCOPE}")
# The single-page application's development server and its preview of a build.
ORIGINS = ("http://localhost:5173", "http://127.0.0.1:5173", "http://localhost:4173", "http://127.0.0.1:4173")

_OWN = ["email", "name"]
_CUSTOM = [f"custom:{name}" for name in CUSTOM_ATTRIBUTES]


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
    """`client_id` signs people in, `registration_client_id` registers them."""

    pool_id: str
    client_id: str
    registration_client_id: str


def ensure_pool(client: "CognitoIdentityProviderClient") -> UserPool:
    """Finds the pool and its clients, or makes them; the clients are then as they are here."""
    found = client.list_user_pools(MaxResults=60)["UserPools"]
    pool_id = next((pool["Id"] for pool in found if pool["Name"] == POOL), None) or _make_pool(client)
    _ensure_resource_server(client, pool_id)
    clients = client.list_user_pool_clients(UserPoolId=pool_id, MaxResults=60)["UserPoolClients"]
    known = {each["ClientName"]: each["ClientId"] for each in clients}
    return UserPool(
        pool_id,
        _ensure_client(client, pool_id, known.get(CLIENT), ClientName=CLIENT, **_WEB),
        _ensure_client(
            client, pool_id, known.get(REGISTRATION_CLIENT), ClientName=REGISTRATION_CLIENT, **_REGISTRATION
        ),
    )


def ensure_logins(client: "CognitoIdentityProviderClient", pool: UserPool, logins: Iterable[Login]) -> dict[str, str]:
    """Makes the users that are missing, sets everyone's password and role. Returns e-mail -> sub, the id in tokens."""
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
        UsernameConfiguration={"CaseSensitive": False},
        AutoVerifiedAttributes=["email"],
        Policies={
            "PasswordPolicy": {
                "MinimumLength": MIN_PASSWORD,
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


# Rotation of refresh tokens is in the AWS template; the emulator has none.
_WEB: dict[str, Any] = {
    "ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"],
    "AccessTokenValidity": 15,
    "IdTokenValidity": 15,
    "RefreshTokenValidity": 7,
    "TokenValidityUnits": {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"},
    # Never custom:*, or anyone with the public client id could choose a tenant and a role.
    "WriteAttributes": _OWN,
    "ReadAttributes": ["email", "email_verified", "name", *_CUSTOM],
    "PreventUserExistenceErrors": "ENABLED",
    "EnableTokenRevocation": True,
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthFlows": ["code"],
    "AllowedOAuthScopes": list(SCOPES),
    "CallbackURLs": [f"{origin}/auth/callback" for origin in ORIGINS],
    "LogoutURLs": [f"{origin}/" for origin in ORIGINS],
    "SupportedIdentityProviders": ["COGNITO"],
}
_REGISTRATION: dict[str, Any] = {
    # Some flow has to be named. This one needs the server's credentials, and nobody takes these tokens.
    "ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH"],
    "WriteAttributes": [*_OWN, *_CUSTOM],
    "ReadAttributes": _OWN,
    "PreventUserExistenceErrors": "ENABLED",
}


def _ensure_client(client: "CognitoIdentityProviderClient", pool_id: str, client_id: str | None, **wanted: Any) -> str:
    if client_id is not None:
        client.update_user_pool_client(UserPoolId=pool_id, ClientId=client_id, **wanted)
        return client_id
    secret = wanted["ClientName"] == REGISTRATION_CLIENT
    made = client.create_user_pool_client(UserPoolId=pool_id, GenerateSecret=secret, **wanted)
    return made["UserPoolClient"]["ClientId"]


def _ensure_resource_server(client: "CognitoIdentityProviderClient", pool_id: str) -> None:
    servers = client.list_resource_servers(UserPoolId=pool_id, MaxResults=50)["ResourceServers"]
    if all(each["Identifier"] != RESOURCE_SERVER for each in servers):
        client.create_resource_server(
            UserPoolId=pool_id,
            Identifier=RESOURCE_SERVER,
            Name="FFP",
            Scopes=[{"ScopeName": SCOPE, "ScopeDescription": "Use the API as oneself"}],
        )


def _make_user(client: "CognitoIdentityProviderClient", pool: UserPool, login: Login) -> str:
    made = client.admin_create_user(
        UserPoolId=pool.pool_id,
        Username=login.email,
        MessageAction="SUPPRESS",
        UserAttributes=[
            {"Name": "email", "Value": login.email},
            {"Name": "email_verified", "Value": "true"},
            {"Name": "custom:role", "Value": login.role},
            *_tenant_of(login),
        ],
    )
    return next(a.get("Value", "") for a in made["User"]["Attributes"] if a["Name"] == "sub")


def _tenant_of(login: Login) -> "list[AttributeTypeTypeDef]":
    """Staff have none."""
    tenant_id: UUID | None = demo_tenant_id(login.tenant) if login.tenant else None
    return [{"Name": "custom:tenantId", "Value": str(tenant_id)}] if tenant_id else []
