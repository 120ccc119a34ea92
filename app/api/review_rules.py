"""Review rules over HTTP: make one of a fix, see what it would change, apply it, take it back."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.deps import Body, ResourcesDep, accept_json, begin_reading, begin_writing
from app.api.idempotency import IdempotencyKeyHeader, answer_once
from app.api.pages import ListBody, PageDep, answer_json, answer_page, answer_resource
from app.ids import decode_id
from app.services.review_rules import RuleRequest, begin_run, make_rule, preview_rule, show_rules
from app.services.reviewing import ANONYMOUS
from app.services.rule_runs import apply_batch, begin_undoing, show_last_run, undo_batch
from app.store.review_rules import get_rule, list_rules

router = APIRouter(tags=["review"], dependencies=[Depends(accept_json)])


class RuleBody(Body):
    """A rule by an edit (or the last one of a pair), or by hand; the edit gives what is left out."""

    edit_id: str | None = Field(None, description="The fix that it is made of.")
    pair_id: str | None = Field(None, description="Instead: the last fix of this pair.")
    find: str | None = None
    replace: str | None = None
    side: Literal["instruction", "response", "both"] | None = Field(None, description="Both by default.")
    match: Literal["literal", "pattern"] = "literal"
    ignore_case: bool = False
    whole_words: bool | None = None
    job_id: str | None = Field(None, description="Pairs of this job; the edit's by default.")
    dataset_id: str | None = Field(None, description="Or pairs of every job over this dataset.")
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")
    reviewer: str | None = Field(None, min_length=1, max_length=200)
    note: str | None = Field(None, max_length=4000)


class ApplyBody(Body):
    """Only with the token of a fresh preview."""

    preview_token: str = Field(min_length=1, max_length=100)
    reviewer: str | None = Field(None, min_length=1, max_length=200)


class RuleView(BaseModel):
    id: str
    object: Literal["review_rule"] = "review_rule"
    job_id: str | None
    dataset_id: str | None
    language: str
    side: str
    match: str
    find: str
    replace: str
    ignore_case: bool
    whole_words: bool
    edit_id: str | None
    author: str
    note: str | None
    runs: list[dict[str, Any]]
    created_at: str


class PreviewView(BaseModel):
    """Diffs of the first alike pairs, and counts of them all; `preview_token` stands for exactly these pairs."""

    object: Literal["review_rule.preview"] = "review_rule.preview"
    rule_id: str
    preview_token: str
    counts: dict[str, Any]
    data: list[dict[str, Any]]
    has_more: bool
    next_after: str | None


class RunView(BaseModel):
    id: str
    object: Literal["review_rule.run"] = "review_rule.run"
    rule_id: str
    state: str
    author: str
    counts: dict[str, int]
    left_alone: list[dict[str, Any]] = Field(description="The first 1,000, each with its reason.")
    created_at: str
    finished_at: str | None


@router.post("/review-rules", status_code=201, responses={201: {"model": RuleView}})
async def post_rule(
    request: Request, resources: ResourcesDep, body: RuleBody, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """Make a rule; it changes nothing before it is applied, and never changes itself."""
    wanted = RuleRequest(
        author=_name_author(request, body.reviewer),
        edit_id=_read_id("edit", body.edit_id),
        pair_id=_read_id("pair", body.pair_id),
        find=body.find,
        replace=body.replace,
        side=body.side,
        match=body.match,
        ignore_case=body.ignore_case,
        whole_words=body.whole_words,
        job_id=_read_id("job", body.job_id),
        dataset_id=_read_id("dataset", body.dataset_id),
        language=body.language,
        note=body.note,
    )

    async def make(session: AsyncSession) -> Response:
        [shown] = await show_rules(session, [await make_rule(session, wanted)])
        return answer_json(shown, 201, {"Location": f"/v1/review-rules/{shown['id']}"})

    return await answer_once(request, resources, make)


@router.get("/review-rules", responses={200: {"model": ListBody}})
async def get_rules(
    request: Request,
    resources: ResourcesDep,
    page: PageDep,
    job_id: Annotated[str | None, Query(description="Rules of one job.")] = None,
) -> Response:
    """Rules, the newest first."""
    async with begin_reading(resources) as session:
        rules = await list_rules(session, page.after, page.limit + 1, _read_id("job", job_id))
        shown = await show_rules(session, rules)
    return answer_page(request, page, shown, [rule.id for rule in rules])


@router.get("/review-rules/{rule_id}", responses={200: {"model": RuleView}})
async def get_one_rule(request: Request, resources: ResourcesDep, rule_id: str) -> Response:
    """A rule and its runs."""
    async with begin_reading(resources) as session:
        [shown] = await show_rules(session, [await get_rule(session, decode_id("rule", rule_id))])
    return answer_resource(request, shown)


@router.post("/review-rules/{rule_id}/preview", responses={200: {"model": PreviewView}})
async def post_preview(
    resources: ResourcesDep,
    rule_id: str,
    limit: Annotated[int, Query(ge=0, le=1000, description="Diffs to show; the counts are of all.")] = 100,
    after: Annotated[str | None, Query(description="`next_after` of the preview before.")] = None,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """What the rule would change, as diffs; nothing is written."""
    number = decode_id("rule", rule_id)
    beyond = _read_id("pair", after) or 0
    async with begin_writing(resources) as session:  # a cursor lives in a transaction
        _, preview = await preview_rule(session, number, beyond, limit)
    shown = preview.diffs[:limit]
    has_more = len(preview.diffs) > limit
    body = {
        "object": "review_rule.preview",
        "rule_id": rule_id,
        "preview_token": preview.token,
        "counts": {"pairs": len(preview.pairs), "by_status": preview.by_status, "refused": preview.refused},
        "data": shown,
        "has_more": has_more,
        "next_after": shown[-1]["pair_id"] if has_more and shown else None,
    }
    return answer_json(body)


@router.post("/review-rules/{rule_id}/apply", responses={200: {"model": RunView}})
async def post_apply(
    request: Request,
    resources: ResourcesDep,
    rule_id: str,
    body: ApplyBody,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Change exactly the pairs of the preview; a pair that changed since is skipped.

    Where this breaks off, sending it again with the same token goes on; sent once more, it answers the same.
    """
    number = decode_id("rule", rule_id)
    async with begin_writing(resources) as session:
        await begin_run(session, number, body.preview_token, _name_author(request, body.reviewer))
    is_under_way = True
    while is_under_way:
        async with begin_writing(resources) as session:
            is_under_way = await apply_batch(session, number)
    async with begin_writing(resources) as session:
        return answer_json(await show_last_run(session, number))


@router.post("/review-rules/{rule_id}/undo", responses={200: {"model": RunView}})
async def post_undo(resources: ResourcesDep, rule_id: str, idempotency_key: IdempotencyKeyHeader = None) -> Response:
    """Take back what the last application changed; pairs that a person edited or reviewed since are left and named."""
    number = decode_id("rule", rule_id)
    async with begin_writing(resources) as session:
        await begin_undoing(session, number)
    is_under_way = True
    while is_under_way:
        async with begin_writing(resources) as session:
            is_under_way = await undo_batch(session, number)
    async with begin_writing(resources) as session:
        return answer_json(await show_last_run(session, number))


def _name_author(request: Request, given: str | None) -> str:
    return given or request.state.principal or ANONYMOUS


def _read_id(noun: str, text: str | None) -> int | None:
    return None if text is None else decode_id(noun, text)
