"""Sign-in against Cognito. botocore is imported when somebody signs in: most requests carry a token already."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from infra import settings

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


class WrongCredentials(Exception):
    """E-mail or password do not match, or there is no such user: never told apart."""


class IdentityUnavailable(Exception):
    """Cognito did not answer."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """`expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    id_token: str
    expires_in: int


@cache
def client() -> "CognitoIdentityProviderClient":
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    cognito = settings.cognito()
    return boto3.client(
        "cognito-idp",
        region_name=cognito.region,
        endpoint_url=cognito.endpoint_url,
        # Sign-in is a public call: signing it would only need a credential the API should not hold.
        config=Config(signature_version=UNSIGNED, connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2}),
    )


def login(email: str, password: str) -> Tokens:
    """Raises WrongCredentials or IdentityUnavailable."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: Any = client().initiate_auth(
            ClientId=settings.cognito().client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in _WRONG:
            raise WrongCredentials from None
        raise IdentityUnavailable from None
    except BotoCoreError:
        raise IdentityUnavailable from None
    tokens = answer.get("AuthenticationResult")
    if tokens is None:  # a challenge (new password, second factor), which the hosted page handles
        raise WrongCredentials
    return Tokens(tokens["AccessToken"], tokens["RefreshToken"], tokens["IdToken"], tokens["ExpiresIn"])
