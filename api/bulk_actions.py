"""A bulk action on the wire."""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field, StrictBool, model_validator

from api.headers import etag
from api.imports import ImportProgress
from api.models import Body
from domain.bulk_actions.model import (
    ALLOWED,
    Action,
    BulkAction,
    Format,
    MemberStatus,
    Options,
    Order,
    Person,
    Preview,
    ShownOutcome,
    Status,
)
from domain.bulk_actions.reasons import message
from domain.cohorts import Filter
from domain.imports.faults import FILE_FAULTS
from domain.imports.progress import progress_of_run

_HREFS = {
    "assessment": "/v1/assessments/{}", "program": "/v1/programs/{}", "session": "/v1/sessions/{}",
    "reassessment": "/v1/programs/{}", "user": "/v1/business/members/{}",
}  # fmt: skip
_PATH = "/v1/business/bulk-actions"


class NewBulkAction(Body):
    """For whom: `filter`, or that of a saved view. `template_id`: what is assigned; of regenerate, only programs from
    it. `again`: assign it also to who has handed it in before. `format`: of an export. To execute takes
    `expected_count`, the `count` of a dry run, and an Idempotency-Key.
    """

    action: Action = Field(examples=["remind"])
    filter: Filter | None = Field(None, examples=[{"role": ["member"], "adherence_below": 50}])
    view_id: UUID | None = None
    template_id: Annotated[str | None, Field(max_length=64, pattern=r"^[a-z][a-z0-9-]*$")] = None
    again: StrictBool = False
    format: Format = "csv"
    dry_run: StrictBool = True
    expected_count: int | None = Field(None, strict=True, ge=0)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.filter is None) == (self.view_id is None):
            raise ValueError("for whom is either a filter or a view")
        if self.action == "assign" and self.template_id is None:
            raise ValueError("to assign takes a template")
        if self.action not in ("assign", "regenerate") and self.template_id is not None:
            raise ValueError("this action takes no template")
        if not self.dry_run and self.expected_count is None:
            raise ValueError("to execute takes the count of a dry run")
        return self

    def order(self, wanted: Filter) -> Order:
        options = Options(self.template_id, self.again, self.format)
        return Order(self.action, wanted, options, self.expected_count or 0)

    def hash(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Reason(BaseModel):
    code: str
    message: str


class ReasonCount(Reason):
    count: int


class PersonBody(BaseModel):
    user_id: UUID
    external_id: str | None
    email: str
    name: str
    href: str


class SampledMember(BaseModel):
    """`reason` is null where it would be done."""

    member: PersonBody
    reason: Reason | None


class PreviewBody(BaseModel):
    """`count` is whom the filter means; `will_do` of these, and why not the others. `sample`: the first of each."""

    dry_run: Literal[True] = True
    action: Action
    count: int
    will_do: int
    skipped: list[ReasonCount]
    sample: list[SampledMember]


class ActionCounts(BaseModel):
    done: int
    skipped: int
    failed: int


class BulkActionBody(BaseModel):
    """`filter` as it was, but for what said who somebody is: of that `narrowed_by` has the names. `progress` in
    members; `links` say what can be done now.
    """

    id: UUID
    action: Action
    filter: dict[str, Any]
    narrowed_by: list[str]
    template_id: str | None
    again: bool
    format: Format
    status: Status
    revision: int
    progress: ImportProgress
    counts: ActionCounts
    error: Reason | None
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    links: dict[str, str]


class MemberResult(BaseModel):
    type: str
    id: UUID
    href: str


class MemberOutcome(BaseModel):
    """`reason`: why it was not done, or what else there is to say. `result`: what it was done to."""

    number: int
    member: PersonBody
    status: MemberStatus
    reason: Reason | None
    result: MemberResult | None


_SAME = frozenset(
    {"id", "action", "filter", "status", "revision", "created_by", "created_at", "updated_at", "finished_at"}
)


def body_of(found: BulkAction) -> BulkActionBody:
    done, is_over = min(found.worked_on, found.to_do), found.status == "completed"
    goes = found.status == "running"
    progress = progress_of_run(found, done, found.to_do, datetime.now(UTC), goes=goes, is_over=is_over)
    fields = {name: getattr(found, name) for name in _SAME} | {
        "narrowed_by": found.narrowed,
        "template_id": found.options.template,
        "again": found.options.again,
        "format": found.options.format,
        "progress": {name: getattr(progress, name) for name in ImportProgress.model_fields},
        "counts": {name: getattr(found, name) for name in ActionCounts.model_fields},
        "error": found.error_code and Reason(code=found.error_code, message=FILE_FAULTS[found.error_code]),
        "links": _links(found),
    }
    return BulkActionBody.model_validate(fields)


def _links(found: BulkAction) -> dict[str, str]:
    at = f"{_PATH}/{found.id}"
    can = {step: f"{at}/{step}" for step, states in ALLOWED.items() if found.status in states}
    links = {"self": at, "events": f"{at}/events", "members": f"{at}/members", "results": f"{at}/results"} | can
    return links | ({"file": f"{at}/file"} if found.action == "export" and found.status == "completed" else {})


def preview_body(order: Order, found: Preview) -> PreviewBody:
    skipped = [ReasonCount(code=code, message=message(code), count=n) for code, n in found.reasons.items()]
    sample = [SampledMember(member=_person(each.person), reason=_reason(each.code)) for each in found.sample]
    return PreviewBody(action=order.action, count=found.count, will_do=found.will_do, skipped=skipped, sample=sample)


def outcome_body(shown: ShownOutcome) -> MemberOutcome:
    outcome, result = shown.outcome, None
    if outcome.result_type is not None and outcome.result_id is not None:
        href = _HREFS[outcome.result_type].format(outcome.result_id)
        result = MemberResult(type=outcome.result_type, id=outcome.result_id, href=href)
    return MemberOutcome(
        number=outcome.number,
        member=_person(shown.person),
        status=outcome.status,
        reason=_reason(outcome.code),
        result=result,
    )


def _person(person: Person) -> PersonBody:
    return PersonBody(
        user_id=person.user_id,
        external_id=person.external_id,
        email=person.email,
        name=person.name,
        href=_HREFS["user"].format(person.user_id),
    )


def _reason(code: str | None) -> Reason | None:
    return None if code is None else Reason(code=code, message=message(code))


def action_response(found: BulkAction, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    usual = headers_of(found) | (headers or {})
    return Response(body_of(found).model_dump_json(), status, usual, "application/json")


def headers_of(found: BulkAction) -> dict[str, str]:
    return {"ETag": etag(found.revision), "Cache-Control": "private, no-cache"}
