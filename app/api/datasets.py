"""Datasets over HTTP: uploads, what became of them, their items and their errors."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.background import BackgroundTask
from starlette.responses import Response

from app.api.deps import ResourcesDep, begin_reading, begin_writing
from app.api.idempotency import IdempotencyKeyHeader, answer_once, read_key
from app.api.pages import ListBody, PageDep, answer_json, answer_page, answer_resource
from app.api.uploads import receive_upload
from app.ids import decode_id
from app.services.datasets import create_dataset, describe_dataset, describe_error, describe_item, validate_upload
from app.services.image_sweeping import sweep_orphans
from app.services.upload_requests import DatasetRequest, check_request
from app.store import datasets as store

router = APIRouter(tags=["datasets"])

NameQuery = Annotated[str | None, Query(description="A name of its own; made up from kind and time by default.")]
KindQuery = Annotated[str | None, Query(description="A kind of GET /kinds, e.g. change.SpotTheDifference.")]
FormatQuery = Annotated[str | None, Query(description="json or jsonl; found out by default.")]
StrictQuery = Annotated[bool, Query(description="Refuse the whole upload for any bad record.")]


async def read_asked(
    name: NameQuery = None,
    kind: KindQuery = None,
    format: FormatQuery = None,  # noqa: A002  # the parameter's public name
    strict: StrictQuery = False,
) -> DatasetRequest:
    """What the query of an upload asks for; raises InvalidRequestError."""
    asked = DatasetRequest(name, kind, format, strict)
    check_request(asked)
    return asked


AskedDep = Annotated[DatasetRequest, Depends(read_asked)]

_ITEM_SCHEMA = {
    "type": "object",
    "required": ["id", "sentences"],
    "properties": {
        "id": {"type": "string"},
        "sentences": {"type": "string"},
        "image_ids": {"type": "array", "items": {"type": "string"}},
    },
}
_TEXT = {"type": "string"}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_UPLOAD_DOCS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The annotation file, plain or gzip; a form with the part `file`; or the items themselves.",
        "content": {
            "application/octet-stream": _BINARY,
            "application/x-ndjson": _BINARY,
            "application/gzip": _BINARY,
            "application/zip": _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "name": _TEXT,
                        "kind": _TEXT,
                        "format": {"type": "string", "enum": ["json", "jsonl"]},
                        "strict": {"type": "boolean"},
                    },
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["items"],
                    "properties": {
                        "name": _TEXT,
                        "kind": _TEXT,
                        "strict": {"type": "boolean"},
                        "items": {"type": "array", "items": _ITEM_SCHEMA},
                    },
                }
            },
        },
    }
}


class DatasetCounts(BaseModel):
    """`images` are the different image ids that items name."""

    items: int
    unique_source_ids: int
    images: int
    errors: int


class DatasetImages(BaseModel):
    """Pictures: uploaded ones, image ids that items name and that have none, and pictures that no item names."""

    uploaded: int
    missing: int
    surplus: int


class DatasetBody(BaseModel):
    """A dataset, for the OpenAPI document."""

    id: str
    object: str = "dataset"
    name: str
    version: int
    kind: str | None
    abbr: str
    format: str
    state: str
    failure: str | None
    created_at: str
    bytes: int
    sha256: str | None
    counts: DatasetCounts
    images: DatasetImages


class ValidationBody(BaseModel):
    """What an upload would bring, for the OpenAPI document."""

    object: str = "dataset.validation"
    valid: bool
    kind: str | None
    abbr: str
    bytes: int
    sha256: str
    counts: DatasetCounts
    errors: list[dict[str, Any]]
    samples: list[dict[str, Any]]


@router.put(
    "/datasets",
    status_code=201,
    response_model=DatasetBody,
    openapi_extra=_UPLOAD_DOCS,
    summary="The same as POST: `curl -T file` says PUT",
)
@router.post(
    "/datasets",
    status_code=201,
    response_model=DatasetBody,
    openapi_extra=_UPLOAD_DOCS,
    summary="Upload a file of annotations, or send items inline",
)
async def post_dataset(
    request: Request,
    resources: ResourcesDep,
    asked: AskedDep,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    if asked.name is not None and read_key(request) is None:
        async with begin_reading(resources) as session:
            await store.check_name(session, asked.name)
    async with receive_upload(request, asked, resources.settings) as upload:
        new = check_request(upload.request)

        async def create(session: AsyncSession) -> Response:
            body = describe_dataset(await create_dataset(session, new, upload.source))
            return answer_json(body, 201, {"Location": f"/v1/datasets/{body['id']}"})

        return await answer_once(request, resources, create, fingerprint=upload.fingerprint)


@router.put(
    "/datasets/validate",
    response_model=ValidationBody,
    openapi_extra=_UPLOAD_DOCS,
    summary="The same as POST: `curl -T file` says PUT",
)
@router.post(
    "/datasets/validate",
    response_model=ValidationBody,
    openapi_extra=_UPLOAD_DOCS,
    summary="Read an upload and report on it, without keeping anything",
)
async def validate_dataset(
    request: Request,
    resources: ResourcesDep,
    asked: AskedDep,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    async with receive_upload(request, asked, resources.settings) as upload:
        new = check_request(upload.request)
        async with begin_reading(resources) as session:
            return answer_json(await validate_upload(session, new, upload.source))


@router.get("/datasets", response_model=ListBody, summary="List datasets, the newest first")
async def list_datasets(request: Request, resources: ResourcesDep, page: PageDep) -> Response:
    async with begin_reading(resources) as session:
        rows = await store.list_datasets(session, page.after, page.limit + 1)
    return answer_page(request, page, [describe_dataset(row) for row in rows], [row.id for row in rows])


@router.get("/datasets/{dataset_id}", response_model=DatasetBody, summary="Read a dataset")
async def get_dataset(request: Request, resources: ResourcesDep, dataset_id: str) -> Response:
    number = decode_id("dataset", dataset_id)
    async with begin_reading(resources) as session:
        row = await store.get_dataset(session, number)
    return answer_resource(request, describe_dataset(row))


@router.delete("/datasets/{dataset_id}", status_code=204, summary="Delete a dataset that no job uses")
async def delete_dataset(resources: ResourcesDep, dataset_id: str) -> Response:
    number = decode_id("dataset", dataset_id)
    async with begin_writing(resources) as session:
        await store.delete_dataset(session, number)
    return Response(status_code=204, background=BackgroundTask(sweep_orphans, resources))


@router.get("/datasets/{dataset_id}/items", response_model=ListBody, summary="Page through a dataset's items")
async def list_items(
    request: Request,
    resources: ResourcesDep,
    page: PageDep,
    dataset_id: str,
    source_id: Annotated[str | None, Query(description="Only items of this id in the file.")] = None,
) -> Response:
    number = decode_id("dataset", dataset_id)
    async with begin_reading(resources) as session:
        await store.get_dataset(session, number)
        rows = await store.list_items(session, number, page.after, page.limit + 1, source_id)
    return answer_page(request, page, [describe_item(row) for row in rows], [row.position for row in rows])


@router.get("/datasets/{dataset_id}/errors", response_model=ListBody, summary="Page through refused records")
async def list_errors(request: Request, resources: ResourcesDep, page: PageDep, dataset_id: str) -> Response:
    number = decode_id("dataset", dataset_id)
    async with begin_reading(resources) as session:
        await store.get_dataset(session, number)
        rows = await store.list_errors(session, number, page.after, page.limit + 1)
    return answer_page(request, page, [describe_error(row) for row in rows], [row.seq for row in rows])
