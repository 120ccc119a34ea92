"""Statistics over HTTP: of a job, a dataset or everything, as JSON or drawn as SVG."""

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.deps import ResourcesDep, begin_reading, begin_writing, negotiate
from app.api.idempotency import IdempotencyKeyHeader, answer_once
from app.api.pages import answer_json, answer_resource
from app.api.statistics_views import StatisticsView
from app.api.waiting import await_change, read_wait
from app.ids import decode_id
from app.resources import Resources
from app.services.statistics import CURRENT, Statistics, request_count, ring_count, view_statistics
from app.store.statistics import Scope

router = APIRouter(tags=["statistics"])

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": StatisticsView},
    304: {"description": "Nothing changed."},
}
_ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"model": StatisticsView}}


@router.get("/stats", responses=_ANSWERS)
async def get_all_statistics(request: Request, resources: ResourcesDep) -> Response:
    """Over every dataset and job. Roll-ups are as of now; a look has the rest counted again where it is stale."""
    return await _answer(request, resources, Scope("all"))


@router.get("/datasets/{dataset_id}/stats", responses=_ANSWERS)
async def get_dataset_statistics(request: Request, resources: ResourcesDep, dataset_id: str) -> Response:
    """Over all jobs of a dataset."""
    return await _answer(request, resources, Scope("dataset", decode_id("dataset", dataset_id)))


@router.get("/jobs/{job_id}/stats", responses=_ANSWERS)
async def get_job_statistics(request: Request, resources: ResourcesDep, job_id: str) -> Response:
    """Of one job; with `Prefer: wait=30` the answer comes when its figures are counted, or after the wait."""
    return await _answer(request, resources, Scope("job", decode_id("job", job_id)))


@router.post("/stats/refresh", status_code=202, responses=_ACCEPTED)
async def refresh_all(
    request: Request, resources: ResourcesDep, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """Have everything added up again now."""
    return await _refresh(request, resources, Scope("all"))


@router.post("/datasets/{dataset_id}/stats/refresh", status_code=202, responses=_ACCEPTED)
async def refresh_dataset(
    request: Request, resources: ResourcesDep, dataset_id: str, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """Have a dataset's jobs added up again now."""
    return await _refresh(request, resources, Scope("dataset", decode_id("dataset", dataset_id)))


@router.post("/jobs/{job_id}/stats/refresh", status_code=202, responses=_ACCEPTED)
async def refresh_job(
    request: Request, resources: ResourcesDep, job_id: str, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """Have a job counted again now; asking twice before it begins is asking once."""
    return await _refresh(request, resources, Scope("job", decode_id("job", job_id)))


async def _answer(request: Request, resources: Resources, scope: Scope) -> Response:
    negotiate(request, "application/json")
    found = await _look(resources, scope)
    headers = {}
    wait_s = read_wait(request)
    if wait_s is not None:
        await await_change(request, wait_s, lambda: _read_state(resources, scope), {CURRENT})
        headers["Preference-Applied"] = f"wait={wait_s}"
        found = await _read(resources, scope)
    if found.body["is_being_counted"]:
        headers["Retry-After"] = "1"
    return answer_resource(request, found.body, headers=headers)


async def _look(resources: Resources, scope: Scope) -> Statistics:
    """What there is; where that is missing or stale, a count is ordered on the way."""
    found = await _read(resources, scope)
    if not found.is_worth_counting:
        return found
    async with begin_writing(resources) as session:
        run = await request_count(session, scope)
    await ring_count(resources, run)
    found.body["is_being_counted"] = True
    return found


async def _read(resources: Resources, scope: Scope) -> Statistics:
    async with begin_reading(resources) as session:
        return await view_statistics(session, scope)


async def _read_state(resources: Resources, scope: Scope) -> str:
    state: str = (await _read(resources, scope)).body["state"]
    return state


async def _refresh(request: Request, resources: Resources, scope: Scope) -> Response:
    ordered: list[tuple[int, int]] = []

    async def order(session: AsyncSession) -> Response:
        ordered.append(await request_count(session, scope))
        body = (await view_statistics(session, scope)).body
        where = "/v1/stats" if body["id"] is None else f"/v1/{scope.kind}s/{body['id']}/stats"
        return answer_json(body, 202, {"Location": where, "Retry-After": "1"})

    response = await answer_once(request, resources, order)
    for run in ordered:
        await ring_count(resources, run)
    return response
