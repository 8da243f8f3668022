"""How often one may try to get in: an account, and the network address that asks."""

from fastapi import Request

from infra import settings, throttle


def count(request: Request, kind: str, account: str) -> None:
    """Raises TooManyRequests. `kind` is a key of settings.auth_quotas().

    The address is the connection's: uvicorn's peer, or what API Gateway has seen (Mangum puts it there). No header that
    a client can send counts.
    """
    address = request.client.host if request.client else ""
    quota = settings.auth_quotas()[kind]
    throttle.take(f"{kind}-address", address, throttle.Quota(quota.address, quota.window_s))
    throttle.take(f"{kind}-account", account, throttle.Quota(quota.account, quota.window_s))


def count_sign_in(request: Request, email: str) -> None:
    """An account from one address only: else anybody could keep its owner from signing in."""
    address = request.client.host if request.client else ""
    count(request, "login", f"{email} {address}")
