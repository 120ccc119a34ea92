"""The history of a pair over HTTP: what was changed, shown as differences, and taken back."""

from typing import Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.deps import ResourcesDep, accept_json, begin_reading
from app.api.idempotency import IdempotencyKeyHeader, answer_once
from app.api.pages import answer_json, read_etags
from app.api.pairs import PairView
from app.api.reviews import ReviewerBody, name_reviewer
from app.ids import decode_id
from app.services.edit_history import take_back, view_edits

router = APIRouter(tags=["pairs"], dependencies=[Depends(accept_json)])


class EditView(BaseModel):
    """A change of a pair's texts."""

    id: str
    object: Literal["pair_edit"] = "pair_edit"
    pair_id: str
    kind: Literal["repair", "edit", "rule", "undo", "retranslation"]
    rule: str | None = Field(description="The rule that made it, for a repair or a rule of a person.")
    author: str | None
    note: str | None
    before: dict[str, str]
    after: dict[str, str]
    diff: dict[str, Any] = Field(description="Of both halves: steps that are equal, deleted or inserted.")
    undoes: str | None
    undone_by: str | None
    created_at: str


class EditList(BaseModel):
    object: Literal["list"] = "list"
    data: list[EditView]
    has_more: bool = False
    next_cursor: None = None


@router.get("/pairs/{pair_id}/edits", responses={200: {"model": EditList}})
async def get_edits(resources: ResourcesDep, pair_id: str) -> Response:
    """Every change of a pair, the first one first; what stood before that one is what the model wrote."""
    async with begin_reading(resources) as session:
        shown = await view_edits(session, decode_id("pair", pair_id))
    return answer_json({"object": "list", "data": shown, "has_more": False, "next_cursor": None})


@router.post("/pairs/{pair_id}/edits/{edit_id}/undo", responses={200: {"model": PairView}})
async def undo_pair_edit(
    request: Request,
    resources: ResourcesDep,
    pair_id: str,
    edit_id: str,
    body: ReviewerBody | None = None,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Put back what stood before a change, where nothing was changed since; `If-Match` names the pair's etag.

    The change stays in the history with an `undo` of it. A repair that was taken back is not done again by a rerun.
    """
    pair, edit = decode_id("pair", pair_id), decode_id("edit", edit_id)
    etags = read_etags(request.headers.get("if-match"))
    note = None if body is None else body.note

    async def undo(session: AsyncSession) -> Response:
        shown = await take_back(
            session, pair, edit, etags, name_reviewer(request, body.reviewer if body else None), note
        )
        return answer_json(shown, headers={"ETag": f'"{shown["etag"]}"'})

    return await answer_once(request, resources, undo)
