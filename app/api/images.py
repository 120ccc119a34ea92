"""Pictures over HTTP: uploads into a dataset, what is there and what is missing, their bytes."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from app.api.deps import ResourcesDep, accept_json, begin_reading, begin_writing, negotiate
from app.api.idempotency import IdempotencyKeyHeader, claim_key, keep_response, name_route, read_key, replay
from app.api.image_bodies import ImageAsk, check_ask, receive_images
from app.api.image_views import UPLOAD_DOCS, ImageBody, ReportBody
from app.api.pages import ListBody, PageDep, answer_json, answer_page, answer_resource
from app.api.ranges import answer_file
from app.errors import Fault, InvalidRequestError, InvalidUploadError, NotFoundError, TooLargeError
from app.ids import decode_id
from app.pictures.values import SUFFIXES
from app.resources import Resources
from app.services.image_uploads import ImageRequest, Report, describe_report, take_images
from app.services.images import describe_image, describe_missing, image_path, read_thumbnail
from app.store import images as store
from app.store.datasets import get_dataset

router = APIRouter(tags=["images"])

State = Literal["uploaded", "missing", "surplus"]

_SHOWN_HEADERS = {
    "Cache-Control": "private, no-cache, no-transform",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
_BOMB_CODES = frozenset({"archive_bomb", "too_many_entries"})


def read_ask(
    name: Annotated[str | None, Query(max_length=1024, description="What a single file is called.")] = None,
    image_id: Annotated[str | None, Query(max_length=512, description="The image id of a single picture.")] = None,
    fps: Annotated[float | None, Query(description="Frames per second of videos; 1 by default.")] = None,
    frames: Annotated[int | None, Query(description="So many frames spread over each video, instead of fps.")] = None,
    replace: Annotated[bool, Query(description="Image ids that have another picture get the new one.")] = False,
) -> ImageAsk:
    """What the query asks for; raises InvalidRequestError."""
    ask = ImageAsk(name or None, image_id or None, fps, frames, replace)
    check_ask(ask)
    return ask


AskDep = Annotated[ImageAsk, Depends(read_ask)]


@router.put(
    "/datasets/{dataset_id}/images",
    response_model=ReportBody,
    openapi_extra=UPLOAD_DOCS,
    summary="The same as POST: `curl -T file` says PUT",
    dependencies=[Depends(accept_json)],
)
@router.post(
    "/datasets/{dataset_id}/images",
    response_model=ReportBody,
    openapi_extra=UPLOAD_DOCS,
    summary="Upload pictures, archives of pictures, or videos",
    dependencies=[Depends(accept_json)],
)
async def post_images(
    request: Request,
    resources: ResourcesDep,
    dataset_id: str,
    ask: AskDep,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    return await _take(request, resources, dataset_id, ask)


@router.put(
    "/datasets/{dataset_id}/images/{file_name:path}",
    response_model=ReportBody,
    openapi_extra=UPLOAD_DOCS,
    summary="Upload a file under its name: `curl -T file .../images/` adds it",
    dependencies=[Depends(accept_json)],
)
async def put_named_image(
    request: Request,
    resources: ResourcesDep,
    dataset_id: str,
    file_name: str,
    ask: AskDep,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    named = ImageAsk(ask.name or file_name or None, ask.image_id, ask.fps, ask.frames, ask.replace)
    return await _take(request, resources, dataset_id, named)


@router.get(
    "/datasets/{dataset_id}/images",
    response_model=ListBody,
    summary="Page through a dataset's pictures, or what is missing or too much",
    dependencies=[Depends(accept_json)],
)
async def list_images(
    request: Request,
    resources: ResourcesDep,
    page: PageDep,
    dataset_id: str,
    state: Annotated[
        State,
        Query(description="missing: items name it and nobody uploaded it; surplus: a picture that no item names."),
    ] = "uploaded",
    image_id: Annotated[str | None, Query(description="The picture of one image id.")] = None,
) -> Response:
    number = decode_id("dataset", dataset_id)
    if image_id is not None and state != "uploaded":
        fault = Fault("image_id", "does_not_fit", "An image_id is looked up among the uploaded pictures only.")
        raise InvalidRequestError("image_id and state do not go together.", errors=[fault])
    async with begin_reading(resources) as session:
        dataset = await get_dataset(session, number)
        if state == "missing":
            missing = await store.list_missing(session, number, page.after, page.limit + 1)
            return answer_page(
                request, page, [describe_missing(row) for row in missing], [row.place for row in missing]
            )
        if state == "surplus" and dataset.images_uploaded > 0:
            rows = await store.list_surplus(session, number, page.after, page.limit + 1)
        else:
            rows = await store.list_images(session, number, page.after, page.limit + 1, image_id)
    return answer_page(request, page, [describe_image(row) for row in rows], [row.id for row in rows])


@router.get(
    "/images/{id}",
    response_class=Response,
    responses={
        200: {
            "content": {"image/png": {}, "image/jpeg": {}, "image/webp": {}, "application/json": {}},
            "description": "The picture, or its record.",
            "model": ImageBody,
        },
        206: {"description": "The range that was asked for."},
        304: {"description": "The client has it."},
        416: {"description": "The range lies outside the file."},
    },
    summary="Read a picture, a small copy of it, or its record",
)
async def get_image(
    request: Request,
    resources: ResourcesDep,
    id: str,  # noqa: A002  # the parameter's public name
    thumbnail: Annotated[
        Literal["128", "256"] | None, Query(description="A JPEG with no side above so many pixels.")
    ] = None,
    format: Annotated[Literal["json"] | None, Query(description="json: the record; Accept says it too.")] = None,  # noqa: A002  # the same
) -> Response:
    number = decode_id("image", id)
    async with begin_reading(resources) as session:
        row = await store.get_image(session, number)
    media_type = row.media_type if thumbnail is None else "image/jpeg"
    if format == "json" or negotiate(request, media_type, "application/json") == "application/json":
        return answer_resource(request, describe_image(row))
    headers = {**_SHOWN_HEADERS, "Content-Disposition": f'inline; filename="{id}.{SUFFIXES[media_type]}"'}
    try:
        if thumbnail is not None:
            small = await read_thumbnail(resources, row.sha256, int(thumbnail))
            return answer_file(
                request,
                name=id,
                size=len(small),
                etag=f"{row.sha256}-{thumbnail}",
                read=lambda start, end: _yield_slice(small, start, end),
                media_type=media_type,
                headers=headers,
            )
        size = await resources.blobs.size(image_path(row.sha256))
    except FileNotFoundError as error:
        raise NotFoundError("file of the image", id) from error
    return answer_file(
        request,
        name=id,
        size=size,
        etag=row.sha256,
        read=lambda start, end: resources.blobs.read(image_path(row.sha256), start, end),
        media_type=media_type,
        headers=headers,
    )


async def _take(request: Request, resources: Resources, dataset_id: str, ask: ImageAsk) -> Response:
    """Take an upload in; a repeat under the same Idempotency-Key gets the report of the first one."""
    number = decode_id("dataset", dataset_id)
    async with begin_reading(resources) as session:
        await get_dataset(session, number)
    async with receive_images(request, ask, resources.settings) as upload:
        key, route = read_key(request), name_route(request)
        if key is not None:
            async with begin_writing(resources) as session:
                stored = await claim_key(session, key, route, upload.fingerprint)
            if stored is not None:
                return replay(stored)
        wish = ImageRequest(number, upload.ask.plan(resources.settings), upload.ask.replace)
        report = await take_images(resources, wish, upload.files)
        response = _answer(report, number)
        if key is not None:
            async with begin_writing(resources) as session:
                if await claim_key(session, key, route, upload.fingerprint) is None:
                    await keep_response(session, key, route, upload.fingerprint, response)
        return response


def _answer(report: Report, dataset_id: int) -> Response:
    """The report; a problem that carries it where a file could not be read to its end, or nothing was good."""
    body = describe_report(report, dataset_id)
    good = report.stored + report.already_there + report.replaced
    extra: dict[str, object] = {"report": body}
    if report.failures:
        faults = [Fault(failure.name, failure.code, failure.message) for failure in report.failures]
        detail = f"{faults[0].pointer!r} cannot be read to its end: {faults[0].message} {good:,} pictures are there."
        bomb = next((fault for fault in faults if fault.code in _BOMB_CODES), None)
        if bomb is not None:
            raise TooLargeError(detail, code=bomb.code, errors=faults, extra=extra)
        raise InvalidUploadError(detail, errors=faults, extra=extra)
    if not good:
        faults = [Fault(refusal.name, refusal.code, refusal.message) for refusal in report.first_refused]
        detail = f"None of the {report.refused:,} files is taken." if faults else "There is no picture in it."
        if report.refused == 1:
            detail = f"The file is not taken: {faults[0].message}"
        raise InvalidUploadError(detail, errors=faults or [Fault("", "no_pictures", detail)], extra=extra)
    return answer_json(body)


async def _yield_slice(data: bytes, start: int, end: int) -> AsyncIterator[bytes]:
    yield data[start:end]
