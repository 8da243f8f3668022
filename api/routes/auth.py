"""Sessions. On AWS the web application signs in on the user pool's pages (code + PKCE, see `/config`); signing in with
a password here is for tools and first-party clients.
"""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api import quotas
from api.auth import principal
from api.bodies import StrictRoute
from api.errors import HttpProblem, responses
from api.models import Body
from domain.accounts import normalised
from domain.services import sessions as ending
from domain.tenancy import Principal
from infra import cognito, metrics, pace, sessions, settings

router = APIRouter(prefix="/v1/auth", tags=["auth"], route_class=StrictRoute)

SCOPES = ("openid", "email", "ffp/api")


class Login(Body):
    email: str = Field(min_length=3, max_length=254, examples=["member@acme.example"])
    password: str = Field(min_length=1, max_length=256, examples=["correct horse battery staple"])


class Refresh(Body):
    refresh_token: str = Field(min_length=1, max_length=8192, examples=["eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIn0"])


class Session(BaseModel):
    """`expires_in`: seconds until the access token ends."""

    access_token: str
    refresh_token: str
    id_token: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme's name
    expires_in: int


class AuthConfig(BaseModel):
    """What a browser needs for OAuth 2.0 code + PKCE (S256). `scopes` are to be asked for, joined by spaces."""

    issuer: str
    client_id: str
    scopes: list[str]
    authorize_url: str
    token_url: str
    logout_url: str


def _session(tokens: cognito.Tokens) -> Session:
    return Session(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        id_token=tokens.id_token,
        expires_in=tokens.expires_in,
    )


@router.get("/config", summary="Where to sign in with a browser", responses=responses(503))
def get_auth_config() -> AuthConfig:
    pool, pages = settings.cognito(), settings.cognito_domain_url()
    return AuthConfig(
        issuer=pool.issuer,
        client_id=pool.client_id,
        scopes=list(SCOPES),
        authorize_url=f"{pages}/oauth2/authorize",
        token_url=f"{pages}/oauth2/token",
        logout_url=f"{pages}/logout",
    )


@router.post("/login", summary="Sign in", responses=responses(400, 401, 413, 415, 422, 429, 503))
def login(body: Login, request: Request) -> Session:
    email = normalised(body.email)
    quotas.count_sign_in(request, email)
    try:
        return _session(cognito.login(email, body.password))
    except cognito.WrongCredentials:
        metrics.record(metrics.SIGN_IN_FAILURES)
        raise HttpProblem("wrong_credentials") from None


@router.post(
    "/refresh",
    summary="Exchange a refresh token for new tokens",
    responses=responses(400, 401, 413, 415, 422, 429, 503),
)
def refresh(body: Refresh, request: Request) -> Session:
    """Keep the refresh token of the answer: where the pool rotates them, the one that was sent is used up."""
    quotas.count(request, "refresh", hashlib.sha256(body.refresh_token.encode()).hexdigest())
    return _session(cognito.refresh(body.refresh_token))


@router.post("/logout", summary="Sign out everywhere", status_code=204, responses=responses(401, 429, 503))
def logout(who: Annotated[Principal, Depends(principal)]) -> Response:
    """Every session of this person ends, on all devices: no refresh token gives new tokens, and no access token issued
    until now is taken any more.
    """
    pace.wait(ending.end_all(sessions, who.subject))
    return Response(status_code=204)
