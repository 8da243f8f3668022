"""Replays: ordered here, carried out by the workers, one letter at a time."""

import hashlib
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.auth import OperatorUser
from api.bodies import StrictRoute
from api.errors import responses
from api.headers import IdempotencyKey
from api.models import Body
from api.paging import Cursor, Limit, ListBody, Paging
from api.routes.ops_dead_letters import Fingerprint, LetterBody, LetterFilterBody
from api.routes.ops_jobs import Reason
from domain.dead_letters import LetterFilter
from domain.replays import MAX_LETTERS, MAX_RATE, Canary, Mode, Order, Replay, Selector, State
from domain.services import replays
from infra.database import operations
from infra.ids import new_id

router = APIRouter(prefix="/v1/ops/replays", tags=["operations"], route_class=StrictRoute)


class SelectorFilter(LetterFilterBody):
    """The query of the list as a body, where a number is no text."""

    model_config = ConfigDict(extra="forbid")

    replays: int | None = Field(None, strict=True, ge=0, le=1_000_000, description="Replayed exactly this often.")


class SelectorBody(Body):
    """One of the three. A fingerprint or a filter finds open letters only."""

    ids: list[UUID] | None = Field(None, min_length=1, max_length=1000)
    fingerprint: Fingerprint | None = None
    filter: SelectorFilter | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1 or not any((self.ids, self.fingerprint, self.filter)):
            raise ValueError("exactly one of ids, fingerprint and filter")
        return self

    def selector(self) -> Selector:
        wanted = self.filter.model_dump() if self.filter else {"fingerprint": self.fingerprint}
        return Selector(tuple(sorted(set(self.ids or ()))), LetterFilter(**wanted))


class CanaryBody(Body):
    """The first letters go alone, and the rest only where no more than this share of them failed."""

    first: int = Field(strict=True, ge=1, le=1000, examples=[10])
    max_failure_share: float = Field(strict=True, ge=0, lt=1, examples=[0.1])


class OrderReplay(Body):
    """`dry_run` tells what would be replayed, `shadow` tries each letter and undoes it, `execute` puts the jobs back.
    `expected_count` is the `count` of a dry run, and required to execute. `max`: no more letters than this, oldest
    first. `rate`: letters a second.
    """

    selector: SelectorBody
    mode: Mode = "dry_run"
    expected_count: int | None = Field(None, strict=True, ge=0)
    max: int = Field(1000, strict=True, ge=1, le=MAX_LETTERS)
    rate: float = Field(5.0, strict=True, gt=0, le=MAX_RATE)
    canary: CanaryBody | None = None
    reason: Reason = Field(examples=["Release 1.4.2 has the missing rule."])

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.mode == "execute" and self.expected_count is None:
            raise ValueError("to execute takes the count of a dry run")
        return self

    def order(self, key: str) -> Order:
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return Order(
            selector=self.selector.selector(),
            mode=self.mode,
            reason=self.reason,
            expected_count=self.expected_count,
            most=self.max,
            rate=self.rate,
            canary=Canary(**self.canary.model_dump()) if self.canary else None,
            key=key,
            request_hash=hashlib.sha256(self.model_dump_json().encode()).hexdigest(),
            document=document["selector"],
        )


class ShareBody(BaseModel):
    kind: str | None
    tenant_id: UUID | None
    tenant: str | None
    count: int


class DryRunBody(BaseModel):
    """`count`: letters that the selector finds. `taken`: of those, as many as `max` lets. `over_limit`: replayed so
    often that a second operator has to confirm. `sample`: the oldest.
    """

    mode: Literal["dry_run"] = "dry_run"
    count: int
    taken: int
    over_limit: int
    shares: list[ShareBody]
    sample: list[LetterBody]


class ReplayBody(BaseModel):
    """`outcomes`: letters by what became of them: pending, replayed (its job is on its way), succeeded, failed,
    canceled, died (again), skipped (`skipped` says why), and of a shadow would_succeed, same_error, other_error.
    `settled`: nothing more will change. State `waiting`: for a second operator; `stopped`: by its canary.
    """

    id: UUID
    mode: Literal["shadow", "execute"]
    state: State
    selector: dict[str, Any]
    reason: str
    operator_id: UUID
    confirmed_by: UUID | None
    total: int
    rate: float
    canary: CanaryBody | None
    canary_passed: bool
    created_at: datetime
    finished_at: datetime | None
    outcomes: dict[str, int]
    skipped: dict[str, int]
    settled: bool
    links: dict[str, str]

    @classmethod
    def of(cls, replay: Replay) -> Self:
        here = f"/v1/ops/replays/{replay.id}"
        facts = asdict(replay)
        first, share = facts.pop("canary_first"), facts.pop("canary_share")
        canary = None if first is None else CanaryBody(first=first, max_failure_share=share)
        links = {"self": here, "letters": f"{here}/letters"}
        return cls(**facts, canary=canary, settled=replay.settled, links=links)


class ReplayList(ListBody):
    items: list[ReplayBody]


class ReplayedLetterBody(BaseModel):
    """`report`: of a shadow: `rows` it would have written by table, or `code`, `error_class` and `frames`."""

    letter_id: UUID
    tenant_id: UUID | None
    position: int
    outcome: str
    reason: str | None
    report: dict[str, Any] | None
    replayed_at: datetime | None
    ended_at: datetime | None


class ReplayedLetters(ListBody):
    items: list[ReplayedLetterBody]


_ORDERED: dict[int | str, dict[str, Any]] = {
    200: {"model": DryRunBody, "description": "A dry run, or what this key has ordered before"},
    202: {"model": ReplayBody, "description": "Ordered"},
}
_MOVE = responses(401, 403, 404, 409, 503)


@router.post(
    "",
    summary="Replay dead letters, or see what that would do",
    responses=responses(400, 401, 403, 409, 412, 413, 415, 422, 503) | _ORDERED,
    response_class=Response,
)
def order_replay(body: OrderReplay, who: OperatorUser, key: IdempotencyKey) -> Response:
    """A dry run answers at once and changes nothing. Else 202, and the workers do it: follow Location. 412 where the
    selector does not find `expected_count` letters any more.
    """
    order = body.order(key)
    with operations(who) as work:
        if body.mode == "dry_run":
            found = replays.look(work, order)
            sample = [LetterBody.of(letter) for letter in found.sample]
            shown = DryRunBody(**asdict(found) | {"sample": sample})
            return Response(shown.model_dump_json(), 200, media_type="application/json")
        replay, replayed = replays.start(work, order, new_id())
    headers = {"Location": f"/v1/ops/replays/{replay.id}"} | ({"Idempotent-Replayed": "true"} if replayed else {})
    made = ReplayBody.of(replay).model_dump_json()
    return Response(made, 200 if replayed else 202, headers, "application/json")


@router.get(
    "", summary="Replays, newest first", response_model=ReplayList, responses=responses(400, 401, 403, 422, 503)
)
def list_replays(who: OperatorUser, limit: Limit = 50, cursor: Cursor = None) -> Response:
    paging = Paging("/v1/ops/replays", who, limit, cursor)
    with operations(who) as work:
        page = replays.page(work, paging.window)
    return paging.respond(ReplayList, page, [ReplayBody.of(replay) for replay in page.items])


@router.get("/{replay_id}", summary="How a replay is doing", responses=responses(401, 403, 404, 503))
def get_replay(replay_id: UUID, who: OperatorUser) -> ReplayBody:
    with operations(who) as work:
        return ReplayBody.of(replays.read(work, replay_id))


@router.get(
    "/{replay_id}/letters",
    summary="What became of each letter of a replay",
    response_model=ReplayedLetters,
    responses=responses(400, 401, 403, 404, 422, 503),
)
def list_replayed_letters(
    replay_id: UUID,
    who: OperatorUser,
    limit: Limit = 50,
    cursor: Cursor = None,
    outcome: Annotated[str | None, Query(pattern=r"^[a-z_]{1,20}$")] = None,
) -> Response:
    paging = Paging(f"/v1/ops/replays/{replay_id}/letters", who, limit, cursor, {"outcome": outcome} if outcome else {})
    with operations(who) as work:
        page = replays.letters(work, replay_id, paging.window, outcome)
    return paging.respond(ReplayedLetters, page, [ReplayedLetterBody(**asdict(each)) for each in page.items])


@router.post("/{replay_id}/pause", summary="Hold a replay", responses=_MOVE)
def pause_replay(replay_id: UUID, who: OperatorUser) -> ReplayBody:
    """Jobs that were put back go on; no other is."""
    return _moved(who, replay_id, "pause")


@router.post("/{replay_id}/resume", summary="Go on with a replay that is held", responses=_MOVE)
def resume_replay(replay_id: UUID, who: OperatorUser) -> ReplayBody:
    return _moved(who, replay_id, "resume")


@router.post("/{replay_id}/cancel", summary="End a replay early", responses=_MOVE)
def cancel_replay(replay_id: UUID, who: OperatorUser) -> ReplayBody:
    """Jobs that were put back go on; the other letters stay as they are."""
    return _moved(who, replay_id, "cancel")


@router.post("/{replay_id}/confirm", summary="Agree to a colleague's replay", responses=_MOVE)
def confirm_replay(replay_id: UUID, who: OperatorUser) -> ReplayBody:
    """For one that waits for a second operator. 409 `second_operator_needed` for who has ordered it."""
    return _moved(who, replay_id, "confirm")


def _moved(who: OperatorUser, replay_id: UUID, action: str) -> ReplayBody:
    with operations(who) as work:
        return ReplayBody.of(replays.move(work, replay_id, action))
