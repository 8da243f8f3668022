"""Who asks. The token is verified here; membership is PostgreSQL's word, on every request."""

from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.context import request_id
from api.errors import HttpProblem
from domain.errors import Forbidden, Unavailable
from domain.tenancy import Context, Principal
from infra import database, logs, tokens

_bearer = HTTPBearer(auto_error=False, description="A Cognito access token, as POST /v1/auth/login gives it.")


def principal(credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> Principal:
    if credentials is None:
        raise HttpProblem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})
    try:
        subject = tokens.subject_of(credentials.credentials)
    except tokens.InvalidToken:
        subject = None
    except tokens.KeysUnavailable:
        raise Unavailable("signing keys") from None
    found = database.open_request(subject) if subject else None
    if found is None:
        raise HttpProblem("unauthenticated", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
    return found


def tenant_user(who: Annotated[Principal, Depends(principal)]) -> Context:
    """Someone of a tenant. Staff have none, so there is nothing here for them to see."""
    if who.tenant_id is None:
        raise Forbidden
    logs.bind(tenant_id=str(who.tenant_id))
    return Context(who.tenant_id, who.user_id, who.role, request_id())


TenantUser = Annotated[Context, Depends(tenant_user)]
"""The context of the signed-in user: pass it to `unit_of_work`."""
