"""Receives uploads: a raw body, a multipart form, or inline JSON items; whatever the size, a block at a time."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

import orjson
from fastapi import Request
from starlette.requests import ClientDisconnect

from app.api.forms import FormReader
from app.api.problems import name_near_matches
from app.errors import AppError, Fault, InvalidRequestError, TooLargeError, UnsupportedMediaError
from app.services.upload_requests import DatasetRequest, InlineItems, Source, SourceFile
from app.services.uploads import Caps, Spool, incoming_folder, spool_chunks
from app.settings import Settings
from datasets.strict_json import FlawError, parse_strictly

DRAIN_BYTES = 64 << 20
DRAIN_S = 10.0

_FIELDS = ("name", "kind", "format", "strict")
_INLINE_FIELDS = ("name", "kind", "strict", "items")
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}
_INLINE_START = re.compile(rb'\s*\{\s*"(?:name|kind|strict|items)"\s*:')
_ITEM_START = re.compile(rb'\s*\{\s*"(?:id|sentences|image_ids)"\s*:')
_RAW_TYPES = frozenset(
    {
        "",
        "application/json",
        "application/octet-stream",
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/gzip",
        "application/x-gzip",
        "application/zip",  # for kinds that read several files together
        "application/x-zip-compressed",
        "application/x-www-form-urlencoded",  # what curl says of --data-binary
        "binary/octet-stream",
    }
)


@dataclass(frozen=True, slots=True)
class Upload:
    """What was asked for and what was sent; `fingerprint` stands for both in idempotency."""

    request: DatasetRequest
    source: Source

    @property
    def fingerprint(self) -> str:
        asked = [self.request.name, self.request.kind, self.request.format, self.request.strict, self.source.sha256]
        return sha256(orjson.dumps(asked)).hexdigest()


@asynccontextmanager
async def reading_body(request: Request) -> AsyncIterator[AsyncIterator[bytes]]:
    """The blocks of a body; of one that is refused midway the rest is drained, so that the refusal can be read.

    Raises InvalidRequestError where the client leaves.
    """
    stream = request.stream()
    try:
        yield stream
    except ClientDisconnect as error:
        detail = "The client left before the body ended."
        raise InvalidRequestError(detail, status=400, code="client_left") from error
    except AppError:
        await drain(request, stream)
        raise


@asynccontextmanager
async def receive_upload(request: Request, asked: DatasetRequest, settings: Settings) -> AsyncIterator[Upload]:
    """The whole upload in a temporary file that is gone after the block. `asked` is what the query says.

    Raises TooLargeError, UnsupportedMediaError, InvalidUploadError, InvalidRequestError.
    """
    media_type, is_encoded = _check_headers(request, settings)
    with Spool(incoming_folder(settings), Caps.of(settings), is_encoded=is_encoded) as spool:
        async with reading_body(request) as stream:
            if media_type == "multipart/form-data":
                form = FormReader(request.headers["content-type"])
                await spool_chunks(spool, form.read(stream))
                asked = merge_fields(asked, form.fields)
            else:
                await spool_chunks(spool, stream)
        file = SourceFile(spool.path, spool.bytes, spool.sha256)
        inline = None
        if media_type == "application/json":
            inline = await asyncio.to_thread(_find_inline, file, asked, settings.body_cap_bytes)
        yield Upload(*inline) if inline is not None else Upload(asked, file)


def merge_fields(asked: DatasetRequest, fields: Mapping[str, object], pointer: str = "") -> DatasetRequest:
    """The request with what the body says; the body outweighs the query. Raises InvalidRequestError."""
    faults: list[Fault] = []
    texts: dict[str, str | None] = {"name": asked.name, "kind": asked.kind, "format": asked.format}
    strict = asked.strict
    for name, value in fields.items():
        place = f"{pointer}{name}"
        if name == "strict" and str(value).lower() in _TRUTHS:
            strict = _TRUTHS[str(value).lower()]
        elif name == "strict":
            faults.append(Fault(place, "wrong_type", "strict is true or false."))
        elif name not in texts:
            mend = name_near_matches(name, _FIELDS)
            faults.append(Fault(place, "unknown_field", f"There is no field {name!r}. {mend}"))
        elif value is not None and not isinstance(value, str):
            faults.append(Fault(place, "wrong_type", "There must be a text here."))
        else:
            texts[name] = value or None
    if faults:
        raise InvalidRequestError("The upload's fields are not valid.", errors=faults)
    return DatasetRequest(texts["name"], texts["kind"], texts["format"], strict)


def _check_headers(request: Request, settings: Settings) -> tuple[str, bool]:
    """The media type, and whether the body is gzip by Content-Encoding."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_known = media_type in _RAW_TYPES or media_type.startswith("text/") or media_type == "multipart/form-data"
    if not is_known:
        raise UnsupportedMediaError(
            f"{media_type!r} is not taken here; send json, jsonl or gzip (`curl -T file`), or multipart/form-data."
        )
    return media_type, check_encoding(request, media_type, settings)


def check_encoding(request: Request, media_type: str, settings: Settings) -> bool:
    """Whether the body is gzip by Content-Encoding.

    Raises UnsupportedMediaError for another encoding, TooLargeError for a body that says it is.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    is_encoded = encoding in {"gzip", "x-gzip"}
    if not is_encoded and encoding not in {"", "identity"}:
        raise UnsupportedMediaError(f"Content-Encoding {encoding!r} is not understood; send gzip or none.")
    if is_encoded and media_type == "multipart/form-data":
        raise UnsupportedMediaError("A form cannot be gzip as a whole; pack the file inside it.")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > settings.upload_cap_bytes:
        raise TooLargeError(f"An upload holds at most {settings.upload_cap_bytes:,} bytes; split the file.")
    return is_encoded


async def drain(request: Request, stream: AsyncIterator[bytes]) -> None:
    """Read on a little after a refusal: closing on a client that still sends would lose it the answer."""
    if request.headers.get("expect"):
        return
    drained = 0
    try:
        async with asyncio.timeout(DRAIN_S):
            async for chunk in stream:
                drained += len(chunk)
                if drained > DRAIN_BYTES:
                    return
    except (ClientDisconnect, TimeoutError):
        return


def _find_inline(
    source: SourceFile, asked: DatasetRequest, cap_bytes: int
) -> tuple[DatasetRequest, InlineItems] | None:
    """The items of a JSON body that holds them itself; None where the body is a file."""
    with source.path.open("rb") as file:
        start = file.read(4096)
        is_inline = _INLINE_START.match(start) is not None
        if not is_inline and (asked.kind or source.bytes > cap_bytes or not _begins_oddly(start)):
            return None
        if source.bytes > cap_bytes:
            raise TooLargeError(f"Inline items take at most {cap_bytes:,} bytes; upload them as a file (`curl -T`).")
        file.seek(0)
        raw = file.read()
    try:
        body = parse_strictly(raw)
    except FlawError as error:
        if not is_inline:
            return None
        fault = Fault(error.pointer, error.code, error.message)
        raise InvalidRequestError("The body is no valid JSON.", errors=[fault]) from error
    if not isinstance(body, dict):
        return None
    if not isinstance(body.get("items", []), list):
        if asked.kind or not set(body) <= set(_INLINE_FIELDS):
            return None
        fault = Fault("/items", "wrong_type", 'There must be an array of items here: [{"id": "…", "sentences": "…"}].')
        raise InvalidRequestError("The body has no list of items.", errors=[fault])
    if "items" not in body:
        if asked.name is not None or not set(body) <= set(_INLINE_FIELDS):
            return None
        fault = Fault("/items", "missing", 'Give the items: [{"id": "…", "sentences": "…"}, …].')
        raise InvalidRequestError("The body has no items.", errors=[fault])
    items = body.pop("items")
    return merge_fields(asked, body, "/"), InlineItems(items, source.bytes, source.sha256)


def _begins_oddly(start: bytes) -> bool:
    """Whether a body without a kind is an object that begins like no item: perhaps a body with a mistyped field."""
    return start.lstrip()[:1] == b"{" and _ITEM_START.match(start) is None
