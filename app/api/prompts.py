"""Prompts over HTTP: immutable versions of a name, and what they make of an item."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.deps import Body, ResourcesDep, begin_reading
from app.api.examples import ExamplesBody
from app.api.idempotency import IdempotencyKeyHeader, answer_once
from app.api.pages import ListBody, PageDep, answer_json, answer_page, answer_resource
from app.ids import decode_id
from app.pipeline.quotas import MOST_PAIRS_PER_ITEM
from app.pipeline.selecting import read_selection
from app.services.prompts import check_new_prompt, describe_prompt, render_prompt, store_prompt
from app.store.datasets import get_dataset, get_item
from app.store.prompts import get_prompt, list_prompts

router = APIRouter(tags=["prompts"])


class PromptRequest(Body):
    """A version to store; equal content under the same name is the same version."""

    name: str
    system_message: str
    in_context: list[dict[str, Any]] = Field(
        default_factory=list,
        description="Turns {role, content} that alternate, the user's first; an assistant's content is a text or "
        "a list of pairs {instruction, response}, or of conversations {title, reason, rounds: [pair, …]}.",
    )
    reply_format: Literal["json", "text"] = "json"
    kind: str | None = None


class RenderRequest(Body):
    """For which item, and what a job would say about its examples and pairs."""

    item_id: str
    examples: ExamplesBody = Field(default_factory=ExamplesBody.model_construct)
    pairs_per_item: int | None = Field(None, ge=1, le=MOST_PAIRS_PER_ITEM)


class PromptBody(BaseModel):
    """A prompt, for the OpenAPI document."""

    id: str
    object: str = "prompt"
    name: str
    version: int
    kind: str | None
    system_message: str
    in_context: list[dict[str, Any]]
    reply_format: str
    sha256: str
    provenance: dict[str, Any] | None = Field(description="How it came about, where a cold start made it.")
    created_at: str


class RenderingBody(BaseModel):
    """The messages for an item, for the OpenAPI document."""

    object: str = "prompt.rendering"
    prompt_id: str
    item_id: str
    reply_format: str
    examples: list[int] = Field(description="The places of those that are shown, from 0, in their order.")
    messages: list[dict[str, str]]
    bytes: int
    estimated_tokens: int


@router.post(
    "/prompts",
    status_code=201,
    response_model=PromptBody,
    responses={200: {"model": PromptBody, "description": "This name has a version with this content."}},
    summary="Store a version of a prompt",
)
async def post_prompt(
    request: Request, resources: ResourcesDep, body: PromptRequest, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    content = {"system_message": body.system_message, "in_context": body.in_context}
    new = check_new_prompt(body.name, content, body.reply_format, body.kind)

    async def store(session: AsyncSession) -> Response:
        row, is_new = await store_prompt(session, new)
        shown = describe_prompt(row)
        return answer_json(shown, 201 if is_new else 200, {"Location": f"/v1/prompts/{shown['id']}"})

    return await answer_once(request, resources, store)


@router.get("/prompts", response_model=ListBody, summary="List prompts, the newest first")
async def get_prompts(
    request: Request,
    resources: ResourcesDep,
    page: PageDep,
    name: Annotated[str | None, Query(description="Only versions of this name.")] = None,
) -> Response:
    async with begin_reading(resources) as session:
        rows = await list_prompts(session, page.after, page.limit + 1, name)
    return answer_page(request, page, [describe_prompt(row) for row in rows], [row.id for row in rows])


@router.get("/prompts/{prompt_id}", response_model=PromptBody, summary="Read a version of a prompt")
async def read_prompt(request: Request, resources: ResourcesDep, prompt_id: str) -> Response:
    number = decode_id("prompt", prompt_id)
    async with begin_reading(resources) as session:
        row = await get_prompt(session, number)
    return answer_resource(request, describe_prompt(row))


@router.post(
    "/prompts/{prompt_id}/render",
    response_model=RenderingBody,
    summary="Show the exact messages for an item; nothing is sent",
)
async def render(
    resources: ResourcesDep, prompt_id: str, body: RenderRequest, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    number = decode_id("prompt", prompt_id)
    async with begin_reading(resources) as session:
        prompt = await get_prompt(session, number)
        item = await get_item(session, decode_id("item", body.item_id))
        dataset = await get_dataset(session, item.dataset_id)
    selection = read_selection(body.examples.model_dump())
    rendered = render_prompt(prompt, item.sentences, dataset.kind, selection, body.pairs_per_item)
    return answer_json({**rendered, "item_id": body.item_id})
