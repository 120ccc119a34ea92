"""Kinds of datasets over HTTP."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.api.filters import FilterRuleBody
from app.api.pages import answer_json, answer_resource
from app.services.filters import describe_kind_fully
from app.services.kinds import list_broken_bodies, list_kind_bodies

router = APIRouter(tags=["kinds"])


class KindBody(BaseModel):
    """A kind, for the OpenAPI document."""

    id: str
    object: str = "kind"
    abbr: str
    title: str
    description: str
    file_format: str
    image_id_pattern: str
    picture_files: list[dict[str, str | None]]
    doc_page: str | None
    house_rules: list[dict[str, str]]
    relation_rule: str
    train_rule: str
    fewest_pairs: int
    reply_grammar: str
    conversations: int
    rounds: int
    most_pairs: int | None
    streams: bool
    instruction_id_example: str


class KindDetailBody(KindBody):
    prompt: dict[str, Any] | None
    prompt_error: str | None
    filters: list[FilterRuleBody]


class KindListBody(BaseModel):
    """All kinds (their number is small), and the files that could not be loaded."""

    object: str = "list"
    data: list[KindBody]
    has_more: bool = False
    next_cursor: None = None
    broken: list[dict[str, str]]


@router.get("/kinds", response_model=KindListBody, summary="List the dataset kinds found in datasets/")
async def list_kinds() -> Response:
    kinds, broken = await asyncio.to_thread(_list_all)
    return answer_json({"object": "list", "data": kinds, "has_more": False, "next_cursor": None, "broken": broken})


@router.get("/kinds/{kind}", response_model=KindDetailBody, summary="Read a kind with its prompt and file format")
async def get_kind(request: Request, kind: str) -> Response:
    return answer_resource(request, await asyncio.to_thread(describe_kind_fully, kind))


def _list_all() -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    return list_kind_bodies(), list_broken_bodies()
