"""Operators who sign in, and what they ask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from httpx2 import Response
from starlette.testclient import TestClient

from tests.conftest import Database


@dataclass(frozen=True)
class Staff:
    client: TestClient
    staff_id: UUID
    headers: dict[str, str]

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(f"/v1/ops/{path}", params=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Response:
        headers = self.headers | {"Idempotency-Key": key or str(uuid4())}
        return self.client.post(f"/v1/ops/{path}", json=body, headers=headers)


def staff(db: Database, sign: Callable[..., str], client: TestClient, role: str = "operator") -> Staff:
    subject = str(uuid4())
    db.rows("insert into identity.principals (sub, staff_role) values (%s, %s)", subject, role)
    staff_id: UUID = db.value("select staff_id from identity.principals where sub = %s", subject)
    return Staff(client, staff_id, {"Authorization": f"Bearer {sign(subject)}"})
