"""The user pool's users, as the server makes, finds and removes them."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from domain.accounts import AddressTaken, CodeRefused, Found, NewUser
from domain.errors import TooManyRequests, Unavailable, WeakPassword
from infra import settings
from infra.cognito import Refused, WrongCredentials, asking, client, login

_GONE = "UserNotFoundException"
# A code that is wrong, used up or none at all. NotAuthorized: the user has been confirmed before.
_CODE = frozenset(
    {"CodeMismatchException", "ExpiredCodeException", "NotAuthorizedException", "InvalidParameterException", _GONE}
)
_PATIENCE_S = 900  # how long Cognito refuses further tries
_OFTEN = frozenset({"LimitExceededException", "TooManyFailedAttemptsException"})
# What sending a code may come to that depends on whether there is somebody to send it to.
_UNSENT = _OFTEN | {_GONE, "InvalidParameterException", "NotAuthorizedException", "CodeDeliveryFailureException"}


@cache
def _secret(pool_id: str, client_id: str) -> bytes:
    """Of the registration client. Asked for with the function's role, so that no setting holds it."""
    with asking():
        found = client().describe_user_pool_client(UserPoolId=pool_id, ClientId=client_id)
    return found["UserPoolClient"]["ClientSecret"].encode()


@contextmanager
def _code() -> Iterator[None]:
    try:
        with asking():
            yield
    except Refused as error:
        if error.code in _CODE:
            raise CodeRefused from None
        if error.code in _OFTEN:
            raise TooManyRequests(_PATIENCE_S) from None
        if error.code == "InvalidPasswordException":
            raise WeakPassword([]) from None
        raise Unavailable("cognito", error.code) from None


@contextmanager
def _sending() -> Iterator[None]:
    try:
        with asking():
            yield
    except Refused as error:
        if error.code not in _UNSENT:
            raise Unavailable("cognito", error.code) from None


def sign_up(user: NewUser, password: str) -> str:
    """Make the user, unconfirmed; Cognito sends the code. Returns the subject.

    Raises AddressTaken, WeakPassword, Unavailable.
    """
    pool_id, client_id = settings.cognito().user_pool_id, settings.registration_client_id()
    try:
        secret = _secret(pool_id, client_id)
        proof = hmac.digest(secret, f"{user.email}{client_id}".encode(), hashlib.sha256)
        with asking():
            made = client().sign_up(
                ClientId=client_id,
                SecretHash=base64.b64encode(proof).decode(),
                Username=user.email,
                Password=password,
                UserAttributes=[{"Name": name, "Value": value} for name, value in user.attributes().items()],
            )
    except Refused as error:
        match error.code:
            case "UsernameExistsException":
                raise AddressTaken from None
            case "InvalidPasswordException":
                raise WeakPassword([]) from None
            case "CodeDeliveryFailureException":  # made, but nothing was sent: /resend can
                found = find(user.email)
                if found is not None:
                    return found.subject
        raise Unavailable("cognito", error.code) from None
    return made["UserSub"]


def find(username: str) -> Found | None:
    """By e-mail or subject. Raises Unavailable."""
    try:
        with asking():
            answer: Any = client().admin_get_user(UserPoolId=settings.cognito().user_pool_id, Username=username)
    except Refused as error:
        if error.code == _GONE:
            return None
        raise Unavailable("cognito", error.code) from None
    attributes = {each["Name"]: each.get("Value", "") for each in answer["UserAttributes"]}
    return Found(attributes["sub"], answer["UserStatus"], attributes.get("custom:tenantId"))


def delete(subject: str) -> None:
    """Again: nothing happens. Raises Unavailable."""
    try:
        with asking():
            client().admin_delete_user(UserPoolId=settings.cognito().user_pool_id, Username=subject)
    except Refused as error:
        if error.code != _GONE:
            raise Unavailable("cognito", error.code) from None


def confirm(email: str, code: str) -> None:
    """Raises CodeRefused, TooManyRequests, Unavailable."""
    with _code():
        client().confirm_sign_up(ClientId=settings.cognito().client_id, Username=email, ConfirmationCode=code)


def resend(email: str) -> None:
    """Send the code of a registration once more, if there is one. Says nothing about that. Raises Unavailable."""
    with _sending():
        client().resend_confirmation_code(ClientId=settings.cognito().client_id, Username=email)


def forgot(email: str) -> None:
    """Send a code for a new password, if there is such an account. Says nothing about that. Raises Unavailable."""
    with _sending():
        client().forgot_password(ClientId=settings.cognito().client_id, Username=email)


def reset(email: str, code: str, password: str) -> None:
    """Raises CodeRefused, TooManyRequests, WeakPassword, Unavailable."""
    with _code():
        client().confirm_forgot_password(
            ClientId=settings.cognito().client_id, Username=email, ConfirmationCode=code, Password=password
        )


def has_password(email: str, password: str) -> bool:
    """Raises Unavailable."""
    try:
        login(email, password)
    except WrongCredentials:
        return False
    return True


# --- by the server, for who has proven the address with an invitation, and for who runs a business ---


@contextmanager
def _ordering() -> Iterator[None]:
    try:
        with asking():
            yield
    except Refused as error:
        if error.code == "InvalidPasswordException":
            raise WeakPassword([]) from None
        raise Unavailable("cognito", error.code) from None


def create_confirmed(user: NewUser) -> str:
    """Make a user whose address is proven; they can sign in once they have a password. Returns the subject.

    Raises AddressTaken, Unavailable.
    """
    attributes = user.attributes() | {"email_verified": "true"}
    try:
        with asking():
            made = client().admin_create_user(
                UserPoolId=settings.cognito().user_pool_id,
                Username=user.email,
                MessageAction="SUPPRESS",
                UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
            )
    except Refused as error:
        if error.code == "UsernameExistsException":
            raise AddressTaken from None
        raise Unavailable("cognito", error.code) from None
    return next(each.get("Value", "") for each in made["User"]["Attributes"] if each["Name"] == "sub")


def set_password(username: str, password: str) -> None:
    """Raises WeakPassword, Unavailable."""
    with _ordering():
        client().admin_set_user_password(
            UserPoolId=settings.cognito().user_pool_id, Username=username, Password=password, Permanent=True
        )


def set_enabled(username: str, *, enabled: bool) -> None:
    """Whether they can sign in. Raises Unavailable."""
    change = client().admin_enable_user if enabled else client().admin_disable_user
    with _ordering():
        change(UserPoolId=settings.cognito().user_pool_id, Username=username)


def set_role(username: str, role: str) -> None:
    """What their ID token shows; what they may do is PostgreSQL's to say. Raises Unavailable."""
    with _ordering():
        client().admin_update_user_attributes(
            UserPoolId=settings.cognito().user_pool_id,
            Username=username,
            UserAttributes=[{"Name": "custom:role", "Value": role}],
        )
