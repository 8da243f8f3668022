"""What an attempt may end in: later, never, or done; and what the Lambda entry tells SQS."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from domain.jobs import Message, Permanent, Transient, backoff_s, message_for
from infra.local import clients
from infra.messages import encode
from tests.api.conftest import receive
from tests.conftest import Database, Person
from tests.letters import due
from tests.workers.conftest import assert_done_once, submitted
from workers import relay, sqs, sweeper
from workers.work import deliver


def event(queue: str, *messages: Message | str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": str(number),
                "receiptHandle": f"handle-{number}",
                "body": message if isinstance(message, str) else encode(message),
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSourceARN": f"arn:aws:sqs:eu-west-2:000000000000:{queue}",
            }
            for number, message in enumerate(messages)
        ]
    }


def failures(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_batch_fails_record_by_record(db: Database, member: Person) -> None:
    good, other = submitted(member, publish=False), submitted(member, publish=False)
    unknown = Message(member.tenant_id, uuid4(), "scoring", "c")
    foreign = Message(uuid4(), other.id, "scoring", "c")
    answer = sqs.handler(event("scoring", message_for(good), "nonsense", unknown, foreign), None)
    assert failures(answer) == ["1", "2", "3"]
    assert db.value("select stage from jobs where id = %s", good.id) == "generating"
    assert db.value("select status from jobs where id = %s", other.id) == "queued"


def test_what_does_not_fit_into_the_time_left_comes_back(db: Database, member: Person) -> None:
    class Context:
        left = 20_000

        def get_remaining_time_in_millis(self) -> int:
            self.left -= 8_000
            return self.left

    jobs = [submitted(member, publish=False) for _ in range(3)]
    answer = sqs.handler(event("scoring", *(message_for(job) for job in jobs)), Context())
    assert failures(answer) == ["1", "2"]
    assert db.value("select count(*) from attempts") == 1


def test_delivered_twice_and_after_the_end(db: Database, member: Person) -> None:
    job = submitted(member, publish=False)
    scoring = message_for(job)
    generating = Message(job.tenant_id, job.id, "generating", "c")
    for message in (scoring, scoring, generating, generating, scoring, generating):
        deliver(message)
    assert_done_once(db, job)
    assert db.value("select count(*) from attempts") == 2


def test_an_unexpected_failure_is_tried_again(db: Database, member: Person) -> None:
    """A broken template document makes scoring raise; mended, the same message ends the job."""
    job = submitted(member, publish=False)
    db.rows("alter table templates disable trigger templates_guard")
    document = db.value("select document::text from templates where slug = 'low-back-pain'")
    db.rows("update templates set document = '{\"broken\": 1}', content_hash = 'broken' where slug = 'low-back-pain'")
    db.rows("update submissions set template_hash = 'broken'")
    assert failures(sqs.handler(event("scoring", message_for(job)), None)) == ["0"]
    [row] = db.rows("select status, error_code, lease_until from jobs")
    assert (row["status"], row["error_code"], row["lease_until"]) == ("retrying", "unexpected_error", None)
    [attempt] = db.rows("select outcome, error_code from attempts")
    assert attempt == {"outcome": "retry", "error_code": "unexpected_error"}

    db.rows("update templates set document = %s, content_hash = 'mended' where slug = 'low-back-pain'", document)
    db.rows("update submissions set template_hash = 'mended'")
    deliver(message_for(job))
    assert db.value("select attempt from jobs") == 1  # not before its pause is over
    due()
    assert failures(sqs.handler(event("scoring", message_for(job)), None)) == []
    assert db.value("select attempt from jobs") == 0
    assert db.value("select stage from jobs") == "generating"


def test_attempts_end_and_then_an_operator_decides(
    db: Database, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submitted(member, publish=False)
    db.rows("alter table templates disable trigger templates_guard")
    db.rows("update templates set document = '{}', content_hash = 'broken2' where slug = 'low-back-pain'")
    db.rows("update submissions set template_hash = 'broken2'")
    for _ in range(job.max_attempts + 2):
        due()
        assert failures(sqs.handler(event("scoring", message_for(job)), None)) == ["0"]
    assert db.value("select status from jobs") == "dead"
    assert db.value("select count(*) from attempts") == job.max_attempts
    monkeypatch.setenv("FFP_REPUBLISH_AFTER_S", "0.001")
    assert sweeper.sweep()["republished"] == 0


def test_a_job_that_can_never_work_fails_with_its_code(db: Database, member: Person) -> None:
    """The library has no rule for a condition that the stored screening names."""
    job = submitted(member, publish=False)
    deliver(message_for(job))
    db.rows(
        """update scores set result = jsonb_set(result, '{screening,conditions}', '["a_condition_nobody_knows"]')"""
    )
    deliver(Message(job.tenant_id, job.id, "generating", "c"))
    [row] = db.rows("select status, error_code from jobs")
    assert row == {"status": "failed", "error_code": "unknown_condition"}
    assert db.value("select count(*) from programs") == 0
    deliver(Message(job.tenant_id, job.id, "generating", "c"))
    assert db.value("select status from jobs") == "failed"


def test_a_leased_job_is_left_to_its_worker(db: Database, member: Person) -> None:
    job = submitted(member, publish=False)
    db.rows("update jobs set status = 'running', attempt = 1, lease_until = now() + interval '600 seconds'")
    with pytest.raises(Transient) as later:
        deliver(message_for(job))
    assert later.value.retry_in is not None
    assert 500 < later.value.retry_in <= 602
    assert db.value("select attempt from jobs") == 1


def test_the_relay_publishes_what_is_committed_and_unpublished(
    db: Database, member: Person, queues: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FFP_RELAY_GRACE_S", "0.001")
    jobs = [submitted(member, publish=False) for _ in range(6)]
    assert relay.relay() == len(jobs)
    assert relay.relay() == 0
    client = clients.sqs(queues["scoring"].rpartition("/")[0].rpartition("/")[0])
    found = []
    while batch := receive(client, queues["scoring"]):
        found += batch
    assert len(found) == len(jobs)
    assert {record["attributes"]["MessageGroupId"] for record in found} == {str(member.tenant_id)}


def test_the_relay_leaves_the_apis_own_publish_its_chance(db: Database, member: Person) -> None:
    submitted(member, publish=False)
    assert relay.relay() == 0


def test_a_queue_that_is_down_loses_nothing(
    db: Database, member: Person, queues: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra import queue, settings

    monkeypatch.setenv("FFP_RELAY_GRACE_S", "0.001")
    job = submitted(member, publish=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    settings.queues.cache_clear()
    queue.client.cache_clear()
    assert queue.publish([message_for(job)]) == []
    assert relay.relay() == 0
    assert db.value("select published_at from jobs") is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", queues["scoring"].rpartition("/")[0].rpartition("/")[0])
    settings.queues.cache_clear()
    queue.client.cache_clear()
    assert relay.relay() == 1
    assert db.value("select published_at from jobs") is not None


def test_old_idempotency_keys_are_forgotten(db: Database, member: Person) -> None:
    submitted(member, publish=False)
    assert sweeper.sweep()["keys_expired"] == 0
    db.rows("update idempotency_keys set created_at = now() - interval '25 hours'")
    assert sweeper.sweep()["keys_expired"] == 1


@pytest.mark.parametrize("count", [1, 2, 5, 1000])
def test_backoff_grows_and_stays_within_its_cap(count: int) -> None:
    assert backoff_s(count, 0.0) == 1.0
    assert backoff_s(count, 0.999) <= 301
    assert backoff_s(count, 0.5) <= backoff_s(count + 1, 0.5)


def test_words_for_later_and_never_carry_a_code() -> None:
    assert Transient("leased", retry_in=3).retry_in == 3
    assert str(Permanent("unknown_condition")) == "unknown_condition"


def test_a_spec_is_solved_once_for_everybody(
    db: Database, person: Callable[..., Person], queues: dict[str, str]
) -> None:
    """Two tenants with equal answers: the second program comes from the stored plan, line by line the same."""
    for tenant in ("acme", "globex"):
        job = submitted(person(tenant), publish=False)
        deliver(message_for(job))
        deliver(Message(job.tenant_id, job.id, "generating", "c"))
    assert db.value("select count(*) from solved_specs") == 1
    lines = db.rows(
        """select i.exercise, i.sets, i.reps, i.seconds, i.why::text, s.week, s.number, i.position
           from prescribed_exercises i join sessions s on s.id = i.session_id join tenants t on t.id = i.tenant_id
           order by t.slug, s.week, s.number, i.position"""
    )
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]
    assert len({row["tenant_id"] for row in db.rows("select tenant_id from programs")}) == 2


def test_a_stored_plan_that_fails_the_checker_is_not_used(db: Database, member: Person) -> None:
    first = submitted(member, publish=False)
    deliver(message_for(first))
    deliver(Message(first.tenant_id, first.id, "generating", "c"))
    db.rows("update solved_specs set plan = jsonb_set(plan, '{weeks,0,sessions,0,items,0,sets}', '9')")
    second = submitted(member, publish=False)
    deliver(message_for(second))
    deliver(Message(second.tenant_id, second.id, "generating", "c"))
    assert_done_once(db, second)
    assert db.value("select max(sets) from prescribed_exercises") < 9


def test_a_tenants_own_pain_limits_count(db: Database, member: Person) -> None:
    """Pain 4 is moderate by default; a tenant that says 5 gets it as mild."""
    for settings, severity in (("{}", "moderate"), ('{"pain_thresholds": {"moderate": 5, "severe": 7}}', "mild")):
        db.rows("update tenants set settings = %s", settings)
        deliver(message_for(submitted(member, publish=False)))
        assert db.value("select result -> 'screening' ->> 'severity' from scores order by created_at desc limit 1") == severity  # fmt: skip
