"""What has come of it: scores over attempts, adherence and pain, as numbers for plots and as an image."""

from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from domain.errors import NotFound
from domain.tenancy import Context
from infra.database import unit_of_work

if TYPE_CHECKING:
    from domain.assessments.scoring import Change
    from domain.outcomes.records import Instrument, Outcomes, Point

router = APIRouter(prefix="/v1", tags=["outcomes"], route_class=StrictRoute)


class PointBody(BaseModel):
    at: datetime
    value: float


class ScorePoint(PointBody):
    """`band` by language; null where the scale has none."""

    attempt: int
    band: dict[str, str] | None


class ChangeBody(BaseModel):
    """`change` is now minus before, `percent` its size as a part of what was before. `matters`: whether it reaches the
    minimal important change; null where the instrument has none, or nothing can be said.
    """

    change: float
    percent: float | None
    improved: bool | None
    matters: bool | None


class MinimalChangeBody(BaseModel):
    """In points, as a part of the baseline (0.3 is 30 %), or both."""

    absolute: float | None
    relative: float | None
    source: str


class InstrumentBody(BaseModel):
    """One scale of one template. The changes are null where there is nothing to compare with."""

    template_id: str
    id: str
    label: dict[str, str]
    direction: str | None
    min: float | None
    max: float | None
    minimal_change: MinimalChangeBody | None
    series: list[ScorePoint]
    since_first: ChangeBody | None
    since_previous: ChangeBody | None


class WeekBody(BaseModel):
    """`begins_on` is a Monday. `percent` is at most 100, and null where nothing was due."""

    begins_on: date
    due: int
    done: int
    percent: int | None


class AdherenceBody(BaseModel):
    due: int
    done: int
    weeks: list[WeekBody]


class PainBody(BaseModel):
    """The worst of each finished session, 0-10. A session of which nobody said is not in it."""

    during: list[PointBody]
    after_24h: list[PointBody]


class OutcomesBody(BaseModel):
    """`as_of` is the person's today."""

    user_id: UUID
    as_of: date
    instruments: list[InstrumentBody]
    adherence: AdherenceBody
    pain: PainBody
    links: dict[str, str]


class SvgResponse(Response):
    media_type = "image/svg+xml"


def _read(user: Context, person: UUID) -> "Outcomes":
    from domain.services import outcomes  # noqa: PLC0415 - scoring is no part of what this section's others need

    with unit_of_work(user) as uow:
        return outcomes.read(uow, person)


def _self(user: Context) -> UUID:
    if user.user_id is None:
        raise NotFound
    return user.user_id


def _change(found: "Change | None") -> ChangeBody | None:
    from domain.outcomes.trends import matters  # noqa: PLC0415 - as above

    if found is None:
        return None
    return ChangeBody(change=found.change, percent=found.percent, improved=found.improved, matters=matters(found))


def _points(points: "tuple[Point, ...]") -> list[PointBody]:
    return [PointBody(at=each.at, value=each.value) for each in points]


def _instrument(found: "Instrument") -> InstrumentBody:
    scale, minimal = found.latest, found.latest.minimal_change
    return InstrumentBody(
        template_id=found.template,
        id=scale.id,
        label=dict(scale.label),
        direction=scale.direction,
        min=scale.min,
        max=scale.max,
        minimal_change=minimal
        and MinimalChangeBody(absolute=minimal.absolute, relative=minimal.relative, source=minimal.source),
        series=[ScorePoint(at=p.at, value=p.value, attempt=p.attempt or 0, band=p.band) for p in found.series],
        since_first=_change(found.since_first),
        since_previous=_change(found.since_previous),
    )


def _body(found: "Outcomes", at: str) -> OutcomesBody:
    weeks = [WeekBody(begins_on=w.begins_on, due=w.due, done=w.done, percent=w.percent) for w in found.weeks]
    return OutcomesBody(
        user_id=found.person,
        as_of=found.as_of,
        instruments=[_instrument(each) for each in found.instruments],
        adherence=AdherenceBody(due=sum(w.due for w in weeks), done=sum(w.done for w in weeks), weeks=weeks),
        pain=PainBody(during=_points(found.pain_during), after_24h=_points(found.pain_after)),
        links={"self": at, "svg": f"{at}.svg"},
    )


def _image(found: "Outcomes") -> SvgResponse:
    from domain.outcomes.drawing import svg  # noqa: PLC0415 - few ask for it

    return SvgResponse(svg(found), headers={"Cache-Control": "no-store"})


@router.get("/me/outcomes", summary="One's own outcomes", responses=responses(401, 403, 404, 503))
def get_my_outcomes(user: TenantUser) -> OutcomesBody:
    """Scores over attempts with their change against the minimal important change, sessions done by week, and pain."""
    return _body(_read(user, _self(user)), "/v1/me/outcomes")


@router.get(
    "/me/outcomes.svg",
    summary="One's own outcomes as an image",
    response_class=SvgResponse,
    responses=responses(401, 403, 404, 503),
)
def draw_my_outcomes(user: TenantUser) -> SvgResponse:
    """An SVG image with a description in words; the last twelve weeks of sessions."""
    return _image(_read(user, _self(user)))


@router.get(
    "/business/members/{user_id}/outcomes", summary="A member's outcomes", responses=responses(401, 403, 404, 503)
)
def get_member_outcomes(user_id: UUID, user: TenantUser) -> OutcomesBody:
    """For clinicians and those who run the business. Each read is on record."""
    return _body(_read(user, user_id), f"/v1/business/members/{user_id}/outcomes")


@router.get(
    "/business/members/{user_id}/outcomes.svg",
    summary="A member's outcomes as an image",
    response_class=SvgResponse,
    responses=responses(401, 403, 404, 503),
)
def draw_member_outcomes(user_id: UUID, user: TenantUser) -> SvgResponse:
    """As above. Each read is on record."""
    return _image(_read(user, user_id))
