"""Templates that tenants write: drafts, lint, publishing, retiring, and what becomes of assessments that follow them."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from infra.content import load_templates
from tests.answers import low_back_pain
from tests.api.problems import assert_problem, everything, nothing_changes, sent
from tests.conftest import Database, Person

Json = dict[str, Any]
Make = Callable[..., Person]
EDITORS = ["business_owner", "business_admin", "clinician", "individual"]
SAME = {"X-Request-ID": "the-same-request"}
_BACK = next(template for template in load_templates() if template.id == "low-back-pain")


def document(slug: str = "clinic-intake", version: str = "1.0.0", **changes: Any) -> Json:
    """A publishable template: the shipped one for backs under another name."""
    content = _BACK.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return content | {"id": slug, "version": version} | changes


class Templates:
    """The API as one person uses it."""

    def __init__(self, api: TestClient, headers: dict[str, str]) -> None:
        self.api = api
        self.headers = headers

    def post(self, content: Json) -> Response:
        return self.api.post("/v1/templates", json={"document": content}, headers=self.headers)

    def put(self, content: Json, revision: int, at: str | None = None) -> Response:
        path = at or f"/v1/templates/{content['id']}/versions/{content['version']}"
        return self.api.put(path, json={"document": content}, headers=self.headers | {"If-Match": f'"{revision}"'})

    def get(self, path: str) -> Response:
        return self.api.get(f"/v1/templates/{path}", headers=self.headers | SAME)

    def do(self, what: str, slug: str = "clinic-intake", version: str = "1.0.0", revision: int = 1) -> Response:
        headers = self.headers | SAME | {"If-Match": f'"{revision}"'}
        return self.api.post(f"/v1/templates/{slug}/versions/{version}/{what}", headers=headers)

    def published(self, slug: str = "clinic-intake", version: str = "1.0.0", **changes: Any) -> None:
        assert self.post(document(slug, version, **changes)).status_code == 201
        answer = self.do("publish", slug, version)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def of(api_alone: TestClient) -> Callable[[Person], Templates]:
    return lambda who: Templates(api_alone, who.headers)


@pytest.fixture
def content_admin(api_alone: TestClient, db: Database, sign: Callable[..., str], identity: None) -> Templates:
    db.rows("insert into identity.principals (sub, staff_role) values ('shipping', 'content_admin')")
    return Templates(api_alone, {"Authorization": f"Bearer {sign('shipping')}"})


# --- from a draft to a published version ---


@pytest.mark.parametrize("role", EDITORS)
def test_write_change_lint_publish_retire(
    of: Callable[[Person], Templates], person: Make, db: Database, role: str
) -> None:
    who = person("acme", role, "individual" if role == "individual" else "business")
    mine = of(who)
    made = mine.post(document(title={"en": "First"}))
    assert made.status_code == 201, made.text
    body = made.json()
    assert made.headers["location"] == body["links"]["self"] == "/v1/templates/clinic-intake/versions/1.0.0"
    assert (body["status"], body["revision"], body["shipped"], made.headers["etag"]) == ("draft", 1, False, '"1"')
    assert body["document"]["title"] == body["title"] == {"en": "First"}

    changed = mine.put(document(title={"en": "Intake", "es": "Admisión"}), 1)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json()["content_hash"] != body["content_hash"]
    assert mine.do("lint").json() == {"findings": []}
    assert mine.get("clinic-intake").status_code == 404  # nobody starts with a draft

    public = mine.do("publish", revision=2).json()
    assert (public["status"], public["revision"]) == ("published", 3)
    assert public["published_at"] is not None
    assert mine.get("clinic-intake").json()["content_hash"] == public["content_hash"]
    assert mine.do("retire", revision=3).json()["status"] == "retired"
    assert mine.get("clinic-intake").status_code == 404
    assert mine.get("clinic-intake/versions/1.0.0").json()["status"] == "retired"

    rows = db.rows("select * from audit_log where subject_type = 'template' order by id")
    assert [row["action"] for row in rows] == [
        "template.drafted", "template.replaced", "template.published", "template.retired",
    ]  # fmt: skip
    assert {(r["tenant_id"], r["actor_id"], r["actor_role"]) for r in rows} == {
        (who.tenant_id, who.context.user_id, role)
    }
    assert rows[-1]["request_id"] == SAME["X-Request-ID"]


def test_the_same_draft_again_is_harmless(of: Callable[[Person], Templates], person: Make, db: Database) -> None:
    mine = of(person("acme", "clinician"))
    first = mine.post(document())
    with nothing_changes(db):
        again = mine.post(first.json()["document"])  # the same content, written out
        assert (again.status_code, again.json()) == (200, first.json())
        assert_problem(mine.post(document(title={"en": "Other"})), 409, "template_version_exists")


def test_whoever_changes_something_else_than_they_read_is_told(
    of: Callable[[Person], Templates], person: Make, api_alone: TestClient, db: Database
) -> None:
    who = person("acme", "clinician")
    mine = of(who)
    mine.post(document())
    path = "/v1/templates/clinic-intake/versions/1.0.0"
    with nothing_changes(db):
        assert_problem(
            api_alone.put(path, json={"document": document()}, headers=who.headers), 428, "revision_required"
        )
        assert_problem(api_alone.post(f"{path}/publish", headers=who.headers), 428, "revision_required")
        for stale in (mine.put(document(), 2), mine.do("publish", revision=2)):
            assert_problem(stale, 412, "stale_revision")
        assert_problem(mine.put(document("other", "1.0.1"), 1, path), 422, "invalid_template", "/document/version")
        assert_problem(mine.do("retire"), 409, "template_not_published")
        for answer in (
            mine.put(document(version="9.9.9"), 1),
            mine.do("publish", version="9.9.9"),
            mine.do("lint", "x"),
        ):
            assert_problem(answer, 404, "not_found")


def test_what_is_published_never_changes(of: Callable[[Person], Templates], person: Make, db: Database) -> None:
    who = person("acme", "clinician")
    mine = of(who)
    mine.published()
    with nothing_changes(db):
        assert_problem(mine.put(document(title={"en": "Other"}), 2), 409, "template_not_a_draft")
        assert_problem(mine.do("publish", revision=2), 409, "template_not_a_draft")
        assert_problem(mine.post(document(title={"en": "Other"})), 409, "template_version_exists")
    for change in ("document = '{}'", "content_hash = 'x'", "version = '2.0.0'", "status = 'draft'"):
        with (
            psycopg.connect(db.app_url) as connection,
            pytest.raises(psycopg.Error, match="a published template does not change"),
        ):
            c = who.context
            connection.execute("select app.set_context(%s, %s, %s)", (c.tenant_id, c.user_id, c.role))
            connection.execute(f"update templates set {change} where slug = 'clinic-intake'")
    mine.do("retire", revision=2)
    with nothing_changes(db):
        assert_problem(mine.do("retire", revision=3), 409, "template_not_published")
        assert_problem(mine.do("publish", revision=3), 409, "template_not_a_draft")


def test_of_two_who_publish_at_once_one_does(of: Callable[[Person], Templates], person: Make, db: Database) -> None:
    mine = of(person("acme", "clinician"))
    for number in range(4):
        version = f"1.0.{number}"
        mine.post(document(version=version))
        with ThreadPoolExecutor(2) as both:
            answers = list(both.map(lambda _, version=version: mine.do("publish", version=version), range(2)))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert db.value("select count(*) from audit_log where action = 'template.published'") == 4
    with ThreadPoolExecutor(4) as several:
        answers = list(several.map(lambda _: mine.post(document(version="2.0.0")), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.text for answer in answers}) == 1


# --- what there is to mend ---


def test_findings_say_where_and_how(of: Callable[[Person], Templates], person: Make, db: Database) -> None:
    mine = of(person("acme", "clinician"))
    broken = document(licence=None, languages=["en", "es"])
    safety = next(item for item in broken["items"] if item["linkId"] == "safety")
    number, place = safety["items"].index(safety["items"][-1]), broken["items"].index(safety)
    missing = safety["items"].pop()
    safety["items"][0]["required"] = False
    flag = safety["items"][0]["linkId"]
    broken["scales"][0]["bands"] = [{"code": "all", "label": {"en": "All"}, "min": 0, "max": 1}]
    scale = broken["scales"][0]["id"]
    assert mine.post(broken).status_code == 201
    findings = mine.do("lint").json()["findings"]
    found = {(finding["where"], finding["code"]) for finding in findings}
    assert {(missing["linkId"], "flag_not_asked"), (flag, "flag_optional"), (scale, "band_gap")} <= found
    assert all(finding["mend"] for finding in findings)
    assert number > 0

    with nothing_changes(db):
        problem = assert_problem(
            mine.do("publish"), 422, "template_not_publishable", f"/document/items/{place}/items/0"
        )
    listed = {(error["pointer"], error["code"]) for error in problem["errors"]}
    assert ("/document/scales/0", "band_gap") in listed
    assert ("/document", "flag_not_asked") in listed
    assert len(problem["errors"]) == len(findings)
    assert mine.get("clinic-intake/versions/1.0.0").json()["status"] == "draft"


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"version": "1.0"}, "/document/version", "string_pattern_mismatch"),
        ({"version": "9999999999.0.0"}, "/document/version", "string_pattern_mismatch"),
        ({"id": "No Slug"}, "/document/id", "string_pattern_mismatch"),
        ({"items": []}, "/document/items", "too_short"),
        ({"feeds": {}}, "/document/feeds/region", "missing"),
        ({"regions": ["kazoo"]}, "/document/regions/0", "literal_error"),
        ({"nonsense": 1}, "/document", "extra_forbidden"),
        ({"items": [{"type": "display", "linkId": "x"}]}, "/document/items/0/text", "missing"),
        ({"items": [{"type": "poem", "linkId": "x"}]}, "/document/items/0", "union_tag_invalid"),
        (
            {"items": [{"type": "group", "linkId": "g", "text": "x", "items": [{"type": "scale", "linkId": "a b"}]}]},
            "/document/items/0/items/0/linkId",
            "string_pattern_mismatch",
        ),
    ],
)
def test_what_is_no_template_is_refused_at_its_place(
    of: Callable[[Person], Templates], person: Make, change: Json, pointer: str, code: str
) -> None:
    problem = assert_problem(of(person("acme", "clinician")).post(document(**change)), 422, "invalid_template", pointer)
    assert (pointer, code) in {(error["pointer"], error["code"]) for error in problem["errors"]}
    assert "poem" not in json.dumps(problem)
    assert "kazoo" not in json.dumps(problem)


# --- whose it is ---


def test_a_draft_and_an_own_template_are_the_tenants_alone(
    of: Callable[[Person], Templates], person: Make, db: Database, subtests: pytest.Subtests
) -> None:
    acme, globex = of(person("acme", "clinician")), of(person("globex", "business_owner"))
    colleague, member = of(person("acme", "business_admin")), of(person("acme"))
    acme.published()
    acme.post(document(version="1.1.0"))
    paths = ["{}", "{}/versions", "{}/versions/1.0.0", "{}/versions/1.1.0", "{}/versions/1.0.0/fhir"]
    before = everything(db)
    for path in paths:
        with subtests.test(path=path):
            foreign, unknown = globex.get(path.format("clinic-intake")), globex.get(path.format("no-such-intake"))
            assert_problem(foreign, 404, "not_found")
            assert sent(foreign) == sent(unknown)
            assert colleague.get(path.format("clinic-intake")).status_code == 200
    for what in ("lint", "publish", "retire"):
        for version in ("1.0.0", "1.1.0"):
            foreign, unknown = globex.do(what, version=version), globex.do(what, "no-such-intake", version)
            assert_problem(foreign, 404, "not_found")
            assert sent(foreign) == sent(unknown)
    assert_problem(globex.put(document(version="1.1.0"), 1), 404, "not_found")
    assert everything(db) == before
    # The other tenant may use the same name for something else.
    globex.published(title={"en": "Theirs"})
    assert acme.get("clinic-intake").json()["title"] != globex.get("clinic-intake").json()["title"]
    # A member reads what is published.
    assert member.get("clinic-intake").status_code == 200
    assert [each["version"] for each in member.get("clinic-intake/versions").json()["items"]] == ["1.0.0"]
    draft, unknown = member.get("clinic-intake/versions/1.1.0"), member.get("clinic-intake/versions/7.7.7")
    assert_problem(draft, 404, "not_found")
    assert draft.content == unknown.content


def test_members_write_nothing(of: Callable[[Person], Templates], person: Make, db: Database) -> None:
    of(person("acme", "clinician")).post(document())
    member = of(person("acme"))
    with nothing_changes(db):
        for answer in (
            member.post(document(version="2.0.0")),
            member.post({"id": 1}),
            member.put(document(), 1),
            *(member.do(what) for what in ("lint", "publish", "retire")),
        ):
            assert_problem(answer, 403, "forbidden")


def test_an_own_template_stands_before_a_shipped_one_for_its_tenant_only(
    of: Callable[[Person], Templates], person: Make, db: Database
) -> None:
    acme, globex = of(person("acme", "clinician")), of(person("globex", "clinician"))
    acme.post(document("low-back-pain", title={"en": "Ours"}))
    assert acme.get("low-back-pain").json()["title"]["en"] != "Ours"  # still a draft
    assert acme.get("low-back-pain/versions/1.0.0").json()["shipped"] is False
    acme.do("publish", "low-back-pain")
    assert acme.get("low-back-pain").json()["title"] == {"en": "Ours"}
    assert globex.get("low-back-pain").json()["title"]["en"] != "Ours"
    assert [each["shipped"] for each in globex.get("low-back-pain/versions").json()["items"]] == [True]
    acme.do("retire", "low-back-pain", revision=2)
    assert acme.get("low-back-pain").json()["title"]["en"] != "Ours"
    # The shipped one is readable and not theirs to change.
    with nothing_changes(db):
        assert globex.do("lint", "low-back-pain").json() == {"findings": []}
        assert_problem(globex.do("retire", "low-back-pain"), 404, "not_found")
        assert_problem(globex.put(document("low-back-pain"), 1), 404, "not_found")


def test_content_admins_keep_what_is_shipped(
    of: Callable[[Person], Templates], person: Make, content_admin: Templates, db: Database
) -> None:
    acme = of(person("acme", "business_owner"))
    acme.post(document("acme-own"))
    made = content_admin.post(document("low-back-pain", "1.10.0", title={"en": "Next"}))
    assert (made.status_code, made.json()["shipped"]) == (201, True)
    assert_problem(acme.get("low-back-pain/versions/1.10.0"), 404, "not_found")
    assert_problem(acme.do("publish", "low-back-pain", "1.10.0"), 404, "not_found")
    assert content_admin.do("lint", "low-back-pain", "1.10.0").json() == {"findings": []}
    assert content_admin.do("publish", "low-back-pain", "1.10.0").status_code == 200
    assert acme.get("low-back-pain").json()["version"] == "1.10.0"
    content_admin.published("low-back-pain", "1.9.0")
    listed = [each["version"] for each in acme.get("low-back-pain/versions").json()["items"]]
    assert listed == ["1.10.0", "1.9.0", "1.0.0"]
    assert acme.get("low-back-pain").json()["version"] == "1.10.0"
    assert content_admin.do("retire", "low-back-pain", "1.10.0", 2).status_code == 200
    assert acme.get("low-back-pain").json()["version"] == "1.9.0"
    assert_problem(content_admin.get("acme-own/versions/1.0.0"), 404, "not_found")
    rows = db.rows("select * from audit_log where tenant_id is null order by id")
    assert [row["action"].removeprefix("template.") for row in rows] == [
        "drafted", "published", "drafted", "published", "retired",
    ]  # fmt: skip
    assert {row["actor_role"] for row in rows} == {"content_admin"}
    assert {row["actor_id"] for row in rows} == {
        db.value("select staff_id from identity.principals where sub = 'shipping'")
    }


# --- assessments ---


def test_an_open_assessment_keeps_its_version(
    api: TestClient, of: Callable[[Person], Templates], person: Make, db: Database
) -> None:
    clinic, member = of(person("acme", "clinician")), person("acme")
    clinic.published()

    def start() -> Response:
        return api.post("/v1/assessments", json={"template_id": "clinic-intake"}, headers=member.headers)

    old = start().json()
    row = db.rows("select * from assessments")
    clinic.published(version="1.9.0", title={"en": "Newer"})
    clinic.published(version="1.10.0", title={"en": "Newest"})
    assert db.rows("select * from assessments") == row
    new = start()
    assert (new.status_code, new.json()["template_version"]) == (201, "1.10.0")
    again = start()
    assert (again.status_code, again.json()["id"]) == (200, new.json()["id"])

    for version in ("1.10.0", "1.9.0", "1.0.0"):
        assert clinic.do("retire", version=version, revision=2).status_code == 200
    assert_problem(start(), 404, "not_found")
    path = f"/v1/assessments/{old['id']}"
    saved = api.patch(path, json={"answers": low_back_pain()}, headers=member.headers | {"If-Match": '"1"'})
    assert (saved.status_code, saved.json()["template_version"]) == (200, "1.0.0")
    headers = member.headers | {"If-Match": saved.headers["etag"], "Idempotency-Key": str(uuid4())}
    assert api.post(f"{path}/submit", json={}, headers=headers).status_code == 202
    assert db.value("select template_version from submissions") == "1.0.0"
    assert_problem(api.post(f"{path}/amend", headers=member.headers), 409, "template_retired")


def test_amending_is_a_new_attempt(
    api: TestClient, person: Make, submit: Callable[..., Response], work: Callable[[], int], db: Database
) -> None:
    member, clinician, stranger = person("acme"), person("acme", "clinician"), person("globex", "clinician")
    job = submit(member, answers=low_back_pain(nprs_now=3)).json()
    path = job["links"]["assessment"]
    work()
    before = db.rows("select * from submissions") + db.rows("select * from scores")
    assert_problem(api.post(f"{path}/amend", headers=stranger.headers), 404, "not_found")

    made = api.post(f"{path}/amend", headers=clinician.headers)
    draft = made.json()
    assert (made.status_code, draft["status"], draft["answers"]["nprs_now"]) == (201, "draft", 3)
    assert made.headers["location"] == draft["links"]["self"] != path
    assert db.value("select count(*) from assessments where user_id = %s", member.context.user_id) == 2
    again = api.post(f"{path}/amend", headers=member.headers)
    assert (again.status_code, again.json()["id"]) == (200, draft["id"])
    assert_problem(api.post(f"{draft['links']['self']}/amend", headers=member.headers), 409, "not_submitted")
    done = submit(member, assessment=draft, answers={"nprs_now": 8})
    assert done.status_code == 202, done.text
    work()

    first = api.get(f"{path}/result", headers=member.headers).json()
    second = api.get(f"{draft['links']['self']}/result", headers=member.headers).json()
    assert (first["attempt_number"], first["is_initial"]) == (1, True)
    assert (second["attempt_number"], second["is_initial"]) == (2, False)
    assert second["since_previous"] is not None
    kept = db.rows("select * from submissions where attempt_number = 1") + db.rows(
        "select * from scores order by created_at limit 1"
    )
    assert kept == before
    [row] = db.rows("select * from audit_log where action = 'assessment.amended'")
    assert (row["actor_id"], row["subject_user_id"]) == (clinician.context.user_id, member.context.user_id)
    assert str(row["subject_id"]) == draft["id"]


def test_assessments_are_listed_newest_first(
    api: TestClient, person: Make, start: Callable[..., Json], submit: Callable[..., Response]
) -> None:
    member, other, clinician = person("acme"), person("acme"), person("acme", "clinician")
    globex = person("globex", "business_owner")
    submit(member)
    back, knee, theirs = start(member), start(member, "knee-pain"), start(other)

    def listed(who: Person, query: str = "") -> list[str]:
        answer = api.get(f"/v1/assessments{query}", headers=who.headers)
        assert answer.status_code == 200, answer.text
        assert all("answers" not in item for item in answer.json()["items"])
        return [item["id"] for item in answer.json()["items"]]

    assert listed(member)[:2] == [knee["id"], back["id"]]
    assert len(listed(member)) == 3
    assert listed(member, "?status=submitted") == listed(member)[2:]
    assert listed(member, "?template_id=knee-pain&status=draft") == [knee["id"]]
    assert listed(member, "?template_id=no-such-template") == []
    assert listed(clinician) == [theirs["id"], *listed(member)]
    assert listed(globex) == []
    first = api.get("/v1/assessments?limit=2", headers=clinician.headers).json()
    second = api.get(f"/v1/assessments?limit=2&cursor={first['next']}", headers=clinician.headers).json()
    assert [item["id"] for item in (*first["items"], *second["items"])] == listed(clinician)
    for who, query in ((member, "?limit=2&"), (globex, "?limit=2&"), (clinician, "?status=draft&limit=2&")):
        wrong = api.get(f"/v1/assessments{query}cursor={first['next']}", headers=who.headers)
        assert_problem(wrong, 400, "invalid_cursor")
    for query in ("?status=lost", "?template_id=%00", "?limit=0"):
        assert_problem(api.get(f"/v1/assessments{query}", headers=member.headers), 422, "invalid_request")


# --- what is sent to do harm ---


def _group(levels: int) -> Json:
    item: Json = {"type": "display", "linkId": "inside", "text": "x"}
    for number in range(levels):
        item = {"type": "group", "linkId": f"g{number}", "text": "x", "items": [item]}
    return item


def _texts(count: int, **rest: Any) -> list[Json]:
    return [{"type": "text", "linkId": f"t{number}", "text": "x", "maxLength": 200, **rest} for number in range(count)]


def _sum(name: str, *of: str, **rest: Any) -> Json:
    return {
        "id": name, "label": "x", "licence": "x", "method": "sum", "of": of, "direction": "higher_worse",
        "min": 0, "max": 9, **rest,
    }  # fmt: skip


_COUNTS = [
    {"type": "integer", "linkId": f"i{n}", "text": "x", "minValue": 0, "maxValue": 19_000 + n} for n in range(100)
]
REFUSED: dict[str, Json] = {
    "9 groups deep": {"items": [_group(9)]},
    "1,001 items": {"items": _texts(1001)},
    "1,001 items in groups": {"items": [_group(1) | {"items": _texts(1000)}]},
    "501 options": {"items": [{"type": "choice", "linkId": "c", "text": "x", "options": [
        {"code": f"c{n}", "text": "x"} for n in range(501)]}]},
    "31 languages": {"languages": [f"a{chr(97 + n % 26)}{'abc'[n // 26]}" for n in range(31)]},
    "51 scales": {"scales": [_sum(f"s{n}", "nprs_now") for n in range(51)]},
    **{f"regex {pattern}": {"items": _texts(1, regex=pattern)} for pattern in (
        "(a+)+", "(a|a)*", r"(.*)\1", "a*a*a*b", ".*.*", "a{1,99999999999}", "a{0,200}a{0,200}b", "[[a]]", "[a--b]",
        "a||b", "(?=a)", "[", "a{2,1}")},
}  # fmt: skip
SLOW: dict[str, Json] = {
    "sums of large counts": {"scales": [_sum(f"s{n}", *(f"i{m}" for m in range(n, n + 40))) for n in range(50)]},
    "scales of scales": {"scales": [_sum("a0", "i0"), _sum("b0", "i1"), *(
        _sum(f"{side}{n}", f"a{n - 1}", f"b{n - 1}") for n in range(1, 25) for side in "ab")]},
    "growing without end": {"scales": [_sum("s0", "i0", factor=1e9), *(
        _sum(f"s{n}", f"s{n - 1}", factor=1e9) for n in range(1, 50))]},
    "a scale that is made of itself": {"scales": [{"id": "s", "label": "x", "method": "category", "of": "s"}]},
    "missing translations everywhere": {"languages": ["en", *(f"a{chr(97 + n)}" for n in range(26))]},
}  # fmt: skip


def test_documents_beyond_the_limits_are_refused_quickly(
    of: Callable[[Person], Templates], person: Make, db: Database, subtests: pytest.Subtests
) -> None:
    mine = of(person("acme", "clinician"))
    with nothing_changes(db):
        for name, change in REFUSED.items():
            with subtests.test(document=name):
                began = time.process_time()
                assert_problem(mine.post(document(**change)), 422, "invalid_template")
                assert time.process_time() - began < 1


def test_bodies_beyond_the_limits_are_refused_quickly(
    api_alone: TestClient, person: Make, db: Database, subtests: pytest.Subtests
) -> None:
    headers = person("acme", "clinician").headers | {"Content-Type": "application/json"}
    bodies = {
        "600 KB": (json.dumps({"document": document(title="x" * 600_000)}).encode(), 413, "body_too_large"),
        "500 KB of one text": (
            json.dumps({"document": document(title="x" * 450_000)}).encode(),
            422,
            "invalid_template",
        ),
        "500 KB of items": (json.dumps({"document": {"items": [0] * 100_000}}).encode(), 422, "invalid_template"),
        "500 KB of keys": (json.dumps({f"k{n}": 0 for n in range(40_000)}).encode(), 422, "invalid_request"),
        "40 levels": (json.dumps({"document": document(items=[_group(20)])}).encode(), 400, "malformed_request"),
        "200,000 levels": (b'{"document":' + b"[" * 200_000, 400, "malformed_request"),
    }
    with nothing_changes(db):
        for name, (content, status, code) in bodies.items():
            with subtests.test(body=name):
                began = time.process_time()
                answer = api_alone.post("/v1/templates", content=content, headers=headers)
                assert_problem(answer, status, code)
                assert len(answer.content) < 50_000
                assert time.process_time() - began < 2


def test_no_draft_keeps_the_lint_busy(
    of: Callable[[Person], Templates], person: Make, subtests: pytest.Subtests
) -> None:
    mine = of(person("acme", "clinician"))
    for number, (name, change) in enumerate(SLOW.items()):
        version = f"1.0.{number}"
        with subtests.test(draft=name):
            made = mine.post(document(version=version, **{"items": [*document()["items"], *_COUNTS], **change}))
            assert made.status_code == 201, made.text
            began = time.process_time()
            findings = mine.do("lint", version=version).json()["findings"]
            assert time.process_time() - began < 4
            assert 0 < len(findings) <= 240
            assert mine.get(f"clinic-intake/versions/{version}/fhir").status_code in (200, 422)
