"""Request headers with a meaning of their own."""

import re
from typing import Annotated

from fastapi import Depends, Header

from api.errors import HttpProblem
from domain.errors import StaleRevision

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_ETAG = re.compile(r'"([0-9]{1,9})"')
_ANY_TAG = re.compile(r'(?:W/)?("[^"]*")')
_EVENT = re.compile(r"[0-9]{1,20}")
_PREFERENCE = re.compile(r'(?:[^,"]|"[^"]*")+')
_WAIT = re.compile(r'\s*wait\s*=\s*("?)([0-9]+)\1\s*(?:;|$)', re.IGNORECASE)
_MAX_PREFER = 500
MAX_WAIT_S = 20

Lines = Annotated[list[str] | None, Header()]


def etag(revision: int) -> str:
    return f'"{revision}"'


def _idempotency_key(idempotency_key: Lines = None) -> str:
    match idempotency_key:
        case [key] if _KEY.fullmatch(key):
            return key
        case _:  # none, two, or not one
            raise HttpProblem("idempotency_key_missing")


def _optional_key(idempotency_key: Lines = None) -> str | None:
    """For operations that only sometimes make work."""
    return None if idempotency_key is None else _idempotency_key(idempotency_key)


def _revision(if_match: Lines = None) -> int:
    """The one version that the client has read. `*` and lists name no version, so they protect nobody's changes."""
    match if_match:
        case [value] if value.strip() != "*" and len(_ANY_TAG.findall(value)) <= 1:
            given = _ETAG.fullmatch(value.strip())
        case _:
            raise HttpProblem("revision_required")
    if given is None:  # a weak tag, or some other representation's: cannot be the current one
        raise StaleRevision
    return int(given[1])


def _known(if_none_match: Lines = None) -> frozenset[str]:
    """The ETags that the client has already; weak ones count, as RFC 9110 has it for reads."""
    value = ",".join(if_none_match or ())
    return frozenset({"*"} if value.strip() == "*" else _ANY_TAG.findall(value))


def unchanged(known: frozenset[str], revision: int) -> bool:
    return "*" in known or etag(revision) in known


def _wait(prefer: Lines = None) -> int:
    """Seconds the client would like to wait; 0 for none. RFC 7240: the first `wait` counts, and what cannot be
    honoured is ignored.
    """
    value = ",".join(prefer or ())
    if len(value) > _MAX_PREFER:
        return 0
    for preference in _PREFERENCE.findall(value):
        if re.match(r"\s*wait\b", preference, re.IGNORECASE):
            found = _WAIT.match(preference)
            return min(int(found[2]), MAX_WAIT_S) if found else 0
    return 0


def _last_event(last_event_id: Lines = None) -> str:
    """What the client has seen; "" when it is new, or says something that was never an id of ours."""
    match last_event_id:
        case [value] if _EVENT.fullmatch(value):
            return value
        case _:
            return ""


IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
OptionalIdempotencyKey = Annotated[str | None, Depends(_optional_key)]
IfMatch = Annotated[int, Depends(_revision)]
IfNoneMatch = Annotated[frozenset[str], Depends(_known)]
PreferWait = Annotated[int, Depends(_wait)]
LastEventId = Annotated[str, Depends(_last_event)]
