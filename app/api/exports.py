"""Exports over HTTP: order one, watch it, fetch its files."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.deps import Body, ResourcesDep, accept_json, begin_reading
from app.api.idempotency import IdempotencyKeyHeader, answer_once
from app.api.pages import ListBody, PageDep, answer_json, answer_page, answer_resource
from app.api.ranges import answer_file
from app.api.waiting import await_change, read_wait
from app.errors import NotFoundError
from app.ids import decode_id
from app.services.exports import DONE_STATES, ExportRequest, describe_export, ring_export, submit_export
from app.store.exports import get_export, list_exports
from app.store.models import Export

router = APIRouter(tags=["exports"])

Status = Literal["accepted", "flagged", "rejected", "edited"]


class FilterBody(Body):
    """Which English pairs; a translation goes where its English pair goes, unless it was rejected itself."""

    status: Status | list[Status] | None = Field(None, description="All but the rejected by default.")


class ExportBody(Body):
    """An order of files."""

    job_id: str
    format: Literal["mimic-it", "jsonl"]
    languages: list[str] | None = Field(None, max_length=100, description="English and all of the job's by default.")
    filters: FilterBody = Field(default_factory=lambda: FilterBody.model_construct(status=None))


class FileView(BaseModel):
    name: str
    bytes: int
    sha256: str
    url: str


class ExportView(BaseModel):
    """An export, for the OpenAPI document."""

    id: str
    object: Literal["export"] = "export"
    state: Literal["queued", "running", "completed", "failed"]
    reason: str | None
    format: str
    job_id: str
    languages: list[str]
    filters: dict[str, Any]
    counts: dict[str, Any]
    certificate: dict[str, Any] | None
    files: list[FileView]
    created_at: str
    finished_at: str | None


@router.post("/exports", status_code=202, responses={202: {"model": ExportView}}, dependencies=[Depends(accept_json)])
async def post_export(
    request: Request, resources: ResourcesDep, body: ExportBody, idempotency_key: IdempotencyKeyHeader = None
) -> Response:
    """Order files of a job's pairs. A job that still runs is exported as it stands: `counts.is_partial` says so."""
    status = body.filters.status
    statuses = [] if status is None else [status] if isinstance(status, str) else list(status)
    order = ExportRequest(decode_id("job", body.job_id), body.format, body.languages, statuses)
    made: list[Export] = []

    async def submit(session: AsyncSession) -> Response:
        export = await submit_export(session, order)
        made.append(export)
        shown = describe_export(export)
        return answer_json(shown, 202, {"Location": f"/v1/exports/{shown['id']}", "Retry-After": "1"})

    response = await answer_once(request, resources, submit)
    for export in made:
        await ring_export(resources, export)
    return response


@router.get("/exports", responses={200: {"model": ListBody}}, dependencies=[Depends(accept_json)])
async def get_exports(
    request: Request,
    resources: ResourcesDep,
    page: PageDep,
    job_id: Annotated[str | None, Query(description="Exports of one job.")] = None,
) -> Response:
    """Exports, the newest first."""
    job = None if job_id is None else decode_id("job", job_id)
    async with begin_reading(resources) as session:
        rows = await list_exports(session, page.after, page.limit + 1, job)
    return answer_page(request, page, [describe_export(row) for row in rows], [row.id for row in rows])


@router.get(
    "/exports/{export_id}",
    responses={200: {"model": ExportView}, 304: {"description": "Nothing changed."}},
    dependencies=[Depends(accept_json)],
)
async def get_one_export(request: Request, resources: ResourcesDep, export_id: str) -> Response:
    """An export as it stands; with `Prefer: wait=30` the answer comes when its state changes, or after the wait."""
    number = decode_id("export", export_id)

    async def read() -> Export:
        async with begin_reading(resources) as session:
            return await get_export(session, number)

    async def read_state() -> str:
        return (await read()).state

    headers = {}
    wait_s = read_wait(request)
    if wait_s is not None:
        headers["Preference-Applied"] = f"wait={wait_s}"
        await await_change(request, wait_s, read_state, DONE_STATES)
    export = await read()
    if export.state not in DONE_STATES:
        headers["Retry-After"] = "1"
    return answer_resource(request, describe_export(export), headers=headers)


@router.get(
    "/exports/{export_id}/files/{name}",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {}, "application/x-ndjson": {}}, "description": "The file."},
        206: {"description": "The range that was asked for."},
        304: {"description": "The client has it."},
        416: {"description": "The range lies outside the file."},
    },
)
async def get_file(request: Request, resources: ResourcesDep, export_id: str, name: str) -> Response:
    """A file, whole or by Range; its ETag is its sha256."""
    number = decode_id("export", export_id)
    async with begin_reading(resources) as session:
        export = await get_export(session, number)
    file = next((file for file in export.files if file["name"] == name), None)
    if file is None:
        raise NotFoundError("file of this export", name)

    def read(start: int, end: int) -> AsyncIterator[bytes]:
        return resources.blobs.read(file["path"], start, end)

    return answer_file(request, name=name, size=file["bytes"], etag=file["sha256"], read=read)
