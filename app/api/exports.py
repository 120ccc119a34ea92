"""Exports over HTTP: order one, watch it, fetch its files."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.api.deps import Body, ResourcesDep, accept_json, begin_reading
from app.api.idempotency import IdempotencyKeyHeader, answer_once
from app.api.pages import ListBody, PageDep, answer_json, answer_page, answer_resource
from app.api.ranges import MEDIA_TYPES, answer_file
from app.api.waiting import await_change, read_wait
from app.errors import Fault, InvalidRequestError, NotFoundError
from app.ids import decode_id
from app.services.exports import DONE_STATES, ExportRequest, describe_export, ring_export, submit_export
from app.store.exports import get_export, list_exports
from app.store.models import Export

router = APIRouter(tags=["exports"])

Status = Literal["accepted", "flagged", "rejected", "edited"]


class FilterBody(Body):
    """Which English pairs; a translation goes where its English pair goes, unless it was rejected itself."""

    status: Status | list[Status] | None = Field(None, description="All but the rejected by default.")
    language: str | list[str] | None = Field(None, description="The same as `languages`, which it may not contradict.")
    min_words: int | None = Field(None, ge=0, le=1_000_000, description="Of instruction and response together.")
    item_ids: list[str] | None = Field(None, min_length=1, max_length=10_000, description="Pairs of these items only.")


class SplitBody(Body):
    """Shares of the items, which add up to 1. Items that share an image or a source id stay together."""

    train: float | None = Field(None, gt=0, le=1)
    validation: float | None = Field(None, gt=0, le=1)
    test: float | None = Field(None, gt=0, le=1)
    seed: int = Field(0, ge=0, lt=2**63)


class ExportBody(Body):
    """An order of files."""

    job_id: str
    format: Literal["mimic-it", "llava", "sharegpt", "openai", "jsonl", "csv", "parquet"]
    languages: list[str] | None = Field(None, max_length=100, description="English and all of the job's by default.")
    images: Literal["none", "ids", "base64"] = Field("ids", description="`base64` exports the pictures too.")
    on_missing_images: Literal["fail", "drop_pairs"] = Field(
        "fail", description="With `base64`: what becomes of pairs whose pictures were not uploaded."
    )
    stale_translations: Literal["leave_out", "keep"] = Field(
        "leave_out", description="Translations of what an English pair said before it was changed."
    )
    split: SplitBody | None = None
    filters: FilterBody = Field(
        default_factory=lambda: FilterBody.model_construct(status=None, language=None, min_words=None, item_ids=None)
    )


class FileView(BaseModel):
    name: str
    role: str | None
    language: str | None
    split: str | None
    rows: int | None
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
    images: str
    on_missing_images: str
    stale_translations: str
    split: dict[str, Any] | None
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
    order = _read_order(body)
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
        200: {"content": {media_type: {} for media_type in MEDIA_TYPES.values()}, "description": "The file."},
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


def _read_order(body: ExportBody) -> ExportRequest:
    filters = body.filters
    return ExportRequest(
        job_id=decode_id("job", body.job_id),
        format=body.format,
        languages=_choose_languages(body.languages, _list(filters.language)),
        statuses=_list(filters.status) or [],
        min_words=filters.min_words,
        item_ids=_read_items(filters.item_ids),
        images=body.images,
        on_missing_images=body.on_missing_images,
        stale_translations=body.stale_translations,
        split=None if body.split is None else body.split.model_dump(exclude_none=True),
    )


def _choose_languages(languages: list[str] | None, filtered: list[str] | None) -> list[str] | None:
    if languages is None or filtered is None:
        return filtered if languages is None else languages
    if set(languages) != set(filtered):
        fault = Fault("/filters/language", "contradiction", "Leave it out, or name the same ones as `languages`.")
        raise InvalidRequestError("`languages` and `filters.language` name different languages.", errors=[fault])
    return languages


def _read_items(item_ids: list[str] | None) -> list[int] | None:
    if item_ids is None:
        return None
    numbers, faults = [], []
    for index, item_id in enumerate(item_ids):
        try:
            numbers.append(decode_id("item", item_id))
        except NotFoundError:
            faults.append(Fault(f"/filters/item_ids/{index}", "unknown_item", f"{item_id!r} is no id of an item."))
    if faults:
        raise InvalidRequestError("Some of the item ids cannot be read.", errors=faults)
    return numbers


def _list(given: str | Sequence[str] | None) -> list[str] | None:
    return [given] if isinstance(given, str) else None if given is None else list(given)
