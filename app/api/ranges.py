"""Files over HTTP: whole or by Range, with an ETag, a chunk at a time."""

import re
from collections.abc import AsyncIterator, Callable, Mapping

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from app.api.pages import matches_etag
from app.api.problems import make_problem
from app.errors import RangeError

_RANGE = re.compile(r"bytes=(\d{0,1000})-(\d{0,1000})")

MEDIA_TYPES = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "tar": "application/x-tar",
}

Reader = Callable[[int, int], AsyncIterator[bytes]]


def answer_file(
    request: Request,
    *,
    name: str,
    size: int,
    etag: str,
    read: Reader,
    media_type: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """200 with the whole, 206 with one range, 304, or 416. `read(start, end)` yields bytes up to before `end`.

    headers: instead of those of a file to be saved that never changes.
    More ranges than one are answered with the whole file, as RFC 9110 allows.
    """
    headers = {
        "ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-transform, max-age=31536000, immutable",
        "Content-Disposition": f'attachment; filename="{name}"',
        **(headers or {}),
    }
    if matches_etag(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    try:
        found = find_range(request, size, etag)
    except RangeError as error:
        return make_problem(error, request.scope, {"Content-Range": f"bytes */{size}"})
    start, end = found or (0, size)
    headers["Content-Length"] = str(end - start)
    if found is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    media_type = media_type or MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    return StreamingResponse(read(start, end), 206 if found else 200, headers, media_type=media_type)


def find_range(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """(start, end) of the range that was asked for, the end not included; None for the whole file.

    Raises RangeError where the range lies outside the file.
    """
    match = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    condition = request.headers.get("if-range")
    if condition is not None and condition.strip() != f'"{etag}"':
        return None
    first, last = match[1], match[2]
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise RangeError(f"The file has {size:,} bytes; ask for bytes=0-{max(0, size - 1)}.")
    return start, end
