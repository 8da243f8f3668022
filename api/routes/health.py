"""Live: the process answers, and nothing else is looked at. Ready: it can do its work."""

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.errors import responses
from domain.errors import Unavailable
from infra import pools, queue

router = APIRouter(prefix="/v1/health", tags=["health"])


class Health(BaseModel):
    status: Literal["ok"]


class Readiness(BaseModel):
    """`degraded`: the queue does not answer. Submissions are taken all the same, and worked on when it does again."""

    status: Literal["ok", "degraded"]


@router.get("/live", summary="Whether the process answers")
async def live() -> Health:
    # Not in a thread: those may all be busy with a database that keeps quiet.
    return Health(status="ok")


@router.get("/ready", summary="Whether the service can do its work", responses=responses(503))
async def ready() -> Readiness:
    """503 without a database that answers within two seconds, with an older schema than this release needs, or with no
    connection free within a second. A queue that is down is no reason to send clients away: what they submit is
    committed and published later.
    """
    if not await asyncio.to_thread(pools.is_ready):
        raise Unavailable("not ready")
    return Readiness(status="ok" if await asyncio.to_thread(queue.reachable) else "degraded")
