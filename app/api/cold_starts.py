"""Cold starts over HTTP: choose items, run rounds, decide about candidates, freeze a prompt."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.cold_start_bodies import CandidateChange, ColdStartBody, ColdStartChange, GenerateBody
from app.api.cold_start_views import (
    CandidateList,
    CandidateView,
    ColdStartList,
    ColdStartView,
    RoundList,
    RoundView,
)
from app.api.deps import ResourcesDep, begin_reading, begin_writing
from app.api.idempotency import IdempotencyKeyHeader, answer_once, require_key
from app.api.pages import PageDep, answer_json, answer_page, answer_resource, make_etag, require_match
from app.api.prompts import PromptBody
from app.errors import Fault, NotFoundError
from app.ids import decode_id, encode_id
from app.resources import Resources
from app.services.cold_starts.candidates import Course, read_candidates, read_course, score_candidates, score_course
from app.services.cold_starts.choosing import choose_items
from app.services.cold_starts.deciding import Decision, decide, open_candidate
from app.services.cold_starts.freezing import freeze
from app.services.cold_starts.making import (
    Change,
    ColdStartRequest,
    change_cold_start,
    create_cold_start,
    delete_cold_start,
    draft_cold_start,
)
from app.services.cold_starts.rounds import RoundOrder, generate_round
from app.services.cold_starts.views import list_entry, show_candidate, view_cold_start, view_rounds
from app.services.jobs import ring_job
from app.services.kinds import kind_of
from app.services.prompts import describe_prompt
from app.store.cold_starts import (
    get_candidate,
    get_cold_start,
    list_candidates,
    list_cold_starts,
    list_rounds,
)
from app.store.datasets import get_dataset
from app.store.models import ColdStart

router = APIRouter(tags=["cold starts"])


@router.post("/cold-starts", status_code=201, response_model=ColdStartView, summary="Begin a cold start")
async def post_cold_start(
    request: Request, resources: ResourcesDep, body: ColdStartBody, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """Choose its items; nothing is asked of a model yet."""
    wanted = _read_request(body)
    async with begin_reading(resources) as session:
        draft = await draft_cold_start(session, resources.settings, wanted)
    chosen = await asyncio.to_thread(choose_items, draft.pool, draft.choice)

    async def create(session: AsyncSession) -> Response:
        shown = await _show(session, await create_cold_start(session, draft, chosen))
        return answer_json(shown, 201, {"Location": f"/v1/cold-starts/{shown['id']}"})

    return await answer_once(request, resources, create)


@router.get("/cold-starts", responses={200: {"model": ColdStartList}}, summary="List cold starts, the newest first")
async def get_cold_starts(
    request: Request,
    resources: ResourcesDep,
    page: PageDep,
    dataset_id: Annotated[str | None, Query(description="Of one dataset.")] = None,
    state: Annotated[Literal["open", "frozen"] | None, Query()] = None,
) -> Response:
    dataset = None if dataset_id is None else decode_id("dataset", dataset_id)
    async with begin_reading(resources) as session:
        rows = await list_cold_starts(session, page.after, page.limit + 1, dataset, state)
    return answer_page(request, page, [list_entry(row) for row in rows], [row.id for row in rows])


@router.get("/cold-starts/{cold_start_id}", responses={200: {"model": ColdStartView}}, summary="Read a cold start")
async def get_one_cold_start(request: Request, resources: ResourcesDep, cold_start_id: str) -> Response:
    """With its items, and how far its stop rule is met."""
    course = await _open_course(resources, decode_id("cold_start", cold_start_id))
    async with begin_reading(resources) as session:
        shown = _with_etag(await view_cold_start(session, course))
    return answer_resource(request, shown, etag=shown["etag"])


@router.patch("/cold-starts/{cold_start_id}", responses={200: {"model": ColdStartView}}, summary="Change a cold start")
async def patch_cold_start(
    request: Request, resources: ResourcesDep, cold_start_id: str, body: ColdStartChange
) -> Response:
    """Its name, system message or stop rule; `If-Match` names its etag. 409 once it is frozen."""
    rule = None if body.stop_rule is None else body.stop_rule.model_dump(exclude_unset=True)
    change = Change(body.name, body.system_message, rule)
    number = decode_id("cold_start", cold_start_id)
    await _open_course(resources, number)
    async with begin_writing(resources) as session:
        row = await get_cold_start(session, number, lock=True)
        require_match(request, (await _show(session, row))["etag"])
        await change_cold_start(session, row, change)
        shown = await _show(session, row)
    return answer_json(shown, headers={"ETag": f'"{shown["etag"]}"'})


@router.delete("/cold-starts/{cold_start_id}", status_code=204, summary="Delete a cold start at which no round is")
async def remove_cold_start(resources: ResourcesDep, cold_start_id: str) -> Response:
    """With its rounds, candidates and decisions; the jobs of its rounds and every prompt stay. 409 in a round."""
    async with begin_writing(resources) as session:
        row = await get_cold_start(session, decode_id("cold_start", cold_start_id), lock=True)
        await delete_cold_start(session, row)
    return Response(status_code=204)


@router.post(
    "/cold-starts/{cold_start_id}/generate",
    status_code=202,
    responses={202: {"model": RoundView}},
    summary="Run the next round",
)
async def post_generate(
    request: Request,
    resources: ResourcesDep,
    cold_start_id: str,
    body: GenerateBody | None = None,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Order the job of the next round; it is queued when this answers."""
    require_key(request, resources.settings)
    number = decode_id("cold_start", cold_start_id)
    body = body or GenerateBody.model_validate({})
    order = RoundOrder(body.with_examples, body.limits.model_dump(exclude_none=True))
    await _score_beside(resources, number)
    made: list[int] = []

    async def generate(session: AsyncSession) -> Response:
        row = await get_cold_start(session, number, lock=True)
        made.append((await generate_round(session, resources.settings, await read_course(session, row), order)).job_id)
        shown = (await view_rounds(session, await read_course(session, row)))[-1]
        headers = {"Location": f"/v1/jobs/{shown['job_id']}", "Retry-After": "1"}
        return answer_json(shown, 202, headers)

    response = await answer_once(request, resources, generate)
    for job_id in made:
        await ring_job(resources, job_id)
    return response


@router.get("/cold-starts/{cold_start_id}/rounds", responses={200: {"model": RoundList}}, summary="Compare the rounds")
async def get_rounds(request: Request, resources: ResourcesDep, cold_start_id: str) -> Response:
    """Every round with its yield, scores, cost and state, the first one first."""
    course = await _open_course(resources, decode_id("cold_start", cold_start_id))
    async with begin_reading(resources) as session:
        shown = await view_rounds(session, course)
    return answer_json({"object": "list", "data": shown, "has_more": False, "next_cursor": None})


@router.get(
    "/cold-starts/{cold_start_id}/candidates", responses={200: {"model": CandidateList}}, summary="List candidates"
)
async def get_candidates(
    request: Request,
    resources: ResourcesDep,
    cold_start_id: str,
    page: PageDep,
    round_: Annotated[int | None, Query(alias="round", ge=1, description="Of one round; of all by default.")] = None,
    status: Annotated[Literal["open", "accepted", "edited", "rejected"] | None, Query()] = None,
    held_out: Annotated[bool | None, Query(description="Only those held out, or only the others.")] = None,
) -> Response:
    """Replies with their scores, round by round in the order of the items."""
    number = decode_id("cold_start", cold_start_id)
    async with begin_reading(resources) as session:
        cold_start = await get_cold_start(session, number)
        rows = await list_candidates(
            session,
            number,
            round_number=round_,
            after=page.after,
            limit=page.limit + 1,
            status=status,
            is_held_out=held_out,
        )
        kind = kind_of((await get_dataset(session, cold_start.dataset_id)).kind)
        read = await read_candidates(session, kind, await list_rounds(session, number), rows, scores=False)
    found = await score_candidates(resources.sessions, read)
    shown = [_with_etag(show_candidate(each)) for each in found]
    return answer_page(request, page, shown, [row.id for row in rows])


@router.get("/candidates/{candidate_id}", responses={200: {"model": CandidateView}}, summary="Read a candidate")
async def get_one_candidate(request: Request, resources: ResourcesDep, candidate_id: str) -> Response:
    number = decode_id("candidate", candidate_id)
    async with begin_reading(resources) as session:
        row = await get_candidate(session, number)
        cold_start = await get_cold_start(session, row.cold_start_id)
        kind = kind_of((await get_dataset(session, cold_start.dataset_id)).kind)
        read = await read_candidates(session, kind, await list_rounds(session, cold_start.id), [row], scores=False)
    (found,) = await score_candidates(resources.sessions, read)
    shown = _with_etag(show_candidate(found))
    return answer_resource(request, shown, etag=shown["etag"])


@router.patch(
    "/candidates/{candidate_id}",
    responses={200: {"model": CandidateView}},
    summary="Accept, edit or reject a candidate",
)
async def patch_candidate(
    request: Request, resources: ResourcesDep, candidate_id: str, body: CandidateChange
) -> Response:
    """Decide about a reply; `If-Match` names its etag. One that is held out can be rejected, but is no example."""
    number = decode_id("candidate", candidate_id)
    decision = Decision(body.status, body.pairs, body.conversations, body.note)
    async with begin_writing(resources) as session:
        cold_start, kind, candidate = await open_candidate(session, number)
        require_match(request, _with_etag(show_candidate(candidate))["etag"])
        await decide(session, cold_start, kind, candidate, decision)
        (found,) = await read_candidates(session, kind, await list_rounds(session, cold_start.id), [candidate.row])
    shown = _with_etag(show_candidate(found))
    return answer_json(shown, headers={"ETag": f'"{shown["etag"]}"'})


@router.post(
    "/cold-starts/{cold_start_id}/freeze",
    status_code=201,
    response_model=PromptBody,
    responses={200: {"model": PromptBody, "description": "It was frozen before."}},
    summary="Make an immutable prompt of the accepted examples",
)
async def post_freeze(
    request: Request, resources: ResourcesDep, cold_start_id: str, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """409 with every reason while the examples are not satisfactory; doing it twice is doing it once."""
    number = decode_id("cold_start", cold_start_id)
    await _score_beside(resources, number)

    async def make(session: AsyncSession) -> Response:
        row = await get_cold_start(session, number, lock=True)
        is_new = row.state != "frozen"
        prompt = await freeze(session, await read_course(session, row))
        headers = {"Location": f"/v1/prompts/{encode_id('prompt', prompt.id)}"}
        return answer_json(describe_prompt(prompt), 201 if is_new else 200, headers)

    return await answer_once(request, resources, make)


def _read_request(body: ColdStartBody) -> ColdStartRequest:
    try:
        dataset_id = decode_id("dataset", body.dataset_id)
    except NotFoundError as error:
        error.errors = (Fault("/dataset_id", "not_found", f"{error.detail} GET /v1/datasets lists what there is."),)
        raise
    return ColdStartRequest(
        dataset_id=dataset_id,
        name=body.name,
        system_message=body.system_message,
        reply_format=body.reply_format,
        items=body.items,
        held_out=body.held_out,
        item_ids=tuple(body.item_ids),
        seed=body.seed,
        model=body.model,
        parameters=body.parameters,
        limits=body.limits.model_dump(exclude_none=True),
        vision=body.vision if isinstance(body.vision, bool) else body.vision.model_dump(),
        stop_rule=body.stop_rule.model_dump(),
        automatic=None if body.automatic is None else body.automatic.model_dump(),
    )


async def _open_course(resources: Resources, number: int) -> Course:
    """Everything about a cold start, with the scores that were not kept yet made beside the loop."""
    async with begin_reading(resources) as session:
        course = await read_course(session, await get_cold_start(session, number), scores=False)
    return await score_course(resources.sessions, course)


async def _score_beside(resources: Resources, number: int) -> None:
    """Score it before it is locked; one that is gone is left to those who answer, maybe as they did before."""
    with suppress(NotFoundError):
        await _open_course(resources, number)


async def _show(session: AsyncSession, row: ColdStart) -> dict[str, Any]:
    return _with_etag(await view_cold_start(session, await read_course(session, row)))


def _with_etag(shown: dict[str, Any]) -> dict[str, Any]:
    return {**shown, "etag": make_etag(shown)}
