"""Sessions of a program: the calendar, what one prescribes, what was done, and what may take an exercise's place."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from api.models import Body
from api.routes.programs import ItemBody
from domain.jobs import message_for
from domain.services import training
from domain.sessions.events import REFUSALS, Event, SkipReason
from domain.sessions.records import Entry, SessionDetail
from domain.sessions.state import Result
from infra.database import unit_of_work
from infra.ids import new_id
from infra.publishing import publish_committed

router = APIRouter(prefix="/v1", tags=["sessions"], route_class=StrictRoute)

SessionStatus = Literal["planned", "started", "done", "missed", "dropped"]
MOST_DAYS = 400
_BEFORE, _AHEAD = 7, 28  # days of a calendar for which nothing else is asked
_Pain = Annotated[int, Field(strict=True, ge=0, le=10)]
_EARLIEST, _LATEST = 2000, 2100  # years: what no calendar here can mean is no date


def _sane(value: date) -> date:
    if not _EARLIEST <= value.year <= _LATEST:
        raise ValueError("not a date of ours")
    return value


_Day = Annotated[date, AfterValidator(_sane)]
_Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f]*$")]


class EntryBody(BaseModel):
    """`scheduled_on` is the day it is on now, `planned_on` the one it was made for. `missed`: its day has passed, and
    it waits as an extra; `dropped`: it will not be done any more.
    """

    id: UUID
    program_id: UUID
    week: int
    number: int
    deload: bool
    scheduled_on: date
    planned_on: date
    minutes: float
    status: SessionStatus
    finished_at: datetime | None
    links: dict[str, str]


class CalendarBody(BaseModel):
    """`next_session_id`: what is to be done next; null where nothing is left, or a program is paused for safety."""

    next_session_id: UUID | None
    items: list[EntryBody]


class ResultBody(BaseModel):
    """What was done of one line; `exercise` is the one that was, after a swap. Pain and effort 0-10."""

    position: int
    exercise: str
    status: Literal["open", "done", "skipped"]
    sets: int | None
    reps: int | None
    seconds: int | None
    pain_during: int | None
    pain_after_24h: int | None
    effort: int | None
    reason: str | None
    note: str | None
    done_at: datetime | None


class SessionDetailBody(EntryBody):
    """`items` is what is prescribed; empty while the program is paused for safety and the session is not done."""

    user_id: UUID
    program_status: str
    started_at: datetime | None
    items: list[ItemBody]
    results: list[ResultBody]


class ReportedEvent(Body):
    """One thing that happened. `id` is the client's own (send the same one when in doubt), `at` its clock. Which other
    fields there are depends on `type`:
    exercise_done: position, and any of sets, reps, seconds, pain_during, effort, note; exercise_skipped: position,
    reason, note; exercise_swapped: position, exercise; pain_after: position, pain (24 hours later).
    """

    id: UUID
    at: Annotated[AwareDatetime, AfterValidator(_sane)]
    type: Literal["started", "exercise_done", "exercise_skipped", "exercise_swapped", "pain_after", "finished"]
    position: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    exercise: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")] | None = None
    sets: Annotated[int, Field(strict=True, ge=0, le=20)] | None = None
    reps: Annotated[int, Field(strict=True, ge=0, le=200)] | None = None
    seconds: Annotated[int, Field(strict=True, ge=0, le=7200)] | None = None
    pain_during: _Pain | None = None
    pain: _Pain | None = None
    effort: _Pain | None = None
    reason: SkipReason | None = None
    note: _Note | None = None

    @model_validator(mode="after")
    def _what_its_type_has(self) -> Self:
        needed, allowed = _FIELDS[self.type]
        given = self.model_dump(exclude_none=True).keys() - {"id", "at", "type"}
        if not needed <= given <= needed | allowed:
            raise ValueError("not the fields of this type")
        return self

    def event(self) -> Event:
        body = self.model_dump(exclude_none=True, exclude={"id", "at", "type", "position"})
        return Event(self.id, self.at.astimezone(UTC), self.type, self.position, body)


_FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "started": (set(), set()),
    "finished": (set(), set()),
    "exercise_done": ({"position"}, {"sets", "reps", "seconds", "pain_during", "effort", "note"}),
    "exercise_skipped": ({"position", "reason"}, {"note"}),
    "exercise_swapped": ({"position", "exercise"}, set()),
    "pain_after": ({"position", "pain"}, set()),
}


class Report(Body):
    events: list[ReportedEvent] = Field(
        min_length=1,
        max_length=200,
        examples=[
            [
                {"id": "019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a10", "at": "2026-11-22T12:00:00Z", "type": "started"},
                {
                    "id": "019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a11",
                    "at": "2026-11-22T12:05:00Z",
                    "type": "exercise_done",
                    "position": 1,
                    "sets": 2,
                    "reps": 10,
                    "pain_during": 2,
                    "effort": 5,
                },
            ]
        ],
    )


class RefusedBody(BaseModel):
    id: UUID
    code: Literal[
        "in_the_future",
        "too_old",
        "no_such_exercise",
        "not_an_alternative",
        "id_reused",
        "program_not_active",
        "too_many",
    ]
    message: str


class ReportBody(BaseModel):
    """Every event of the request is in exactly one of the lists. The job of `links` adapts the program."""

    accepted: list[UUID]
    known: list[UUID]
    refused: list[RefusedBody]
    status: SessionStatus
    links: dict[str, str]


class AlternativeBody(BaseModel):
    exercise: str
    name: str
    cue: str
    level: int
    equipment: list[str]


class AlternativeList(BaseModel):
    items: list[AlternativeBody]
    links: dict[str, str]


def _entry(entry: Entry) -> dict[str, Any]:
    names = [name for name in EntryBody.model_fields if name != "links"]
    links = {"self": f"/v1/sessions/{entry.id}", "program": f"/v1/programs/{entry.program_id}"}
    return {name: getattr(entry, name) for name in names} | {"links": links}


def _calendar(entries: list[Entry]) -> CalendarBody:
    first = next((entry.id for entry in entries if entry.status in ("planned", "started", "missed")), None)
    return CalendarBody(next_session_id=first, items=[EntryBody(**_entry(entry)) for entry in entries])


def _result(result: Result) -> ResultBody:
    return ResultBody.model_validate(result, from_attributes=True)


def _detail(found: SessionDetail) -> SessionDetailBody:
    return SessionDetailBody(
        **_entry(found.entry),
        user_id=found.user_id,
        program_status=found.program_status,
        started_at=found.started_at,
        items=[ItemBody.model_validate(item, from_attributes=True) for item in found.items],
        results=[_result(result) for result in found.results],
    )


@router.get("/sessions", summary="One's own calendar", responses=responses(401, 403, 422, 503))
def list_sessions(
    user: TenantUser,
    first: Annotated[_Day | None, Query(alias="from", description="First day. Default: a week ago.")] = None,
    last: Annotated[
        _Day | None, Query(alias="to", description="Last day. Default: four weeks after the first.")
    ] = None,
) -> CalendarBody:
    """The sessions of one's active program between two days, at most 400 apart. None while it is paused for safety."""
    begin = first or datetime.now(UTC).date() - timedelta(days=_BEFORE)
    end = last or begin + timedelta(days=_BEFORE + _AHEAD)
    with unit_of_work(user) as uow:
        return _calendar(uow.training.calendar(begin, min(end, begin + timedelta(days=MOST_DAYS))))


@router.get(
    "/programs/{program_id}/sessions",
    summary="Every session of a program, and what became of it",
    responses=responses(401, 403, 404, 503),
)
def list_program_sessions(program_id: UUID, user: TenantUser) -> CalendarBody:
    with unit_of_work(user) as uow:
        return _calendar(uow.training.of_program(program_id))


@router.get(
    "/sessions/{session_id}",
    summary="A session: what it prescribes, and what was done of it",
    responses=responses(401, 403, 404, 503),
)
def get_session(session_id: UUID, user: TenantUser) -> SessionDetailBody:
    with unit_of_work(user) as uow:
        return _detail(training.read(uow, session_id))


@router.post(
    "/sessions/{session_id}/events",
    summary="Report what happened in a session",
    response_model=ReportBody,
    responses=responses(400, 401, 403, 404, 413, 415, 422, 503),
)
def report_events(session_id: UUID, body: Report, user: TenantUser) -> Response:
    """Late, twice and out of order: an event is known by its `id`, and counts by its `at`. Times may be five minutes
    ahead of the server's and thirty days old; what is not is refused, event by event, and the others are taken.
    """
    events = [each.event() for each in body.events]
    with unit_of_work(user) as uow:
        found = training.report(uow, session_id, events, datetime.now(UTC), new_id())
    if found.job is not None:
        publish_committed(user, message_for(found.job))
    answer = ReportBody(
        accepted=[event.id for event in found.taken.new],
        known=list(found.taken.known),
        refused=[RefusedBody(id=r.id, code=r.code, message=REFUSALS[r.code]) for r in found.taken.refused],
        status=found.status,
        links={"session": f"/v1/sessions/{session_id}"}
        | ({} if found.job is None else {"job": f"/v1/jobs/{found.job.id}"}),
    )
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get(
    "/sessions/{session_id}/exercises/{position}/alternatives",
    summary="What may be done in an exercise's place",
    responses=responses(401, 403, 404, 503),
)
def list_alternatives(session_id: UUID, position: int, user: TenantUser) -> AlternativeList:
    """Of the same movement pattern, and safe for this person by the same rules that made the program."""
    with unit_of_work(user) as uow:
        program_id, found = training.alternatives(uow, session_id, position)
    items = [
        AlternativeBody(exercise=e.id, name=e.name, cue=e.cue, level=e.level, equipment=list(e.equipment))
        for e in found
    ]
    links = {"session": f"/v1/sessions/{session_id}", "program": f"/v1/programs/{program_id}"}
    return AlternativeList(items=items, links=links)
