"""Somebody's sessions, on both sides: refresh tokens in Cognito, access tokens in PostgreSQL."""

from infra.cognito import sign_out_everywhere
from infra.pools import pool, translated

__all__ = ["refuse_tokens", "sign_out_everywhere"]


def refuse_tokens(subject: str) -> float:
    """Every access token issued until now. Returns the seconds until one issued then is taken."""
    with translated(), pool().connection() as raw:
        row = raw.execute("select app.end_sessions(%s) as seconds", (subject,)).fetchone()
    return float(row["seconds"]) if row else 0.0
