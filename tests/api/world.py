"""Two tenants with something of everything, so that every operation can be asked for what is somebody else's.

A route with a parameter of a new name needs a record of that name in `build`; the tests that walk the routes say so.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from api.app import create_app
from domain.fhir import export_questionnaire
from domain.jobs import Message
from domain.safety.check_in import asked_of
from infra.content import load_red_flags, load_templates
from tests import cluster
from tests.answers import low_back_pain
from tests.api.conftest import drain
from tests.api.operations import Operation, example, fields, operations
from tests.conftest import (
    Database,
    Person,
    forget,
    fresh_database,
    fresh_queues,
    identity_environment,
    in_process,
    people,
    queue_environment,
)
from workers.work import deliver

_BACK = next(template for template in load_templates() if template.id == "low-back-pain")

# What is a person's own; the rest of the records is shared by those who work for the business.
PERSONAL = frozenset(
    {
        "assessment_id",
        "job_id",
        "program_id",
        "notification_id",
        "export_id",
        "subject_id",
        "video_id",
        "session_id",
        "adaptation_id",
        "feed_id",
        "report_id",
    }
)
# Parts of an address and filters that name no record.
NO_RECORDS = {
    "position": ("1",),
    "token": ("an-address-that-nobody-has",),
    "version": ("1.0.0", "1.1.0"),
    "code": ("not_found",),
    "request_id": ("the-same-request",),
    "external_id": ("M-1",),
}


def document(slug: str, version: str = "1.0.0") -> dict[str, Any]:
    content = _BACK.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return content | {"id": slug, "version": version}


# Bodies of which no short example is enough.
BODIES: dict[str, Any] = {
    "create_template": {"document": document("walked-intake")},
    "import_template": export_questionnaire(_BACK),
    "save_assessment": {"answers": {"nprs_now": 4}},
    "make_check_in": {"answers": {flag.id: "no" for flag in asked_of(load_red_flags(), "lower_back")}},
    "create_bulk_action": {"action": "assign"},
    "edit_program": {"changes": [{"session": 1, "position": 1, "effort": 1}]},
}


@dataclass
class World:
    """`people` by tenant and role; `records` are acme's, of its member where they are somebody's."""

    db: Database
    environment: Mapping[str, str]
    sign: Callable[..., str]
    people: dict[str, Person] = field(default_factory=dict)
    staff: dict[str, dict[str, str]] = field(default_factory=dict)
    records: dict[str, list[str]] = field(default_factory=dict)

    @cached_property
    def operations(self) -> list[Operation]:
        return operations(create_app().openapi())

    @contextmanager
    def copy(self) -> Iterator[tuple[TestClient, Database]]:
        """The same world once more, to be changed."""
        name = f"t_{uuid4().hex}"
        with cluster.cloned(name, self.db.name) as server, pytest.MonkeyPatch.context() as patch:
            db = Database(
                name, *(server.url(role, name) for role in ("ffp_app", "ffp_relay", "ffp_ops")),
                self.db.superuser_url.replace(self.db.name, name), self.db.owner_url.replace(self.db.name, name),
            )  # fmt: skip
            _use(patch, db, self.environment)
            with in_process() as client:
                yield client, db
            forget()


def named(operation: Operation) -> list[str]:
    """The records that a request of it names: in its path, its query or its body."""
    found = [*operation.named("path"), *(n for n in operation.named("query") if n.endswith("_id"))]
    found += [n for n in fields(operation.schema) if n.endswith("_id")]
    return [name for name in dict.fromkeys(found) if name not in NO_RECORDS]


def candidates(world: World, operation: Operation, *, optional: bool = False) -> list[dict[str, str]]:
    """Every choice of acme's records for what the operation names, and of what names no record; `optional`: also
    without its filters.
    """
    names = [*named(operation), *(n for n in operation.named("path") if n in NO_RECORDS)]
    missing = [name for name in names if name not in world.records and name not in NO_RECORDS]
    assert not missing, f"{operation} names {missing}: give acme such a record in tests/api/world.py"
    values = [NO_RECORDS.get(name) or world.records[name] for name in names]
    found = [dict(zip(names, chosen, strict=True)) for chosen in itertools.product(*values)]
    filters = set(operation.named("query"))
    bare = [{name: value for name, value in ids.items() if name not in filters} for ids in found[:1]]
    return found + bare if optional and filters else found


def send(api: TestClient, operation: Operation, ids: Mapping[str, str], headers: Mapping[str, str]) -> Response:
    path, content = operation.path, None
    usual = {"If-Match": '"1"', "Idempotency-Key": "the-same-key", "X-Request-ID": "the-same-request"}
    for name in operation.named("path"):
        path = path.replace(f"{{{name}}}", ids[name])
    query = {name: ids[name] for name in operation.named("query") if name in ids}
    if operation.media_type:
        body = BODIES.get(operation.id, operation.example) or example(operation.schema)
        if isinstance(body, dict):
            body |= {n: value for n, value in ids.items() if n in fields(operation.schema) and n not in NO_RECORDS}
        if operation.id == "replace_template_draft":  # it says once more which one it is
            body = {"document": document(ids["template_id"], ids["version"])}
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        usual["Content-Type"] = operation.media_type
    return api.request(operation.method, path, params=query, content=content, headers=usual | headers)


@contextmanager
def built(key_server: str, sign: Callable[..., str]) -> Iterator[World]:
    queues = fresh_queues()
    environment = identity_environment(key_server) | queue_environment(queues)
    with fresh_database() as db, pytest.MonkeyPatch.context() as patch:
        _use(patch, db, environment)
        world = World(db, environment, sign)
        with in_process() as client:
            _populate(world, client, lambda: drain(queues))
        db.rows("update tenants set requests_per_minute = 100000")
        forget()  # a database that is copied has no guests
        yield world
        forget()


def _use(patch: pytest.MonkeyPatch, db: Database, environment: Mapping[str, str]) -> None:
    urls = {"": db.app_url, "RELAY_": db.relay_url, "OPS_": db.ops_url, "ADMIN_": db.owner_url}
    for name, value in {**environment, **{f"FFP_{each}DATABASE_URL": url for each, url in urls.items()}}.items():
        patch.setenv(name, value)
    forget()


def _populate(world: World, api: TestClient, work: Callable[[], object]) -> None:
    _settle(world)
    member, clinician, owner = (world.people[f"acme {role}"] for role in ("member", "clinician", "business_owner"))

    def did(answer: Response) -> Any:
        assert answer.is_success, (answer.request.url, answer.text)
        return answer.json()

    def post(path: str, who: Person, body: Any = None) -> Any:
        usual = {"If-Match": '"1"', "Idempotency-Key": uuid4().hex}
        return did(api.post(f"/v1/{path}", json=body, headers=who.headers | usual))

    def submitted() -> dict[str, Any]:
        draft = post("assessments", member, {"template_id": "low-back-pain"})
        return draft | {"job": post(f"assessments/{draft['id']}/submit", member, {"answers": low_back_pain()})}

    programs = []
    for _ in range(2):  # one is approved, the other waits
        assessment = submitted()
        work()
        job = did(api.get(f"/v1/jobs/{assessment['job']['id']}", headers=member.headers))
        programs.append(job["result"]["id"])
    post(f"programs/{programs[0]}/approve", clinician, {})
    post("me/exports", member)
    work()
    session, adaptation = _trained(api, programs[0], member, clinician, work)
    for slug, version in (("acme-intake", "1.0.0"), ("acme-intake", "1.1.0"), ("acme-other", "1.0.0")):
        post("templates", clinician, {"document": document(slug, version)})
    for slug in ("acme-intake", "acme-other"):
        post(f"templates/{slug}/versions/1.0.0/publish", clinician)
    draft = post("assessments", member, {"template_id": "acme-other"})
    at = f"/v1/assessments/{draft['id']}"
    did(api.patch(at, json={"answers": low_back_pain()}, headers=member.headers | {"If-Match": '"1"'}))
    invited = post("business/invitations", owner, {"invitations": [{"email": "new@acme.example", "role": "member"}]})
    suspended, leaving = world.people["acme suspended"], world.people["acme leaving"]
    post(f"business/members/{suspended.context.user_id}/suspend", owner)
    post("me/erasure", leaving, {"confirm": "erase"})
    hook = post("business/webhooks", owner, {"url": "https://hooks.example.com/acme"})
    tested = post(f"business/webhooks/{hook['id']}/test", owner)
    imported = [post("imports", owner, {"kind": "members"})["id"] for _ in range(2)]  # one has its file, one waits
    view = post("business/views", owner, {"name": "All members", "filter": {"role": ["member"]}})
    acted = []
    for wanted in ({"name": "nobody"}, {"role": ["member"]}):  # one ends, of nobody; the other is held
        body = {"action": "export", "filter": wanted}
        count = post("business/bulk-actions", owner, body)["count"]
        acted.append(post("business/bulk-actions", owner, body | {"dry_run": False, "expected_count": count})["id"])
    post(f"business/bulk-actions/{acted[1]}/pause", owner)
    content = f"email,name\n{member.email},Ana\nnobody,Ben\n".encode()
    csv = owner.headers | {"Content-Type": "text/csv"}
    did(api.put(f"/v1/imports/{imported[0]}/content", content=content, headers=csv))
    work()
    report = post(f"programs/{programs[0]}/report", member)
    deliver(Message(member.tenant_id, UUID(report["id"]), "rendering", "world"))  # `work` leaves its queue to others
    feed = post("me/feeds", member, {})
    work()
    exports = did(api.get("/v1/me/exports", headers=member.headers))["items"]
    told = did(api.get("/v1/notifications", headers=member.headers))["items"]
    video = _video_of(world.db, member)
    post(f"videos/{video}/progress", member, {"position_s": 1})
    world.records = {
        "assessment_id": [draft["id"], assessment["id"]],
        "job_id": [submitted()["job"]["id"], job["id"]],
        "program_id": [programs[1], programs[0]],
        "notification_id": [told[0]["id"]],
        "video_id": [video],
        "session_id": [session],
        "adaptation_id": [adaptation],
        "report_id": [report["id"]],
        "feed_id": [feed["id"]],
        "export_id": [exports[0]["id"]],
        "import_id": imported,
        "view_id": [view["id"]],
        "action_id": acted,
        "webhook_id": [hook["id"]],
        "delivery_id": [tested["id"]],
        "invitation_id": [invited["results"][0]["invitation_id"]],
        "template_id": ["acme-intake"],
        "user_id": [str(each.context.user_id) for each in (member, suspended, leaving)],
        "actor_id": [str(clinician.context.user_id)],
        "subject_user_id": [str(member.context.user_id)],
        "subject_id": [assessment["id"]],
        "tenant_id": [str(member.tenant_id)],
    }


def _video_of(db: Database, who: Person) -> str:
    """A published video of an exercise that this person has."""
    found = db.value(
        """insert into videos (id, title, language, exercises, status, media_type, upload_size, upload_id, media_key, duration_s,
               width, height)
           select gen_random_uuid(), 'Shown', 'en', array_agg(distinct x.exercise), 'published', 'video/mp4', 1, gen_random_uuid(),
               'videos/shown', 10, 640, 360 from prescribed_exercises x where x.user_id = %s returning id""",
        who.context.user_id,
    )  # fmt: skip
    return str(found)


def _trained(
    api: TestClient, program: str, who: Person, clinician: Person, work: Callable[[], object]
) -> tuple[str, str]:
    """A session that hurt, and the change of the program that waits for a clinician because of it."""
    found = api.get(f"/v1/programs/{program}/sessions", headers=who.headers).json()["next_session_id"]
    at = datetime.now(UTC).isoformat()
    events = [
        {"id": str(uuid4()), "at": at, "type": "exercise_done", "position": 3, "sets": 2, "pain_during": 7},
        {"id": str(uuid4()), "at": at, "type": "finished"},
    ]
    api.post(f"/v1/sessions/{found}/events", json={"events": events}, headers=who.headers).raise_for_status()
    work()
    [adaptation] = api.get("/v1/reviews/adaptations", headers=clinician.headers).json()["items"]
    return found, adaptation["id"]


def _settle(world: World) -> None:
    make = people(world.db, world.sign)
    roles = ("business_owner", "business_admin", "clinician", "member")
    for tenant, role in itertools.product(("acme", "globex"), roles):
        world.people[f"{tenant} {role}"] = make(tenant, role, review=True)
    world.people["solo individual"] = make("solo", "individual", "individual")
    for name in ("neighbour", "suspended", "leaving"):
        world.people[f"acme {name}"] = make("acme", "member")
    for role in ("operator", "content_admin"):
        world.db.rows("insert into identity.principals (sub, staff_role) values (%s, %s)", role, role)
        world.staff[role] = {"Authorization": f"Bearer {world.sign(role)}"}
