"""JSON bodies read strictly: what PostgreSQL could not store, or two readers would read differently, is refused."""

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from api.errors import HttpProblem, ProblemDetail

MAX_BODY_BYTES = 128 * 1024
MAX_DEPTH = 16


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


def _check_depth(value: Any, depth: int = 1) -> None:
    if depth > MAX_DEPTH:
        raise _refuse("too_deep", f"Values are nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, dict):
        for inner in value.values():
            _check_depth(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_depth(inner, depth + 1)


def parse(body: bytes) -> Any:
    """The JSON value in `body`. Raises HttpProblem (400) for anything that is not strictly JSON in UTF-8."""
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
    except (ValueError, UnicodeDecodeError):
        raise _refuse("malformed_json", "The body is not JSON in UTF-8.") from None
    except RecursionError:
        raise _refuse("too_deep", f"Values are nested more than {MAX_DEPTH} levels deep.") from None
    _check_depth(value)
    if "\\u" in text:  # escapes are the only way in for NUL and for half a surrogate pair
        flat = json.dumps(value, ensure_ascii=False)
        if "\\u0000" in flat or any("\ud800" <= char <= "\udfff" for char in flat):
            raise _refuse("bad_text", "A text holds characters that cannot be stored.")
    return value


class _StrictRequest(Request):
    async def json(self) -> Any:
        return parse(await self.body())


class StrictRoute(APIRoute):
    """A route whose JSON body is read by `parse`, and which takes no other kind of body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        takes_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            request = _StrictRequest(request.scope, request.receive)
            if takes_body:
                kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                sent = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
                if sent and kind != "application/json":
                    raise HttpProblem("unsupported_media_type")
            try:
                return await handler(request)
            except ClientDisconnect:
                return Response(status_code=499)

        return strict
