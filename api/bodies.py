"""JSON bodies read strictly: what PostgreSQL could not store, or two readers would read differently, is refused."""

import json
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api import auth
from api.errors import HttpProblem, ProblemDetail
from domain import permissions

MAX_BODY_BYTES = 128 * 1024
MAX_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """What a route takes: bytes, levels of nesting, media types."""

    size: int = MAX_BODY_BYTES
    depth: int = MAX_DEPTH
    kinds: frozenset[str] = frozenset({"application/json"})


_DOCUMENT_BYTES = 512 * 1024
_FHIR = frozenset({"application/json", "application/fhir+json"})


def _refuse(code: str, message: str) -> HttpProblem:
    return HttpProblem("malformed_request", [ProblemDetail(pointer="", code=code, message=message)])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _refuse("duplicate_key", "An object names the same key twice.")
    return made


def _constant(_: str) -> float:
    raise _refuse("not_a_number", "NaN and Infinity are not JSON.")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _refuse("number_too_large", "A number is too large.")
    return value


def _int(text: str) -> int | float:
    if len(text) > 20:  # noqa: PLR2004 - beyond 64 bits
        raise _refuse("number_too_large", "A number is too large.")
    return int(text)


def _check(value: Any, deepest: int, depth: int = 1) -> None:
    """Texts that PostgreSQL cannot store, and values nested too deep, wherever they are."""
    if depth > deepest and isinstance(value, dict | list):
        raise _too_deep(deepest)
    if isinstance(value, str):
        if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
            raise _refuse("bad_text", "A text holds characters that cannot be stored.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(key, deepest, depth)
            _check(inner, deepest, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, deepest, depth + 1)


def _too_deep(deepest: int) -> HttpProblem:
    return _refuse("too_deep", f"Values are nested more than {deepest} levels deep.")


def parse(body: bytes, deepest: int = MAX_DEPTH) -> Any:
    """The JSON value in `body`. Raises HttpProblem (400) for anything that is not strictly JSON in UTF-8."""
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
    except (ValueError, UnicodeDecodeError):
        raise _refuse("malformed_json", "The body is not JSON in UTF-8.") from None
    except RecursionError:
        raise _too_deep(deepest) from None
    _check(value, deepest)
    return value


class _StrictRequest(Request):
    limits = Limits()

    async def body(self) -> bytes:
        """Read once, and no further than the limit, whatever length was declared."""
        if not hasattr(self, "_body"):
            chunks, size = [], 0
            async for chunk in self.stream():
                chunks.append(chunk)
                size += len(chunk)
                if size > self.limits.size:
                    raise HttpProblem("body_too_large")
            if size and self._kind not in self.limits.kinds:
                raise HttpProblem("unsupported_media_type")
            self._body = b"".join(chunks)
        return self._body

    async def json(self) -> Any:
        return parse(await self.body(), self.limits.depth)

    @property
    def _kind(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class StrictRoute(APIRoute):
    """A route whose JSON body is read by `parse`, and only once it is clear that its sender may send one; it takes no
    other kind of body.
    """

    limits: ClassVar[Limits] = Limits()

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            stricter = _StrictRequest(request.scope, request.receive)
            stricter.limits = self.limits
            if self.body_field is not None and self.name not in permissions.PUBLIC:
                await auth.admit(stricter)
            return await handler(stricter)

        return strict


class DocumentRoute(StrictRoute):
    """Takes a whole template: up to 512 KB. Groups and what is in them take two levels each."""

    limits = Limits(_DOCUMENT_BYTES, 32)


class FhirRoute(StrictRoute):
    """Takes a FHIR resource, as deep as domain/fhir reads it."""

    limits = Limits(_DOCUMENT_BYTES, 64, _FHIR)
