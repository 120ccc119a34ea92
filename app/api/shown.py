"""Pictures for endpoints that fetch them: by an address that was signed for one call and soon expires."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api.deps import ResourcesDep
from app.services.showing import fetch_shown, open_ticket

router = APIRouter(tags=["images"])


@router.get(
    "/shown/{ticket}", response_class=Response, responses={200: {"content": {"image/jpeg": {}}, "description": "JPEG."}}
)
async def get_shown(resources: ResourcesDep, ticket: str) -> Response:
    """The picture of a signed address, as jobs with `vision: {"images": "url"}` give it to the model; needs no key."""
    data = await fetch_shown(resources, open_ticket(ticket, resources.settings))
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=300"}
    return Response(data, media_type="image/jpeg", headers=headers)
