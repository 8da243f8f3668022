"""Request headers with a meaning of their own."""

import re
from typing import Annotated

from fastapi import Depends, Header

from api.errors import HttpProblem
from domain.errors import StaleRevision

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_ETAG = re.compile(r'"([0-9]{1,9})"')
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*([0-9]{1,9})(?:$|[,;\s])")
MAX_WAIT_S = 20


def etag(revision: int) -> str:
    return f'"{revision}"'


def _idempotency_key(idempotency_key: Annotated[str | None, Header()] = None) -> str:
    if idempotency_key is None or not _KEY.fullmatch(idempotency_key):
        raise HttpProblem("idempotency_key_missing")
    return idempotency_key


def _revision(if_match: Annotated[str | None, Header()] = None) -> int:
    if if_match is None:
        raise HttpProblem("revision_required")
    given = _ETAG.fullmatch(if_match.strip())
    if given is None:  # some other representation's tag: cannot be the current one
        raise StaleRevision
    return int(given[1])


def _wait(prefer: Annotated[str | None, Header()] = None) -> int:
    """Seconds the client would like to wait; 0 for none. RFC 7240: what cannot be honoured is ignored."""
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), MAX_WAIT_S) if found else 0


IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
IfMatch = Annotated[int, Depends(_revision)]
PreferWait = Annotated[int, Depends(_wait)]
