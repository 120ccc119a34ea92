"""What a job left behind, over HTTP: how its items ended, what was refused, what was called."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.deps import ResourcesDep, begin_reading
from app.api.job_views import CallList, JobItemList, RejectionList
from app.api.pages import PageDep, answer_page
from app.errors import Fault, InvalidRequestError
from app.ids import decode_id, encode_id
from app.store.jobs import get_job
from app.store.reading import AnyRow, item_place, list_calls, list_item_states, list_pending_items, list_rejections

ItemStateName = Literal["pending", "done", "failed", "poison", "skipped"]
StageName = Literal["generate", "translate"]
CallStageName = Literal["generate", "relate", "translate"]
CallStateName = Literal["started", "stored", "ok", "superseded", "failed", "unknown", "recovered"]

router = APIRouter(tags=["jobs"])


@router.get("/jobs/{job_id}/items", responses={200: {"model": JobItemList}})
async def get_job_items(
    request: Request,
    resources: ResourcesDep,
    job_id: str,
    page: PageDep,
    state: Annotated[ItemStateName | None, Query(description="All that ended, without it.")] = None,
    stage: Annotated[StageName, Query(description="In `translate` each pair of an item ends for itself.")] = "generate",
) -> Response:
    """How items ended and why, by item; `state=pending` lists those that have not."""
    number = decode_id("job", job_id)
    if state == "pending" and stage != "generate":
        fault = Fault("state", "not_offered", "Pending is known of stage=generate; leave the stage out.")
        raise InvalidRequestError("Pending translations are not listed.", errors=[fault])
    async with begin_reading(resources) as session:
        await get_job(session, number)
        if state == "pending":
            rows = await list_pending_items(session, number, page.after or 0, page.limit + 1)
        else:
            rows = await list_item_states(session, number, stage, page.after or 0, page.limit + 1, state)
    places = [item_place(row[0], row[4]) for row in rows]
    return answer_page(request, page, [_show_item(row) for row in rows], places)


@router.get("/jobs/{job_id}/rejections", responses={200: {"model": RejectionList}})
async def get_rejections(
    request: Request,
    resources: ResourcesDep,
    job_id: str,
    page: PageDep,
    reason: Annotated[str | None, Query(max_length=100, description="A key of counts.rejected_by_reason.")] = None,
    language: Annotated[str | None, Query(max_length=20)] = None,
) -> Response:
    """Texts that were refused, with the reason, by id."""
    number = decode_id("job", job_id)
    async with begin_reading(resources) as session:
        await get_job(session, number)
        rows = await list_rejections(session, number, page.after or 0, page.limit + 1, reason, language)
    return answer_page(request, page, [_show_rejection(row) for row in rows], [row[0] for row in rows])


@router.get("/jobs/{job_id}/calls", responses={200: {"model": CallList}})
async def get_calls(
    request: Request,
    resources: ResourcesDep,
    job_id: str,
    page: PageDep,
    state: Annotated[CallStateName | None, Query()] = None,
    stage: Annotated[CallStageName | None, Query()] = None,
    item_id: Annotated[str | None, Query()] = None,
) -> Response:
    """Every request to the model with its tokens, cost, latency and end, by id."""
    number = decode_id("job", job_id)
    item = None if item_id is None else decode_id("item", item_id)
    async with begin_reading(resources) as session:
        await get_job(session, number)
        rows = await list_calls(
            session, number, page.after or 0, page.limit + 1, state=state, stage=stage, item_id=item
        )
    return answer_page(request, page, [_show_call(row) for row in rows], [row[0] for row in rows])


def _show_item(row: AnyRow) -> dict[str, Any]:
    return {
        "object": "job_item",
        "item_id": encode_id("item", row[0]),
        "source_id": row[1],
        "position": row[2],
        "stage": row[3],
        "ordinal": row[4],
        "state": row[5],
        "code": row[6],
        "detail": row[7],
        "call_id": _call_id(row[8]),
        "created_at": row[9],
    }


def _show_rejection(row: AnyRow) -> dict[str, Any]:
    return {
        "id": encode_id("rejection", row.id),
        "object": "rejection",
        "job_id": encode_id("job", row.job_id),
        "item_id": encode_id("item", row.item_id),
        "source_id": row.source_id,
        "stage": row.stage,
        "ordinal": row.sample,
        "language": row.language,
        "reason": row.reason,
        "detail": row.detail,
        "instruction": row.instruction,
        "response": row.response,
        "text": row.text,
        "call_id": _call_id(row.call_id),
        "created_at": row.created_at,
    }


def _show_call(row: AnyRow) -> dict[str, Any]:
    return {
        "id": encode_id("call", row.id),
        "object": "call",
        "job_id": encode_id("job", row.job_id),
        "item_id": encode_id("item", row.item_id) if row.item_id else None,
        "stage": row.stage,
        "ordinal": row.sample,
        "languages": row.languages,
        "state": row.state,
        "worker": row.worker,
        "http_status": row.http_status,
        "finish_reason": row.finish_reason,
        "error_code": row.error_code,
        "error_detail": row.error_detail,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "cached_tokens": row.cached_tokens,
        "cost_usd": row.cost_micros / 1e6,
        "latency_ms": row.latency_ms,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
    }


def _call_id(number: int | None) -> str | None:
    return None if number is None else encode_id("call", number)
