"""Cognito: the client, what its errors mean, and sessions. botocore is imported when somebody signs in: most requests
carry a token already.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from domain.errors import SessionEnded, Unavailable
from infra import aws, settings

if TYPE_CHECKING:
    from types_boto3_cognito_idp import CognitoIdentityProviderClient


# Everything else (throttled, misconfigured, down) is not the client's doing.
_WRONG = frozenset(
    {
        "NotAuthorizedException",
        "UserNotFoundException",
        "UserNotConfirmedException",
        "PasswordResetRequiredException",
        "InvalidParameterException",
    }
)
_ENDED = frozenset(
    {"NotAuthorizedException", "RefreshTokenReuseException", "UserNotFoundException", "InvalidParameterException"}
)


class WrongCredentials(Exception):
    """E-mail or password do not match, or there is no such user: never told apart."""


class Refused(Exception):
    """Cognito's own error, by its name. Its text goes no further."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Tokens:
    """`expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    id_token: str
    expires_in: int


@cache
def client() -> "CognitoIdentityProviderClient":
    """Signs what only the server may ask, with the function's role; botocore leaves the public calls unsigned."""
    from botocore.config import Config

    cognito = settings.cognito()
    made: CognitoIdentityProviderClient = aws.client(
        "cognito-idp",
        region_name=cognito.region,
        endpoint_url=cognito.endpoint_url,
        config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2}, max_pool_connections=32),
    )
    return made


@contextmanager
def asking() -> Iterator[None]:
    """Around calls of Cognito. Raises Refused for what it refuses, Unavailable where it does not answer."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"].get("HTTPStatusCode", 500)
        if status >= 500 or code in {"TooManyRequestsException", "InternalErrorException"}:  # noqa: PLR2004
            raise Unavailable("cognito", code) from None
        raise Refused(code) from None
    except BotoCoreError as error:
        raise Unavailable("cognito", type(error).__name__) from None


def login(email: str, password: str) -> Tokens:
    """Raises WrongCredentials or Unavailable.

    An administrator's call: the public client takes no passwords, so nobody tries them past our throttle.
    """
    cognito = settings.cognito()
    try:
        with asking():
            answer: Any = client().admin_initiate_auth(
                UserPoolId=cognito.user_pool_id,
                ClientId=cognito.client_id,
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": email, "PASSWORD": password},
            )
    except Refused as error:
        if error.code in _WRONG:
            raise WrongCredentials from None
        raise Unavailable("cognito", error.code) from None
    tokens = answer.get("AuthenticationResult")
    if tokens is None:  # a challenge (new password, second factor), which the hosted page handles
        raise WrongCredentials
    return Tokens(tokens["AccessToken"], tokens["RefreshToken"], tokens["IdToken"], tokens["ExpiresIn"])


def refresh(refresh_token: str) -> Tokens:
    """New tokens, and where the client rotates a new refresh token in the place of this one, which is then of no use.

    Raises SessionEnded for a token that is used up, revoked, expired or none; Unavailable.
    """
    try:
        with asking():
            answer: Any = client().get_tokens_from_refresh_token(
                ClientId=settings.cognito().client_id, RefreshToken=refresh_token
            )
    except Refused as error:
        if error.code in _ENDED:
            raise SessionEnded from None
        raise Unavailable("cognito", error.code) from None
    tokens = answer["AuthenticationResult"]
    return Tokens(
        tokens["AccessToken"], tokens.get("RefreshToken", refresh_token), tokens["IdToken"], tokens["ExpiresIn"]
    )


def sign_out_everywhere(subject: str) -> None:
    """End every refresh token of the user. Raises Unavailable. A user who is gone has none.

    By the server: a token of the sign-in pages has no scope for GlobalSignOut.
    """
    try:
        with asking():
            client().admin_user_global_sign_out(UserPoolId=settings.cognito().user_pool_id, Username=subject)
    except Refused as error:
        if error.code != "UserNotFoundException":
            raise Unavailable("cognito", error.code) from None
