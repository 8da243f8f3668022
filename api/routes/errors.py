"""The pages that a problem's `type` points to."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.bodies import StrictRoute
from api.errors import HttpProblem, catalogue, responses

router = APIRouter(prefix="/v1/errors", tags=["errors"], route_class=StrictRoute)


class ErrorPage(BaseModel):
    code: str
    status: int
    title: str
    detail: str


@router.get("/{code}", summary="What an error code means and what to do", responses=responses(404))
def get_error(code: str) -> ErrorPage:
    for page in catalogue():
        if page.code == code:
            return ErrorPage(code=page.code, status=page.status, title=page.title, detail=page.detail)
    raise HttpProblem("no_such_route")
