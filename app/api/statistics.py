"""Statistics over HTTP: of a job, a dataset or everything, as JSON or drawn as SVG."""

import asyncio
import base64
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.deps import ResourcesDep, begin_reading, begin_writing, negotiate
from app.api.idempotency import IdempotencyKeyHeader, answer_once
from app.api.pages import answer_json, answer_resource, make_etag, matches_etag
from app.api.statistics_views import StatisticsView
from app.api.waiting import await_change, read_wait
from app.errors import Fault, InvalidRequestError
from app.ids import decode_id
from app.pipeline.charts.canvas import STYLE
from app.pipeline.charts.page import draw_chart
from app.pipeline.language_codes import SOURCE_LANGUAGE
from app.resources import Resources
from app.services.statistics import CURRENT, Statistics, request_count, ring_count, view_statistics
from app.store.statistics import Scope

SVG_MEDIA_TYPE = "image/svg+xml"

Chart = Literal[
    "overview", "table", "yield", "languages", "rejections", "refused-translations", "instruction-words",
    "response-words", "images-per-pair", "related-per-pair", "instruction-roots", "response-roots",
]  # fmt: skip

router = APIRouter(tags=["statistics"])

_SVG_CONTENT = {"schema": {"type": "string"}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": StatisticsView, "content": {SVG_MEDIA_TYPE: _SVG_CONTENT}},
    304: {"description": "Nothing changed."},
}
_STYLE_SHA256 = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
_SVG_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_SHA256}'; frame-ancestors 'none'"
_ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"model": StatisticsView}}


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is to be drawn; no chart asks for JSON."""

    chart: Chart | None
    language: str


def choose_drawing(
    request: Request,
    format: Annotated[  # noqa: A002  # the parameter's public name
        Literal["json", "svg"] | None, Query(description="What the Accept header says by default.")
    ] = None,
    chart: Annotated[Chart | None, Query(description="Drawn as SVG; without it `overview` shows them all.")] = None,
    language: Annotated[str, Query(max_length=20, description="Of the charts about words.")] = "en",
) -> Drawing:
    """JSON, or a chart as SVG. Raises NotAcceptableError, and InvalidRequestError for a chart as JSON."""
    if format == "json" and chart is not None:
        fault = Fault("chart", "not_offered", "A chart is drawn as SVG: leave `format` out, or `chart`.")
        raise InvalidRequestError("Figures in JSON are not a chart.", errors=[fault])
    if format is None:
        offered = [SVG_MEDIA_TYPE] if chart is not None else ["application/json", SVG_MEDIA_TYPE]
        format = "svg" if negotiate(request, *offered) == SVG_MEDIA_TYPE else "json"  # noqa: A001
    return Drawing((chart or "overview") if format == "svg" else None, language)


DrawingDep = Annotated[Drawing, Depends(choose_drawing)]


@router.get("/stats", responses=_ANSWERS)
async def get_all_statistics(request: Request, resources: ResourcesDep, drawing: DrawingDep) -> Response:
    """Over every dataset and job. Roll-ups are as of now; a look has the rest counted again where it is stale."""
    return await _answer(request, resources, Scope("all"), drawing)


@router.get("/datasets/{dataset_id}/stats", responses=_ANSWERS)
async def get_dataset_statistics(
    request: Request, resources: ResourcesDep, dataset_id: str, drawing: DrawingDep
) -> Response:
    """Over all jobs of a dataset."""
    return await _answer(request, resources, Scope("dataset", decode_id("dataset", dataset_id)), drawing)


@router.get("/jobs/{job_id}/stats", responses=_ANSWERS)
async def get_job_statistics(request: Request, resources: ResourcesDep, job_id: str, drawing: DrawingDep) -> Response:
    """Of one job; with `Prefer: wait=30` the answer comes when its figures are counted, or after the wait."""
    return await _answer(request, resources, Scope("job", decode_id("job", job_id)), drawing)


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


async def _answer(request: Request, resources: Resources, scope: Scope, drawing: Drawing) -> Response:
    found = await _look(resources, scope)
    headers = {"Vary": "Accept"}
    wait_s = read_wait(request)
    if wait_s is not None:
        await await_change(request, wait_s, lambda: _read_state(resources, scope), {CURRENT})
        headers["Preference-Applied"] = f"wait={wait_s}"
        found = await _read(resources, scope)
    if found.body["is_being_counted"]:
        headers["Retry-After"] = "1"
    if drawing.chart is None:
        return answer_resource(request, found.body, headers=headers)
    return await _answer_drawing(request, found.body, drawing.chart, drawing.language, headers)


async def _answer_drawing(
    request: Request, body: dict[str, Any], chart: Chart, language: str, headers: dict[str, str]
) -> Response:
    """The chart, or 304; raises InvalidRequestError for a language that has no pairs."""
    known = [found["language"] for found in body["languages"]]
    if language != SOURCE_LANGUAGE and language not in known:
        fault = Fault("language", "unknown_language", f"There are pairs in: {', '.join(known) or 'no language yet'}.")
        raise InvalidRequestError(f"There are no pairs in {language!r}.", errors=[fault])
    etag = make_etag({"chart": chart, "language": language, "body": body})
    headers |= {"ETag": f'"{etag}"', "Cache-Control": "private, no-cache", "Content-Security-Policy": _SVG_POLICY}
    if matches_etag(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    drawn = await asyncio.to_thread(draw_chart, body, chart, language)
    return Response(drawn.encode(), headers=headers, media_type=SVG_MEDIA_TYPE)


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
