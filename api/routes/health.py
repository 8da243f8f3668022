"""Live: the process answers. Ready: it can do its work."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from infra import database

router = APIRouter(prefix="/v1/health", tags=["health"])


class Health(BaseModel):
    status: Literal["ok", "unavailable"]


@router.get("/live", summary="Whether the process answers")
def live() -> Health:
    return Health(status="ok")


@router.get("/ready", summary="Whether the service can do its work", responses={503: {"model": Health}})
def ready(response: Response) -> Health:
    if database.is_ready():
        return Health(status="ok")
    response.status_code = 503
    return Health(status="unavailable")
