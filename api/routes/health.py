"""Live: the process answers. Ready: it can do its work."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.errors import responses
from domain.errors import Unavailable
from infra import pools

router = APIRouter(prefix="/v1/health", tags=["health"])


class Health(BaseModel):
    status: Literal["ok"]


@router.get("/live", summary="Whether the process answers")
def live() -> Health:
    return Health(status="ok")


@router.get("/ready", summary="Whether the service can do its work", responses=responses(503))
def ready() -> Health:
    if not pools.is_ready():
        raise Unavailable("not ready")
    return Health(status="ok")
