"""E-mails: who gets which, never anything of anybody's health, sent by a job like any other."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import ClientError
from starlette.testclient import TestClient

from domain.emails import KINDS, OPTIONAL, TEXTS, letter
from domain.jobs import Job, message_for
from domain.tenancy import worker_context
from infra import queue, ses
from infra.database import unit_of_work
from tests import mail
from tests.answers import low_back_pain
from tests.api.problems import assert_problem
from tests.conftest import Database, Person

Make = Callable[..., Any]
EVERY_PARAM = {
    "business": "Acme", "inviter": "Ana", "role": "clinician", "until": "1 May 2027", "token": "t", "subject": "s",
}  # fmt: skip


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch, queues: dict[str, str]) -> Callable[[], int]:
    return lambda: mail.deliver(monkeypatch, queues)


def queued(who: Person, kind: str = "removed", address: str | None = None, **params: str) -> Job:
    with unit_of_work(worker_context(who.tenant_id)) as uow:
        return uow.emails.queue(kind, who.context.user_id, address or who.email, params)


def state(db: Database, job: Job) -> tuple[str, str]:
    [row] = db.rows(
        """select j.status as job, e.status as email from jobs j
           join emails e on e.tenant_id = j.tenant_id and e.id = j.subject_id where j.id = %s""",
        job.id,
    )
    return row["job"], row["email"]


def test_a_program_a_referral_and_a_review_are_written_to_whom_they_concern(
    person: Make, submit: Make, work: Make, post: Make, api: TestClient
) -> None:
    member, other, clinician = person("acme"), person("acme"), person("acme", "clinician")
    stranger = person("globex", "clinician")
    submit(member)
    work()
    submit(other, answers=low_back_pain(rf_ces_saddle="yes"))
    work()
    reviewed, reviewer = person("harbour", review=True), person("harbour", "business_owner")
    submit(reviewed)
    work()
    assert post() == 4
    [ready], [read_me], [told] = mail.to(member.email), mail.to(other.email), mail.to(clinician.email)
    assert (ready.subject, ready.sender) == ("Your program is ready", "FFP <no-reply@ffp.example>")
    [program] = api.get("/v1/programs", headers=member.headers).json()["items"]
    assert f"http://localhost:5173/programs/{program['id']}" in ready.text
    assert f'href="http://localhost:5173/programs/{program["id"]}"' in ready.html
    assert read_me.subject == told.subject == "A result waits to be read"
    assert [m.subject for m in mail.to(reviewer.email)] == ["A program waits for review"]
    assert mail.to(reviewed.email) == mail.to(stranger.email) == []
    assert post() == 0
    [waiting] = api.get("/v1/reviews", headers=reviewer.headers).json()["items"]
    headers = reviewer.headers | {"If-Match": '"1"'}
    assert api.post(f"/v1/programs/{waiting['program_id']}/approve", headers=headers).status_code == 200
    post()
    assert [m.subject for m in mail.to(reviewed.email)] == ["Your program is ready"]


def test_nothing_that_anybody_answered_is_ever_in_an_e_mail(
    db: Database, person: Make, submit: Make, work: Make, post: Make
) -> None:
    """Marked values in every free text, and what was found out about the person."""
    marks = ("canary-4711", "canary-4712", "canary-4713")
    psfs = [{"activity": mark, "score": 3} for mark in marks]
    member, clinician = person("acme", review=True), person("acme", "clinician")
    submit(member, answers=low_back_pain(psfs=psfs))
    submit(member, answers=low_back_pain(rf_ces_saddle="yes", psfs=psfs))
    work()
    post()
    assert marks[0] in str(db.rows("select answers from submissions"))
    written = mail.to(member.email) + mail.to(clinician.email)
    assert len(written) == 3
    everything = str([*db.rows("select * from emails"), *written]).lower()
    for word in (*marks, "back", "pain", "saddle", "cauda", "referral result", "red flag", "emergency"):
        assert word not in everything.replace("a result waits", ""), word


def test_a_correlation_id_goes_on_to_the_e_mail(
    db: Database, person: Make, submit: Make, work: Make, api: TestClient
) -> None:
    submit(person("acme"), headers={"X-Request-ID": "the-request"})
    work()
    assert db.rows("select distinct correlation_id from jobs") == [{"correlation_id": "the-request"}]


def test_a_person_chooses_what_they_are_written(
    db: Database, api: TestClient, person: Make, submit: Make, work: Make, post: Make
) -> None:
    member = person("acme")
    path = "/v1/me/preferences"
    assert api.get(path, headers=member.headers).json() == {
        "email": dict.fromkeys(OPTIONAL, True),
        "quiet_hours": {"start": "21:00", "end": "08:00"},
    }
    hours = {"start": "22:30", "end": "06:00"}
    assert api.patch(path, json={"quiet_hours": hours}, headers=member.headers).json()["quiet_hours"] == hours
    for wrong in ({"start": "24:00", "end": "06:00"}, {"start": "22:00"}):
        answer = api.patch(path, json={"quiet_hours": wrong}, headers=member.headers)
        assert_problem(answer, 422, "invalid_request")
    changed = api.patch(path, json={"email": {"program_ready": False}}, headers=member.headers)
    assert changed.json()["email"] == dict.fromkeys(OPTIONAL, True) | {"program_ready": False}
    submit(member)
    work()
    assert post() == 0
    assert db.value("select count(*) from notifications") == 1  # still there when they sign in
    back = api.patch(path, json={"email": {"program_ready": True}}, headers=member.headers)
    assert back.json()["email"]["program_ready"]
    assert_problem(api.patch(path, json={"email": {"removed": False}}, headers=member.headers), 422, "invalid_request")
    submit(member)
    work()
    # Changed their mind while it was on its way.
    assert api.patch(path, json={"email": {"program_ready": False}}, headers=member.headers).status_code == 200
    assert post() == 1
    assert mail.to(member.email) == []
    assert db.rows("select status from emails") == [{"status": "suppressed"}]


def test_what_concerns_the_account_is_always_written(db: Database, person: Make, post: Make) -> None:
    gone = person("acme")
    db.rows("update users set status = 'removed'")
    job = queued(gone, "removed", business="Acme")
    news = queued(gone, "program_ready", subject=str(job.id))
    assert post() == 2
    assert [m.subject for m in mail.to(gone.email)] == ["You are not a member of Acme any more"]
    assert (state(db, job), state(db, news)) == (("succeeded", "sent"), ("succeeded", "suppressed"))


def test_a_message_that_comes_twice_sends_once(db: Database, person: Make, post: Make) -> None:
    member = person("acme")
    job = queued(member, business="Acme")
    db.rows("update jobs set published_at = null")
    post()
    assert queue.publish([message_for(job)])
    post()
    assert len(mail.to(member.email)) == 1
    assert db.value("select message_id from emails") == mail.to(member.email)[0].message_id


def refusing(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """SES answers with this error: the one thing here that is not ours and cannot be had from the emulator."""

    def send_email(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "canary"}}, "SendEmail")

    monkeypatch.setattr(ses.client(), "send_email", send_email)


def test_what_may_pass_is_tried_again_and_what_may_not_is_over(
    db: Database, person: Make, post: Make, monkeypatch: pytest.MonkeyPatch, queues: dict[str, str]
) -> None:
    member = person("acme")
    later, never = queued(member, business="Acme"), queued(member, business="Acme")
    db.rows("update jobs set published_at = now() where id = %s", never.id)
    with monkeypatch.context() as patch:
        refusing(patch, "TooManyRequestsException")
        mail.deliver(patch, queues)
        assert state(db, later) == ("retrying", "queued")
    db.rows("update jobs set published_at = null where id = %s", never.id)
    with monkeypatch.context() as patch:
        refusing(patch, "BadRequestException")
        mail.deliver(patch, queues)
        assert state(db, never) == ("failed", "failed")
    assert db.value("select error_code from jobs where id = %s", never.id) == "mail_refused"
    db.rows("update jobs set published_at = null, updated_at = now(), available_at = null where id = %s", later.id)
    post()
    assert state(db, later) == ("succeeded", "sent")
    assert len(mail.to(member.email)) == 1


def test_a_crash_after_the_mail_service_has_it_sends_again_and_loses_nothing(
    db: Database, person: Make, post: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What docs promise: at least once. The commit after the sending fails; the job comes back."""
    member = person("acme")
    job = queued(member, business="Acme")
    db.rows("create function fail() returns trigger language plpgsql as $$ begin raise exception 'cut'; end $$")
    db.rows("create trigger fail before update on emails for each row execute function fail()")
    post()
    assert (len(mail.to(member.email)), state(db, job)) == (1, ("retrying", "queued"))
    db.rows("drop trigger fail on emails")
    db.rows("update jobs set published_at = null, available_at = null")
    post()
    assert (len(mail.to(member.email)), state(db, job)) == (2, ("succeeded", "sent"))


def test_only_the_worker_of_a_tenant_reads_what_is_sent(db: Database, person: Make) -> None:
    owner, member, foreign = person("acme", "business_owner"), person("acme"), person("globex", "business_owner")
    job = queued(member, business="Acme")
    for context in (owner.context, member.context, foreign.context, worker_context(foreign.tenant_id)):
        with unit_of_work(context) as uow, pytest.raises(Exception, match="no such resource"):
            uow.emails.read(job.subject_id)
    with unit_of_work(worker_context(member.tenant_id)) as uow:
        assert uow.emails.read(job.subject_id).address == member.email


def test_letters_go_no_faster_than_the_mail_service_allows(
    person: Make, queues: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From however many threads; a second's letters may go at once."""
    monkeypatch.setenv("FFP_MAIL_PER_S", "10")
    text = letter(person("acme").email, "removed", EVERY_PARAM, "https://app.example")
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ses.send, [text] * 20))) == 20
    assert time.monotonic() - began >= 0.9


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_text_is_whole_in_both_forms(kind: str) -> None:
    made = letter("who@acme.example", kind, EVERY_PARAM, "https://app.example.com")
    assert "$" not in made.subject + made.text + made.html
    assert "https://app.example.com/" in made.text
    assert made.html.startswith("<!doctype html>")
    with pytest.raises(KeyError):
        letter("who@acme.example", "invitation", {}, "https://app.example.com")
    assert {kind} <= set(TEXTS["en"])


def test_what_somebody_is_called_cannot_be_more_than_a_name() -> None:
    evil = {"business": '<a href="https://evil.example">x</a>\r\nBcc: all@acme.example', "inviter": "A" * 5000}
    made = letter("who@acme.example", "invitation", EVERY_PARAM | evil, "https://app.example.com")
    assert "\n" not in made.subject
    assert "\r" not in made.subject
    assert '<a href="https://evil' not in made.html
    assert len(made.text) < 1000
    assert json.dumps(made.html).isascii()


def test_a_kind_without_a_text_is_not_queued(person: Make) -> None:
    with unit_of_work(worker_context(person("acme").tenant_id)) as uow, pytest.raises(ValueError, match="no text"):
        uow.emails.queue("spam", None, "who@acme.example", {})


def test_an_e_mail_to_nobody_of_the_tenant_has_a_job_of_its_own(db: Database, person: Make, post: Make) -> None:
    tenant: UUID = person("acme").tenant_id
    with unit_of_work(worker_context(tenant)) as uow:
        uow.emails.queue("account_exists", None, "stranger-7@acme.example", {})
    assert post() == 1
    [written] = mail.to("stranger-7@acme.example")
    assert written.subject == "You have an FFP account already"
