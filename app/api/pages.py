"""Lists: keyset pages with a cursor bound to its filter, bodies, Link headers, ETags."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.errors import Fault, InvalidRequestError
from app.services.versions import require_version

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1000

_DIGEST_BYTES = 8


class ListBody(BaseModel):
    """The shape of every list, for the OpenAPI document."""

    object: str = "list"
    data: list[dict[str, Any]]
    has_more: bool
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """What a client asked for: so many rows beyond a position (None = from the start)."""

    limit: int
    after: int | None


def read_page(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT, description="Rows per page.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=200, description="`next_cursor` of the page before, with the same filters.")
    ] = None,
) -> Page:
    """The page of this request; raises InvalidRequestError for a cursor of another list or a changed one."""
    return Page(limit, None if cursor is None else _open_cursor(cursor, _name_list(request)))


PageDep = Annotated[Page, Depends(read_page)]


def answer_page(request: Request, page: Page, rows: Sequence[Mapping[str, Any]], positions: Sequence[int]) -> Response:
    """The list's body from up to `limit + 1` rows and their positions; the extra one tells that more follows."""
    body, headers = list_page(request, page, rows, positions)
    return answer_json(body, headers=headers)


def list_page(
    request: Request, page: Page, rows: Sequence[Mapping[str, Any]], positions: Sequence[int]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The same as a body and headers, for lists that are part of an answer."""
    has_more = len(rows) > page.limit
    cursor = _seal_cursor(positions[page.limit - 1], _name_list(request)) if has_more else None
    body = {"object": "list", "data": rows[: page.limit], "has_more": has_more, "next_cursor": cursor}
    headers = {}
    if cursor is not None:
        query = [pair for pair in request.query_params.multi_items() if pair[0] not in {"cursor", "after"}]
        headers["Link"] = f'<{request.url.path}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'
    return body, headers


def answer_json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON straight from orjson: times in RFC 3339, no model in between."""
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    return Response(content, status, dict(headers or {}), media_type="application/json")


def answer_resource(
    request: Request,
    body: Mapping[str, Any],
    *,
    etag: str | None = None,
    volatile: frozenset[str] = frozenset(),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A single resource with its ETag, or 304 when the client holds this very one.

    volatile: fields that may change without making it another version (an estimate of the time left).
    """
    if etag is None:
        etag = make_etag({key: value for key, value in body.items() if key not in volatile})
    headers = {"ETag": f'"{etag}"', "Cache-Control": "private, no-cache", **(headers or {})}
    if matches_etag(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return answer_json(body, headers=headers)


def make_etag(body: Mapping[str, Any]) -> str:
    """A digest of what a client would see."""
    return blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=10).hexdigest()


def matches_etag(header: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names this version."""
    named = read_etags(header)
    return "*" in named or etag in named


def read_etags(header: str | None) -> tuple[str, ...]:
    """The versions that an If-Match or If-None-Match header names, `*` for any."""
    if header is None:
        return ()
    return tuple(part.strip().removeprefix("W/").strip('"') for part in header.split(","))


def require_match(request: Request, etag: str) -> None:
    """Let an edit pass only where its If-Match names this version; raises PreconditionError (428 without one, 412)."""
    require_version(read_etags(request.headers.get("if-match")), etag)


def _name_list(request: Request) -> bytes:
    """What a cursor belongs to: the path and every filter, in any order."""
    ignored = {"cursor", "limit", "after"}
    filters = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in ignored)
    return orjson.dumps([request.url.path, filters])


def _seal_cursor(position: int, list_name: bytes) -> str:
    number = position.to_bytes(8, "big")
    return base64.urlsafe_b64encode(number + _digest(number, list_name)).decode().rstrip("=")


def _open_cursor(cursor: str, list_name: bytes) -> int:
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        sealed = b""
    position = int.from_bytes(sealed[:8], "big")
    if _seal_cursor(position, list_name) == cursor:
        return position
    message = (
        "This cursor belongs to another list or was changed; repeat the filters it was made with, or leave it out."
    )
    raise InvalidRequestError("The cursor does not fit.", errors=[Fault("cursor", "invalid_cursor", message)])


def _digest(number: bytes, list_name: bytes) -> bytes:
    return blake2b(number + list_name, digest_size=_DIGEST_BYTES, key=b"syphus cursor 1").digest()
