"""The API as the demo uses it: over HTTP, as any client would."""

from typing import Any, Self
from uuid import uuid4

import httpx2

from infra.local.errors import LocalStackError


class Client:
    """One signed-in person."""

    def __init__(self, api_url: str) -> None:
        self._http = httpx2.Client(base_url=api_url, timeout=30, trust_env=False)

    @classmethod
    def signed_in(cls, api_url: str, email: str, password: str) -> Self:
        client = cls(api_url)
        session = client._json("POST", "/v1/auth/login", body={"email": email, "password": password})
        client._http.headers["Authorization"] = f"Bearer {session['access_token']}"
        return client

    def template(self, name: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/templates/{name}")

    def start(self, template: str) -> dict[str, Any]:
        """A new assessment, or the one of this template that is still open."""
        return self._json("POST", "/v1/assessments", body={"template_id": template})

    def save(self, assessment: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
        return self._json(
            "PATCH",
            f"/v1/assessments/{assessment['id']}",
            body={"answers": answers},
            headers={"If-Match": f'"{assessment["revision"]}"'},
        )

    def submit(self, assessment: dict[str, Any]) -> dict[str, Any]:
        """Returns the job."""
        return self._json(
            "POST",
            f"/v1/assessments/{assessment['id']}/submit",
            headers={"If-Match": f'"{assessment["revision"]}"', "Idempotency-Key": str(uuid4())},
        )

    def get(self, path: str) -> dict[str, Any]:
        return self._json("GET", path)

    def _json(
        self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, json=body, headers=headers)
        except httpx2.HTTPError as error:
            raise LocalStackError(f"{method} {path}: the API does not answer ({error})") from None
        if not answer.is_success:
            raise LocalStackError(f"{method} {path}: {_problem(answer)}")
        content: dict[str, Any] = answer.json()
        return content


def _problem(answer: httpx2.Response) -> str:
    """One line out of a problem document: what, where in the request, and the id to look for in the log."""
    try:
        problem = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}"
    where = ", ".join(f"{error['pointer']} {error['code']}" for error in problem.get("errors") or [])
    return f"HTTP {answer.status_code} {problem.get('code')} {where} (request {problem.get('request_id')})"
