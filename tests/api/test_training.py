"""Doing a program: calendar, reports, swaps, the ways of a program, check-ins, and whose they are."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.answers import low_back_pain
from tests.api.problems import assert_problem
from tests.conftest import Database, Person
from tests.statements import Asked, Recorder

Make = Callable[..., Any]


class Athlete:
    """Somebody with a program, and what they do with it."""

    def __init__(self, api: TestClient, who: Person, program: str) -> None:
        self.api, self.who, self.program = api, who, program

    def get(self, path: str, who: Person | None = None) -> Any:
        answer = self.api.get(f"/v1/{path}", headers=(who or self.who).headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(
        self,
        path: str,
        body: Any = None,
        who: Person | None = None,
        revision: int | None = None,
        key: str | None = None,
    ) -> Response:
        headers = (who or self.who).headers | {"Idempotency-Key": key or str(uuid4())}
        revision = self.get(f"programs/{self.program}")["revision"] if revision is None else revision
        return self.api.post(f"/v1/{path}", json=body, headers=headers | {"If-Match": f'"{revision}"'})

    def sessions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"programs/{self.program}/sessions")["items"]
        return found

    def calendar(self) -> list[dict[str, Any]]:
        today = datetime.now(UTC).date()
        found: list[dict[str, Any]] = self.get(f"sessions?from={today}&to={today + timedelta(days=300)}")["items"]
        return found

    def report(self, session: str, *events: dict[str, Any], who: Person | None = None) -> Any:
        answer = self.api.post(
            f"/v1/sessions/{session}/events", json={"events": list(events)}, headers=(who or self.who).headers
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def do(self, session: str, at: datetime, **measures: Any) -> list[dict[str, Any]]:
        """Everything of a session, as prescribed, with these measures."""
        items = self.get(f"sessions/{session}")["items"]
        events = [event("started", at)]
        for item in items:
            did = {name: item[name] for name in ("position", "sets", "reps", "seconds") if item[name]}
            felt = {"pain_during": 1, "effort": 3} | measures
            events.append(event("exercise_done", at + timedelta(seconds=item["position"]), **did, **felt))
        return [*events, event("finished", at + timedelta(minutes=30))]


def event(kind: str, at: datetime, **rest: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "at": at.isoformat(), "type": kind, **rest}


NOW = datetime.now(UTC) - timedelta(hours=2)


@pytest.fixture
def athlete(api: TestClient, submit: Make, work: Make) -> Callable[[Person], Athlete]:
    def make(who: Person) -> Athlete:
        job = submit(who).json()
        work()
        result = api.get(f"/v1/jobs/{job['id']}", headers=who.headers).json()["result"]
        return Athlete(api, who, result["id"])

    return make


def test_a_calendar_and_a_session(athlete: Make, person: Make) -> None:
    a = athlete(person("acme"))
    neighbour, stranger, clinician = person("acme"), person("globex"), person("acme", "clinician")
    sessions = a.sessions()
    first, last = sessions[0], sessions[-1]
    shown = a.get(f"sessions?from={first['scheduled_on']}&to={last['scheduled_on']}")
    assert shown["items"] == sessions
    assert shown["next_session_id"] == first["id"]
    session = a.get(f"sessions/{first['id']}")
    assert session["items"]
    assert session["results"] == []
    assert session["status"] == "planned"
    assert a.get(f"sessions/{first['id']}", clinician) == session
    for other in (neighbour, stranger):
        for path in (f"sessions/{first['id']}", f"programs/{a.program}/sessions", f"programs/{a.program}/adaptations",
                     f"programs/{a.program}/check-ins", f"sessions/{first['id']}/exercises/1/alternatives"):  # fmt: skip
            assert_problem(a.api.get(f"/v1/{path}", headers=other.headers), 404, "not_found")
        assert a.get("sessions", other)["items"] == []
        answer = a.api.post(
            f"/v1/sessions/{first['id']}/events", json={"events": [event("started", NOW)]}, headers=other.headers
        )
        assert_problem(answer, 404, "not_found")
    # Who cares for people sees what they did, and does not say it for them.
    answer = a.api.post(
        f"/v1/sessions/{first['id']}/events", json={"events": [event("started", NOW)]}, headers=clinician.headers
    )
    assert_problem(answer, 404, "not_found")


def test_reports_come_late_twice_and_out_of_order(athlete: Make, person: Make, db: Database) -> None:
    a = athlete(person("acme"))
    session = a.sessions()[0]["id"]
    events = a.do(session, NOW)
    answer = a.report(session, *reversed(events[3:]))
    assert (len(answer["accepted"]), answer["status"]) == (len(events) - 3, "done")
    assert answer["links"]["job"]
    answer = a.report(session, *events)
    assert sorted(answer["known"]) == sorted(each["id"] for each in events[3:])
    assert answer["accepted"] == [each["id"] for each in events[:3]]
    before = a.get(f"sessions/{session}")
    answer = a.report(session, *events)
    assert (answer["accepted"], answer["refused"]) == ([], [])
    assert a.get(f"sessions/{session}") == before
    assert before["finished_at"] == (NOW + timedelta(minutes=30)).isoformat().replace("+00:00", "Z")
    assert all(result["status"] == "done" and result["pain_during"] == 1 for result in before["results"])
    assert db.value("select count(*) from jobs where kind = 'adaptation'") == 1


def test_what_cannot_be_is_refused_by_name(athlete: Make, person: Make) -> None:
    a = athlete(person("acme"))
    session = a.sessions()[0]["id"]
    good = event("started", NOW)
    answer = a.report(
        session,
        good,
        event("started", datetime.now(UTC) + timedelta(minutes=10)),
        event("started", NOW - timedelta(days=31)),
        event("exercise_done", NOW, position=90),
        event("exercise_swapped", NOW, position=1, exercise="barbell_back_squat"),
        event("finished", NOW) | {"id": good["id"]},
    )
    assert answer["accepted"] == [good["id"]]
    assert [each["code"] for each in answer["refused"]] == [
        "in_the_future", "too_old", "no_such_exercise", "not_an_alternative", "id_reused",
    ]  # fmt: skip
    bad = a.api.post(
        f"/v1/sessions/{session}/events",
        json={"events": [event("exercise_done", NOW, position=1, pain_during=11)]},
        headers=a.who.headers,
    )
    assert_problem(bad, 422, "invalid_request")


def test_an_exercise_is_skipped_or_swapped_for_what_is_allowed(athlete: Make, person: Make, work: Make) -> None:
    a = athlete(person("acme"))
    session = a.sessions()[0]["id"]
    position, found = next(
        (item["position"], found)
        for item in a.get(f"sessions/{session}")["items"]
        if (found := a.get(f"sessions/{session}/exercises/{item['position']}/alternatives")["items"])
    )
    other = found[0]["exercise"]
    rest = next(i["position"] for i in a.get(f"sessions/{session}")["items"] if i["position"] != position)
    answer = a.report(
        session,
        event("exercise_swapped", NOW, position=position, exercise=other),
        event("exercise_done", NOW + timedelta(minutes=1), position=position, sets=1, pain_during=7),
        event("exercise_skipped", NOW, position=rest, reason="no_equipment"),
        event("finished", NOW + timedelta(minutes=2)),
    )
    assert answer["refused"] == []
    results = {each["position"]: each for each in a.get(f"sessions/{session}")["results"]}
    assert (results[position]["exercise"], results[position]["status"]) == (other, "done")
    assert (results[rest]["status"], results[rest]["reason"]) == ("skipped", "no_equipment")
    work()
    assert a.get(f"programs/{a.program}/adaptations")["items"] == []  # a swap says nothing of what it replaced


def test_one_program_at_a_time(athlete: Make, person: Make, db: Database) -> None:
    who = person("acme")
    first, second = athlete(who), athlete(who)
    assert first.get(f"programs/{first.program}")["status"] == "archived"
    assert_problem(second.post(f"programs/{second.program}/restart"), 409, "program_in_other_state")
    db.rows("update sessions set scheduled_on = scheduled_on - 40 where program_id = %s", first.program)
    today = datetime.now(UTC).date().isoformat()
    restarted = first.post(f"programs/{first.program}/restart")
    assert restarted.json()["status"] == "active", restarted.text
    assert db.value("select count(*) from audit_log where action = 'program.restarted'") == 1
    assert second.get(f"programs/{second.program}")["status"] == "archived"
    sessions = first.sessions()
    assert first.calendar() == sessions
    assert sessions[0]["scheduled_on"] >= today
    assert sessions[0]["planned_on"] < sessions[0]["scheduled_on"]
    stale = first.post(f"programs/{first.program}/archive", revision=1)
    assert_problem(stale, 412, "stale_revision")
    assert first.post(f"programs/{first.program}/archive").json()["status"] == "archived"
    assert first.calendar() == []
    assert first.post(f"programs/{first.program}/end").json()["status"] == "ended"
    assert_problem(first.post(f"programs/{first.program}/restart"), 409, "program_in_other_state")
    stranger = person("globex")
    for way in ("archive", "restart", "end"):
        assert_problem(first.post(f"programs/{first.program}/{way}", who=stranger), 404, "not_found")
    with pytest.raises(Exception, match="programs_active_key"):
        db.rows("update programs set status = 'active' where user_id = %s", who.context.user_id)


def prescribed(program: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for week in program["weeks"] for session in week["sessions"] for item in session["items"]]


def answers(a: Athlete, **said: str) -> dict[str, Any]:
    questions = a.get(f"programs/{a.program}/check-ins")["questions"]
    return {"answers": {each["id"]: "no" for each in questions} | said}


def test_a_red_flag_stops_a_program_until_a_clinician_lets_it_go_on(athlete: Make, person: Make, db: Database) -> None:
    a = athlete(person("acme"))
    clinician, stranger = person("acme", "clinician"), person("globex", "clinician")
    path = f"programs/{a.program}/check-ins"
    assert a.calendar()
    assert_problem(a.post(path, {"answers": {}}), 422, "invalid_answers")
    clear = a.post(path, answers(a)).json()
    assert (clear["outcome"], clear["program_status"], clear["advice"]) == ("clear", "active", None)
    flagged = answers(a, ces_bladder="not_sure")
    made = a.post(path, flagged, key="once").json()
    again = a.post(path, flagged, key="once")  # nobody is told twice
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (made, "true")
    assert (made["outcome"], made["level"], made["program_status"]) == ("referral", "emergency", "paused_safety")
    assert "hospital" in made["advice"]["en"]
    assert a.calendar() == []
    session = a.sessions()[0]["id"]
    assert a.get(f"sessions/{session}")["items"] == []
    assert a.report(session, event("started", datetime.now(UTC)))["refused"][0]["code"] == "program_not_active"
    kinds = {
        (r["kind"], r["user_id"]) for r in db.rows("select kind, user_id from notifications where kind like '%%paused'")
    }
    assert kinds == {("program_paused", a.who.context.user_id), ("program_paused", clinician.context.user_id)}
    assert db.value("select count(*) from emails where kind = 'program_paused'") == 2
    assert db.value("select count(*) from audit_log where action = 'safety.referral'") == 1
    # Neither the person nor another business lets it go on, and no other program is begun beside it.
    note = {"note": "Seen today, cleared."}
    assert_problem(a.post(f"programs/{a.program}/resume", note), 403, "forbidden")
    assert_problem(a.post(f"programs/{a.program}/resume", note, who=stranger), 404, "not_found")
    assert_problem(a.post(f"programs/{a.program}/archive"), 409, "program_in_other_state")
    assert a.post(f"programs/{a.program}/resume", note, who=clinician).json()["status"] == "active"
    [row] = db.rows("select actor_id, subject_user_id from audit_log where action = 'program.resumed'")
    assert (row["actor_id"], row["subject_user_id"]) == (clinician.context.user_id, a.who.context.user_id)
    assert a.calendar()
    assert a.get(path)["items"][0]["resumed_at"]


def test_a_new_assessment_takes_the_place_of_a_paused_program(athlete: Make, person: Make) -> None:
    who = person("solo", "individual", "individual")
    a = athlete(who)
    a.post(f"programs/{a.program}/check-ins", answers(a, chest_pain="yes"))
    b = athlete(who)
    assert a.get(f"programs/{a.program}")["status"] == "archived"
    assert b.get(f"programs/{b.program}")["status"] == "active"
    # What a check-in has stopped is not taken up again by a detour.
    assert_problem(a.post(f"programs/{a.program}/restart"), 409, "program_in_other_state")


def test_a_referral_from_a_new_assessment_stops_the_program_too(
    athlete: Make, person: Make, submit: Make, work: Make, db: Database
) -> None:
    who, neighbour = person("acme"), athlete(person("acme"))
    clinician = person("acme", "clinician")
    put_away = athlete(who)
    a = athlete(who)  # takes the place of the first
    submit(who, answers=low_back_pain(rf_chest_pain="yes"))
    work()
    assert a.get(f"programs/{a.program}")["status"] == "paused_safety"
    assert a.calendar() == []
    assert neighbour.get(f"programs/{neighbour.program}")["status"] == "active"
    assert not prescribed(a.get(f"programs/{a.program}"))
    assert prescribed(a.get(f"programs/{a.program}", clinician))  # who decides whether it goes on
    kinds = db.rows("select user_id from notifications where kind = 'program_paused'")
    assert {row["user_id"] for row in kinds} == {who.context.user_id, clinician.context.user_id}
    stopped = "select subject_type from audit_log where action = 'safety.referral' order by subject_type"
    assert [row["subject_type"] for row in db.rows(stopped)] == ["assessment", "program"]
    # Nor is an older program a way round it, once the clinic has ended this one.
    assert a.post(f"programs/{a.program}/end", who=clinician).json()["status"] == "ended"
    assert_problem(put_away.post(f"programs/{put_away.program}/restart"), 409, "program_in_other_state")
    restarted = put_away.post(f"programs/{put_away.program}/restart", who=clinician)
    assert restarted.json()["status"] == "active"


def test_a_program_that_was_on_its_way_when_its_person_was_referred_does_not_begin(
    athlete: Make, person: Make, submit: Make, work: Make, api: TestClient, db: Database
) -> None:
    who, neighbour, clinician = person("acme"), person("acme"), person("acme", "clinician")
    jobs = {each: submit(each).json()["links"]["self"] for each in (who, neighbour)}
    work("scoring")
    submit(who, answers=low_back_pain(rf_chest_pain="yes"))
    work()
    status, revision = {}, {}
    for each, job in jobs.items():
        program = api.get(api.get(job, headers=each.headers).json()["result"]["href"], headers=each.headers)
        status[each], revision[each] = program.json()["status"], program.headers["etag"]
        path = f"/v1/programs/{program.json()['id']}/resume"
        if each is who:
            resume = path
    assert status == {who: "paused_safety", neighbour: "active"}
    told = db.rows("select user_id from notifications where kind = 'program_paused'")
    assert {row["user_id"] for row in told} == {who.context.user_id, clinician.context.user_id}
    assert db.value("select count(*) from notifications where kind = 'program_ready'") == 1
    headers = {"If-Match": revision[who]}
    assert api.post(resume, json={"note": "Seen"}, headers=who.headers | headers).status_code == 403
    resumed = api.post(resume, json={"note": "Seen"}, headers=clinician.headers | headers)
    assert resumed.json()["status"] == "active"
    # What comes after the referral is judged by itself.
    athlete(who)
    assert db.value("select count(*) from programs where status = 'active'") == 2


def test_the_cost_of_a_report_and_of_the_calendar(
    db: Database, athlete: Make, person: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.conftest import forget

    a = athlete(person("acme"))
    session = a.sessions()[0]["id"]
    events = a.do(session, NOW)
    with Recorder(db.app_url) as recorder:
        monkeypatch.setenv("FFP_DATABASE_URL", recorder.url)
        forget()
        a.get("sessions")

        def cost(ask: Callable[[], Any]) -> tuple[int, int]:
            with recorder.count() as asked:
                ask()
            return _cost(asked)

        costs = {
            "calendar": cost(lambda: a.get("sessions")),
            "first reports": cost(lambda: a.report(session, *events[:-1])),
            "the same again": cost(lambda: a.report(session, *events[:-1])),
            "the last report": cost(lambda: a.report(session, events[-1])),
        }
        forget()
    assert costs == {"calendar": (2, 2), "first reports": (6, 5), "the same again": (5, 4), "the last report": (9, 8)}


def _cost(asked: Asked) -> tuple[int, int]:
    return asked.statements, asked.round_trips
