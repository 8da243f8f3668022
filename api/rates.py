"""What an answer says about the quota it was counted against: `RateLimit-Policy` and `RateLimit`, as the IETF's draft
(draft-ietf-httpapi-ratelimit-headers) has them.
"""

from domain.tenancy import Allowance


def fields(allowance: Allowance | None) -> dict[str, str]:
    """`q` requests in `w` seconds; `r` are left, and in `t` seconds all of them are back."""
    if allowance is None:
        return {}
    name = f'"{allowance.policy}"'
    return {
        "RateLimit-Policy": f"{name};q={allowance.limit};w={allowance.window_s}",
        "RateLimit": f"{name};r={allowance.remaining};t={allowance.reset_s}",
    }
