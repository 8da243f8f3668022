"""The way back for somebody who has asked to be erased, and so cannot sign in."""

from fastapi import APIRouter
from pydantic import Field

from api.bodies import StrictRoute
from api.context import request_id
from api.errors import responses
from api.models import Body
from domain.errors import NotFound
from domain.services.emails import hash_of
from infra import erasure

router = APIRouter(prefix="/v1/erasures", tags=["me"], route_class=StrictRoute)


class Keep(Body):
    token: str = Field(
        min_length=20,
        max_length=200,
        description="From the link in the e-mail.",
        examples=["xr0aWk1uJ4c8mPq2vB7sTfZ5"],
    )


@router.post(
    "/cancel",
    summary="Take back one's erasure",
    status_code=204,
    responses=responses(400, 404, 413, 415, 422, 503),
)
def cancel_erasure(body: Keep) -> None:
    """One can sign in again. 404 for a token that is none, or whose erasure has been carried out or taken back."""
    if not erasure.cancel(hash_of(body.token), request_id()):
        raise NotFound
