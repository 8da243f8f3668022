"""Become somebody here: register, prove the address, choose a new password.

No answer tells whether an address has an account: it is the same, and takes as long.
"""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints, model_validator

from api import quotas
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IdempotencyKey
from api.models import Body
from api.people import Email, Name, NewEmail, Password
from domain.accounts import Kind, NewAccount, normalised
from domain.services import registration
from domain.services import sessions as ending
from infra import identities, pace, sessions, settings
from infra.registrations import Registrations, tell_owner

router = APIRouter(prefix="/v1/auth", tags=["auth"], route_class=StrictRoute)

_PROBLEMS = responses(400, 413, 415, 422, 429, 503)
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), Field(examples=["421337"])]


class Register(Body):
    """`business_name` is for a business, and required there."""

    email: NewEmail
    password: Password
    name: Annotated[Name, Field(examples=["Ana Lima"])]
    kind: Kind
    business_name: Annotated[Name | None, Field(examples=["Harbour Physiotherapy"])] = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.kind == "business") != (self.business_name is not None):
            raise ValueError("a business has a name, and nobody else")
        return self


class Confirm(Body):
    email: Email
    code: Code


class Address(Body):
    email: Email


class Reset(Body):
    email: Email
    code: Code
    new_password: Password


class Sent(BaseModel):
    """The same for every address, with an account or without."""

    status: Literal["sent"] = "sent"
    detail: str


def _sent(detail: str) -> Sent:
    return Sent(detail=detail)


@router.post("/register", summary="Open an account", status_code=202, responses=responses(409) | _PROBLEMS)
def register(body: Register, key: IdempotencyKey, request: Request) -> Sent:
    """An individual, or a business and its owner. The code that was sent to the address confirms it: `/confirm`.

    Sent again with the same key, it carries on where a fault has cut it off. With another key it starts anew while the
    address is unconfirmed: the newest password counts, and the newest code.
    """
    account = NewAccount(normalised(body.email), body.name, body.kind, body.business_name)
    quotas.count(request, "register", account.email)
    with pace.at_least(settings.even_answer_s()):
        owner = registration.register(Registrations(), identities, account, body.password, key)
        if owner is not None:
            tell_owner(*owner, account.email)
    return _sent("A code was sent to the address, or a note to its owner where there is an account.")


@router.post("/confirm", summary="Confirm an address with its code", status_code=204, responses=_PROBLEMS)
def confirm(body: Confirm, request: Request) -> Response:
    email = normalised(body.email)
    quotas.count(request, "confirm", email)
    with pace.at_least(settings.even_answer_s()):
        registration.confirm(Registrations(), identities, email, body.code)
    return Response(status_code=204)


@router.post("/resend", summary="Send the code of a registration again", status_code=202, responses=_PROBLEMS)
def resend(body: Address, request: Request) -> Sent:
    email = normalised(body.email)
    quotas.count(request, "resend", email)
    with pace.at_least(settings.even_answer_s()):
        Registrations().note_code(email, "confirm")
        identities.resend(email)
    return _sent("If a registration of this address waits for its code, another one was sent.")


@router.post("/forgot", summary="Ask for a code to choose a new password", status_code=202, responses=_PROBLEMS)
def forgot(body: Address, request: Request) -> Sent:
    email = normalised(body.email)
    quotas.count(request, "forgot", email)
    with pace.at_least(settings.even_answer_s()):
        Registrations().note_code(email, "reset")
        identities.forgot(email)
    return _sent("If this address has an account, a code was sent to it.")


@router.post("/reset", summary="Choose a new password with a code", status_code=204, responses=_PROBLEMS)
def reset(body: Reset, request: Request) -> Response:
    """Every session of this person ends, as with `/logout`."""
    email = normalised(body.email)
    quotas.count(request, "reset", email)
    with pace.at_least(settings.even_answer_s()):
        registration.reset(Registrations(), identities, email, body.code, body.new_password)
        pace.wait(ending.end_all_of(sessions, identities, email))
    return Response(status_code=204)
