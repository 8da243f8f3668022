"""Sign in with a password. On AWS the SPA uses code + PKCE; this is for development, tools and first-party clients."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.bodies import StrictRoute
from api.errors import HttpProblem, responses
from api.models import Body
from domain.errors import Unavailable
from infra import cognito

router = APIRouter(prefix="/v1/auth", tags=["auth"], route_class=StrictRoute)


class Login(Body):
    email: str = Field(min_length=3, max_length=254, examples=["member@acme.example"])
    password: str = Field(min_length=1, max_length=256, examples=["correct horse battery staple"])


class Session(BaseModel):
    """`expires_in`: seconds until the access token ends."""

    access_token: str
    refresh_token: str
    id_token: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme's name
    expires_in: int


@router.post("/login", summary="Sign in", responses=responses(400, 401, 413, 415, 422, 503))
def login(body: Login) -> Session:
    try:
        tokens = cognito.login(body.email, body.password)
    except cognito.WrongCredentials:
        raise HttpProblem("wrong_credentials") from None
    except cognito.IdentityUnavailable:
        raise Unavailable("cognito") from None
    return Session(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        id_token=tokens.id_token,
        expires_in=tokens.expires_in,
    )
