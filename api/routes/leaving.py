"""End one's own membership."""

from fastapi import APIRouter, Response

from api.auth import TenantUser
from api.bodies import StrictRoute
from api.errors import responses
from domain.services import members
from infra import standing
from infra.database import unit_of_work

router = APIRouter(prefix="/v1/me", tags=["me"], route_class=StrictRoute)


@router.post("/leave", summary="Leave the business", status_code=204, responses=responses(401, 403, 409, 429, 503))
def leave(user: TenantUser) -> Response:
    """What the business has to keep of one's records stays there. The last owner cannot leave: transfer it first."""
    with unit_of_work(user) as uow:
        member = members.leave(uow)
    standing.reflect(member)
    return Response(status_code=204)
