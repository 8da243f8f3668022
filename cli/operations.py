"""What the operators' commands share: the API as an operator, two ways to print, and what the exit status says.

0 done; 1 failed (no answer, not signed in, the server's fault); 2 wrong usage; 3 no such thing; 4 refused; 5 a replay
that was waited for ended otherwise than well. docs/operations.md has the same list.
"""

import inspect
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import wraps
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID, uuid4

import typer

from cli.options import DEFAULT_DIR, DataDir
from cli.rows import Rows
from infra.local.errors import LocalStackError

if TYPE_CHECKING:
    import httpx2

USAGE, NOT_FOUND, REFUSED, NOT_WELL = 2, 3, 4, 5
_MEANING = {400: USAGE, 422: USAGE, 404: NOT_FOUND, 409: REFUSED, 412: REFUSED, 403: REFUSED}
_GROUP = re.compile(r"[0-9a-f]{16}")
_SIGN_IN = "Sign-in: `--token` or FFP_TOKEN, else the operator of the local stack."

Output = Annotated[Literal["table", "json"], typer.Option("-o", "--output", help="How to print it.")]
Execute = Annotated[bool, typer.Option("--execute", help="Do it. Without this, only what would be done is said.")]
Reason = Annotated[str, typer.Option("--reason", help="For the record, and for whoever looks at this later.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Most of them.")]


def an_id(given: str | list[str] | None) -> Any:
    """For arguments: one id or several. It becomes part of an address, so what is none asks for nothing."""
    if isinstance(given, list):
        return [an_id(each) for each in given]
    try:
        return None if given is None else str(UUID(given))
    except ValueError:
        raise _no_such(given) from None


def a_group(given: str) -> str:
    """For arguments: the fingerprint of a group."""
    if not _GROUP.fullmatch(given):
        raise _no_such(given)
    return given


def _no_such(given: str | None) -> typer.Exit:
    typer.echo(f"ffp: there is nothing with the id {given!a}", err=True)
    return typer.Exit(NOT_FOUND)


class Api:
    """One operator at one API. `renew` signs in again where a token is too old: they are good for a quarter of an hour.

    Raises LocalStackError where there is no answer or the server cannot give one, and ends with what any other refusal
    means.
    """

    def __init__(self, url: str, token: str, renew: Callable[[], str] | None = None) -> None:
        import httpx2

        self._renew = renew
        self._http = httpx2.Client(
            base_url=url, timeout=30, trust_env=False, headers={"Authorization": f"Bearer {token}"}
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        return self._ask("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(self, path: str, body: Any = None) -> Any:
        return self._ask("POST", path, json=body, headers={"Idempotency-Key": str(uuid4())})

    def put(self, path: str, body: Any, revision: int) -> Any:
        return self._ask("PUT", path, json=body, headers={"If-Match": f'"{revision}"'})

    def every(self, path: str, most: int, **query: Any) -> Iterator[dict[str, Any]]:
        """The items of a list over its pages, at most `most`."""
        cursor = None
        while most > 0:
            page = self.get(path, limit=min(most, 200), cursor=cursor, **query)
            yield from page["items"]
            most -= len(page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def _ask(self, method: str, path: str, **given: Any) -> Any:
        answer = self._sent(method, path, given)
        if answer.status_code == HTTPStatus.UNAUTHORIZED and self._renew is not None:
            self._http.headers["Authorization"] = f"Bearer {self._renew()}"
            answer = self._sent(method, path, given)
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise LocalStackError(f"{method} {path}: {_problem(answer)}")
        if not answer.is_success:
            typer.echo(f"ffp: {method} {path}: {_problem(answer)}", err=True)
            raise typer.Exit(_MEANING.get(answer.status_code, 1))
        try:
            return answer.json()
        except ValueError:
            raise LocalStackError(f"{method} {path}: what answers there is not FFP's API") from None

    def _sent(self, method: str, path: str, given: dict[str, Any]) -> "httpx2.Response":
        import httpx2

        try:
            return self._http.request(method, f"/v1/ops/{path}", **given)
        except httpx2.HTTPError as error:
            raise LocalStackError(f"{method} {path}: the API does not answer ({type(error).__name__})") from None


def _problem(answer: "httpx2.Response") -> str:
    """In a line. What stands before the API answers in words of its own."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not {"detail", "code", "request_id"} <= problem.keys():
        return f"HTTP {answer.status_code}"
    where = "".join(f" {error['pointer']}: {error['code']}" for error in problem.get("errors") or [])
    return f"{problem['detail']} ({problem['code']}{where}, request {problem['request_id']})"


def signed_in(api_url: str | None, token: str | None, who: str | None, data_dir: Path) -> Api:
    """By what is given, else as an operator of the local stack."""
    if api_url and token:
        return Api(api_url, token)
    from infra.local.layout import stack_of

    content = stack_of(data_dir)
    url = api_url or content["api_url"]
    if not url:
        raise LocalStackError("the stack was started without its API: start it with `ffp up --detach`")
    if token:
        return Api(url, token)
    staff = [user for user in content["demo_users"] if user["role"] == "operator" and who in (None, user["email"])]
    if not staff:
        raise LocalStackError(f"{who} is no operator of this stack: see demo_users in stack.json")

    def renewed() -> str:
        return _signed_in(url, {"email": staff[0]["email"], "password": staff[0]["password"]})

    return Api(url, renewed(), renewed)


def _signed_in(url: str, login: dict[str, str]) -> str:
    """An access token."""
    import httpx2

    try:
        answer = httpx2.post(f"{url}/v1/auth/login", json=login, timeout=30, trust_env=False)
    except httpx2.HTTPError as error:
        raise LocalStackError(f"sign in: the API does not answer ({type(error).__name__})") from None
    if not answer.is_success:
        raise LocalStackError(f"sign in: {_problem(answer)}")
    return str(answer.json()["access_token"])


_API_URL = Annotated[str | None, typer.Option("--api-url", envvar="FFP_API_URL", help="The API. " + _SIGN_IN)]
_TOKEN = Annotated[str | None, typer.Option("--token", envvar="FFP_TOKEN", help="An operator's access token.")]
_AS = Annotated[str | None, typer.Option("--as", help="Which operator of the local stack, by e-mail.")]
_ACCESS = {"api_url": (_API_URL, None), "token": (_TOKEN, None), "who": (_AS, None), "data_dir": (DataDir, DEFAULT_DIR)}


def operators(app: typer.Typer, name: str | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose first parameter is the signed-in `Api`; how to sign in becomes options of it."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def command(*, api_url: str | None, token: str | None, who: str | None, data_dir: Path, **given: Any) -> None:
            with closing(signed_in(api_url, token, who, data_dir)) as api:
                function(api, **given)

        own = list(inspect.signature(function).parameters.values())[1:]
        access = [
            inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for each, (annotation, default) in _ACCESS.items()
        ]
        keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
        command.__signature__ = inspect.Signature([*keywords, *access])  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in [*own, *access]}
        del command.__wrapped__  # else its signature is taken
        app.command(name)(command)
        return function

    return register


def say(content: Any, output: str, table: Callable[[], Any]) -> None:
    """`content` as JSON, or what `table` makes of it."""
    if output == "json":
        typer.echo(json.dumps(content, indent=2))
        return
    from rich.console import Console

    made = table()
    # Piped, a table is as wide as it is: whoever reads it then cuts it themselves.
    console = Console() if os.isatty(1) else Console(width=240)
    for each in made if isinstance(made, list) else [made]:
        console.print(each, highlight=False)


def rows(headings: str, found: list[list[Any]], title: str | None = None, nothing: str = "Nothing.") -> Any:
    """A table without lines. `headings` are separated by commas, each with marks before it: `>` aligns to the right,
    `!` is never broken, since somebody copies it, and `?` is left out of a terminal that is too narrow, the last first.
    """
    return Rows(headings, found, title) if found else nothing


def facts(content: dict[str, Any], names: str) -> Any:
    """The named values of one thing, one a line."""
    return rows(",", [[name, content[name]] for name in names.split() if content.get(name) is not None])


def moment(value: str | None) -> str:
    """A time of the API in this machine's zone: of today to the second, of another day with its date."""
    from datetime import datetime

    if value is None:
        return ""
    at = datetime.fromisoformat(value).astimezone()
    return at.strftime("%H:%M:%S" if at.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M")
