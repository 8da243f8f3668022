"""Who asks. The token is verified here; membership is PostgreSQL's word, on every request."""

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request, Security, concurrency
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api import rates
from api.context import request_id
from api.errors import HttpProblem
from domain import permissions
from domain.errors import Forbidden, TooManyRequests, Unavailable
from domain.tenancy import CONTENT_TENANT, Actor, ContentAdmin, Context, Operator, Principal
from infra import logs, membership, metrics

if TYPE_CHECKING:
    from infra import tokens

_bearer = HTTPBearer(auto_error=False, description="A Cognito access token, as POST /v1/auth/login gives it.")
_ADMITTED = "ffp.principal"


async def admit(request: Request) -> None:
    """`principal` before the body is read: FastAPI parses it before it asks any dependency. Raises what that raises."""
    request.scope[_ADMITTED] = await concurrency.run_in_threadpool(_admitted, request, await _bearer(request))


async def principal(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal:
    """Who asks. Raises as `_admitted` does."""
    if _ADMITTED in request.scope:
        known: Principal = request.scope[_ADMITTED]
        return known
    return await concurrency.run_in_threadpool(_admitted, request, credentials)


def _admitted(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Principal:
    """Who asks, counted against their tenant's quota.

    Raises TooManyRequests, and Forbidden where the table of permissions does not let this role call this operation.
    """
    verified = _verified(request, credentials)
    admission = membership.open_request(verified.subject, verified.issued_at)
    if admission is None:
        raise _refused()
    who = admission.principal
    if verified.tenant is not None and verified.tenant != str(who.tenant_id):
        # Ours by its signature, and of another tenant than its subject: an alarm counts this line.
        logs.error("token_tenant_mismatch", tenant_id=str(who.tenant_id), user_id=str(who.user_id))
        metrics.record(metrics.TENANT_MISMATCHES, of="token")
        raise _refused()
    if who.tenant_id is not None:
        logs.bind(tenant_id=str(who.tenant_id))
    rates.count(request.scope, admission.token)
    if admission.retry_after_s:
        logs.info("throttled", tenant_id=str(who.tenant_id))
        metrics.record(metrics.THROTTLED)
        raise TooManyRequests(admission.retry_after_s)
    permissions.require(request.scope["route"].name, who.role)
    return who


def _verified(request: Request, credentials: HTTPAuthorizationCredentials | None) -> "tokens.Verified":
    from infra import tokens  # noqa: PLC0415 - cryptography is a tenth of a cold start, and the first token's to pay

    if len(request.headers.getlist("authorization")) > 1:  # what is in front of us may have looked at the other one
        raise _refused()
    if credentials is None:
        raise HttpProblem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})
    try:
        return tokens.verify(credentials.credentials)
    except tokens.InvalidToken:
        raise _refused() from None
    except tokens.KeysUnavailable:
        raise Unavailable("signing keys") from None


def _refused() -> HttpProblem:
    """Which check failed is nobody's to know."""
    return HttpProblem("unauthenticated", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def tenant_user(who: Annotated[Principal, Depends(principal)]) -> Context:
    """Someone of a tenant. Staff have none, so there is nothing here for them to see."""
    if who.tenant_id is None:
        raise Forbidden
    return Context(who.tenant_id, who.user_id, who.role, request_id())


def template_editor(who: Annotated[Principal, Depends(principal)]) -> Actor:
    """Someone of a tenant, or a content admin, who keeps the shipped templates. Other staff have no business here."""
    if who.role == ContentAdmin.role and who.user_id is not None:
        return ContentAdmin(who.user_id, request_id())
    return tenant_user(who)


def operator_of(who: Annotated[Principal, Depends(principal)]) -> Operator:
    """Someone who runs the service, whatever tenant the work is of."""
    if who.role != Operator.role or who.user_id is None:
        raise Forbidden
    return Operator(who.user_id, request_id())


def content_keeper(who: Annotated[Principal, Depends(principal)]) -> Context:
    """A content admin, in the tenant of content work: it has jobs and an audit log, and nobody is in it."""
    if who.role != ContentAdmin.role or who.user_id is None:
        raise Forbidden
    return Context(CONTENT_TENANT, who.user_id, who.role, request_id())


def spectator(who: Annotated[Principal, Depends(principal)]) -> Context:
    return content_keeper(who) if who.role == ContentAdmin.role else tenant_user(who)


TenantUser = Annotated[Context, Depends(tenant_user)]
"""The context of the signed-in user: pass it to `unit_of_work`."""
TemplateEditor = Annotated[Actor, Depends(template_editor)]
"""Whoever may have a word on templates: pass it to `template_work`. What they may do there is the service's to say."""
ContentKeeper = Annotated[Context, Depends(content_keeper)]
"""Who keeps the videos that FFP ships: pass it to `unit_of_work`."""
Spectator = Annotated[Context, Depends(spectator)]
"""Whoever may watch videos: pass it to `unit_of_work`, whose policies say which."""
OperatorUser = Annotated[Operator, Depends(operator_of)]
"""An operator: pass it to `operations`."""
