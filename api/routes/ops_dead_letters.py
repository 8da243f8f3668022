"""Dead letters: what died, why, how many of a kind, and what is done about it."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from api.auth import OperatorUser
from api.bodies import StrictRoute
from api.errors import responses
from api.models import Body
from api.paging import ListBody, Paging
from api.routes.ops_jobs import AttemptBody, ListQuery, Reason, Word
from domain.dead_letters import DeadLetter, Group, Grouping, KeptMessage, LetterFilter, State, redacted
from domain.services import dead_letters
from infra.database import operations

router = APIRouter(prefix="/v1/ops/dead-letters", tags=["operations"], route_class=StrictRoute)

Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class LetterFilterBody(BaseModel):
    """All that is given must hold. Times are of when it was last seen."""

    queue: Word | None = Field(None, examples=["scoring"])
    kind: Word | None = Field(None, examples=["assessment"])
    stage: Word | None = Field(None, examples=["generating"])
    tenant_id: UUID | None = None
    code: Word | None = Field(None, examples=["unexpected_error"])
    fingerprint: Fingerprint | None = None
    release: Word | None = None
    replays: int | None = Field(None, ge=0, le=1_000_000, description="Replayed exactly this often.")
    since: AwareDatetime | None = Field(None, alias="from", description="At this time or later.")
    until: AwareDatetime | None = Field(None, alias="to", description="Before this time.")


class LettersQuery(ListQuery, LetterFilterBody):
    state: State | None = None

    def filter(self) -> LetterFilter:
        return LetterFilter(**self.model_dump(exclude={"limit", "cursor"}))


class GroupsQuery(LetterFilterBody):
    by: Grouping = "fingerprint"
    state: State | None = None
    limit: int = Field(100, ge=1, le=500)

    def filter(self) -> LetterFilter:
        return LetterFilter(**self.model_dump(exclude={"limit", "by"}))


class LetterBody(BaseModel):
    """`tenant_id` and `job_id` are null for a message that names no job. `resolution`: how the job ended.
    `signature` is what letters of one fingerprint have in common: code, class of the error, our innermost frames.
    """

    id: UUID
    tenant_id: UUID | None
    tenant: str | None
    job_id: UUID | None
    kind: str | None
    stage: str | None
    queue: str | None
    correlation_id: str | None
    error_code: str
    error_class: str | None
    frames: list[str] | None
    signature: str
    fingerprint: str
    release: str
    state: State
    resolution: str | None
    times_seen: int
    replays: int
    first_seen_at: datetime
    last_seen_at: datetime
    links: dict[str, str]

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        here = f"/v1/ops/dead-letters/{letter.id}"
        links = {"self": here, "diff": f"{here}/diff", "group": f"/v1/ops/dead-letters/groups/{letter.fingerprint}"}
        if letter.job_id is not None:
            links["job"] = f"/v1/ops/jobs/{letter.job_id}"
        return cls(**asdict(letter), links=links)


class LetterList(ListBody):
    items: list[LetterBody]


class MessageBody(BaseModel):
    """A message that was taken from a dead-letter queue. `payload`: its shape, with every value masked that came from
    outside; `POST .../reveal` shows the rest.
    """

    message_id: str
    queue: str
    size: int = Field(description="Bytes.")
    sha256: str
    arrived_at: datetime
    payload: dict[str, Any]

    @classmethod
    def of(cls, message: KeptMessage) -> Self:
        facts = asdict(message)
        del facts["envelope"]
        return cls(**facts, payload=redacted(message))


class EventBody(BaseModel):
    at: datetime
    operator_id: UUID
    action: Literal["discarded", "restored", "revealed", "replayed"]
    reason: str


class LetterDetail(LetterBody):
    """With the attempts of its stage, its messages and what operators did to it, oldest first."""

    attempts: list[AttemptBody]
    messages: list[MessageBody]
    events: list[EventBody]


class Difference(BaseModel):
    """What changed from one attempt to the next: name -> [before, after]."""

    stage: str
    before: int
    after: int
    changes: dict[str, list[Any]]


class Differences(BaseModel):
    items: list[Difference]


class NoteBody(BaseModel):
    at: datetime
    by: UUID
    text: str


class GroupBody(BaseModel):
    """Letters with one `value`. `open` of them wait. State, releases and notes are of fingerprints only: `resolved` in
    a release, and `reopened` in the one where it came again.
    """

    value: str
    label: str
    letters: int
    open: int
    tenants: int
    first_seen_at: datetime
    last_seen_at: datetime
    state: Literal["open", "resolved", "reopened"] | None
    resolved_in: str | None
    reopened_in: str | None
    notes: list[NoteBody]

    @classmethod
    def of(cls, group: Group) -> Self:
        return cls(**asdict(group))


class GroupList(BaseModel):
    items: list[GroupBody]


class Why(Body):
    reason: Reason = Field(description="For whoever looks at this later.", examples=["Mended in release 1.4.2."])


class AddNote(Body):
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)] = Field(
        examples=["The library of 1.4.1 lacks a rule. See the incident of the 22nd."]
    )


class ResolveGroup(Body):
    release: Word = Field(description="The release that mends it.", examples=["1.4.2"])


class RevealedBody(BaseModel):
    """The newest message as it came. `text` is what of it is UTF-8; `truncated` where more came than is kept."""

    message_id: str
    queue: str
    size: int
    sha256: str
    arrived_at: datetime
    text: str
    truncated: bool


class Revealed(BaseModel):
    message: RevealedBody | None = Field(description="Null for a job that died without a message.")


_READ = responses(400, 401, 403, 422, 503)
_CHANGE = responses(400, 401, 403, 404, 409, 413, 415, 422, 503)


@router.get("", summary="Dead letters, last seen first", response_model=LetterList, responses=_READ)
def list_dead_letters(who: OperatorUser, wanted: Annotated[LettersQuery, Query()]) -> Response:
    """Of every tenant. No value of anybody's answers is in any of them."""
    paging = Paging("/v1/ops/dead-letters", who, wanted.limit, wanted.cursor, wanted.given())
    with operations(who) as work:
        page = dead_letters.page(work, paging.window, wanted.filter())
    return paging.respond(LetterList, page, [LetterBody.of(letter) for letter in page.items])


@router.get("/groups", summary="Dead letters in groups", responses=_READ)
def list_dead_letter_groups(who: OperatorUser, wanted: Annotated[GroupsQuery, Query()]) -> GroupList:
    """Those with most letters that wait come first."""
    with operations(who) as work:
        groups = dead_letters.groups(work, wanted.by, wanted.filter(), wanted.limit)
    return GroupList(items=[GroupBody.of(group) for group in groups])


@router.get("/groups/{fingerprint}", summary="One group by fingerprint", responses=responses(401, 403, 404, 422, 503))
def get_dead_letter_group(fingerprint: Fingerprint, who: OperatorUser) -> GroupBody:
    with operations(who) as work:
        return GroupBody.of(dead_letters.group(work, fingerprint))


@router.post("/groups/{fingerprint}/notes", summary="Add a note to a group", status_code=201, responses=_CHANGE)
def add_dead_letter_note(fingerprint: Fingerprint, body: AddNote, who: OperatorUser) -> GroupBody:
    """Notes are for operators and hold nobody's health data."""
    with operations(who) as work:
        return GroupBody.of(dead_letters.note(work, fingerprint, body.text))


@router.post("/groups/{fingerprint}/resolve", summary="Say which release mends a group", responses=_CHANGE)
def resolve_dead_letter_group(fingerprint: Fingerprint, body: ResolveGroup, who: OperatorUser) -> GroupBody:
    """Its letters stay as they are: replay them. The next one opens the group again."""
    with operations(who) as work:
        return GroupBody.of(dead_letters.resolve(work, fingerprint, body.release))


@router.get("/{letter_id}", summary="One dead letter", responses=responses(401, 403, 404, 503))
def get_dead_letter(letter_id: UUID, who: OperatorUser) -> LetterDetail:
    """With attempts and their stacks, messages with masked payloads, and what was done about it."""
    with operations(who) as work:
        view = dead_letters.view(work, letter_id)
    return LetterDetail(
        **LetterBody.of(view.letter).model_dump(),
        attempts=[AttemptBody.of(each) for each in view.attempts],
        messages=[MessageBody.of(each) for each in view.messages],
        events=[EventBody(**asdict(each)) for each in view.events],
    )


@router.get("/{letter_id}/diff", summary="What changed between attempts", responses=responses(401, 403, 404, 503))
def diff_dead_letter(letter_id: UUID, who: OperatorUser) -> Differences:
    """One entry for each two attempts of a stage that follow each other, of all stages of its job."""
    with operations(who) as work:
        return Differences.model_validate({"items": dead_letters.diff(work, letter_id)})


@router.post("/{letter_id}/reveal", summary="Show a dead letter's message as it came", responses=_CHANGE)
def reveal_dead_letter(letter_id: UUID, body: Why, who: OperatorUser) -> Revealed:
    """On record with its reason, in the log of the letter's tenant."""
    with operations(who) as work:
        found = dead_letters.reveal(work, letter_id, body.reason)
    if found is None:
        return Revealed(message=None)
    facts = asdict(found)
    raw = facts.pop("body")
    return Revealed(message=RevealedBody(**facts, text=raw.decode("utf-8", "replace"), truncated=len(raw) < found.size))


@router.post("/{letter_id}/discard", summary="Put a dead letter out of the way", responses=_CHANGE)
def discard_dead_letter(letter_id: UUID, body: Why, who: OperatorUser) -> LetterBody:
    """No replay takes it then. Its job stays as it is: to end it, cancel the job. 409 unless the letter is open."""
    with operations(who) as work:
        return LetterBody.of(dead_letters.discard(work, letter_id, body.reason))


@router.post("/{letter_id}/restore", summary="Take a discarded dead letter back", responses=_CHANGE)
def restore_dead_letter(letter_id: UUID, body: Why, who: OperatorUser) -> LetterBody:
    with operations(who) as work:
        return LetterBody.of(dead_letters.restore(work, letter_id, body.reason))
