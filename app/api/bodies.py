"""The door for the bodies of JSON endpoints."""

import re
import zlib
from collections.abc import Iterable
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import make_problem
from app.errors import AppError, Fault, InvalidRequestError, TooLargeError, UnsupportedMediaError

DEPTH_CAP = 64

_UPLOAD_PATH = re.compile(r"/v1/datasets(/validate|/[^/]+/images(/.*)?)?")
_REWRITTEN = {b"content-length", b"content-encoding", b"transfer-encoding"}


class BodyDoor:
    """Reads the bodies of JSON endpoints whole: capped, unzipped, checked; uploads pass and guard themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_upload(scope):
            await self._app(scope, receive, send)
            return
        try:
            check_query(scope)
            cap = scope["app"].state.settings.body_cap_bytes
            body = await read_body(scope, receive, cap)
        except AppError as error:
            await make_problem(error, scope)(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name not in _REWRITTEN]
        headers.append((b"content-length", str(len(body)).encode()))
        await self._app({**scope, "headers": headers}, _replay(body, receive), send)


def check_query(scope: Scope) -> None:
    """Refuse what no column can hold."""
    if b"%00" in scope.get("query_string", b"") or "\x00" in scope["path"]:
        fault = Fault("", "null_character", "U+0000 cannot be stored or searched for; leave it out.")
        raise InvalidRequestError("The address holds a null character.", errors=[fault])


async def read_body(scope: Scope, receive: Receive, cap_bytes: int) -> bytes:
    """The whole body of a JSON endpoint.

    Raises TooLargeError, UnsupportedMediaError, InvalidRequestError (400, with the line of malformed JSON).
    """
    headers = Headers(scope=scope)
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > cap_bytes:
        raise _too_large(cap_bytes)
    received = await _collect(receive, cap_bytes)
    if not received:
        return b""
    body = _decode(received, headers.get("content-encoding", "identity").strip().lower(), cap_bytes)
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        detail = f"The body is {media_type or 'of no declared type'}; send `Content-Type: application/json`"
        raise UnsupportedMediaError(f"{detail} (with curl: `--json`).")
    check_json(body)
    return body


def check_json(body: bytes) -> None:
    """Refuse at the door what later steps cannot hold: malformed JSON, deep nesting, U+0000, lone surrogates."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        message = f"{error.msg} at line {error.lineno}, column {error.colno}"
        fault = Fault("", "malformed_json", message, line=error.lineno)
        raise InvalidRequestError(
            f"The body is not JSON: {message}.", status=400, code="malformed_json", errors=[fault]
        ) from error
    _check_value(value)


def _check_value(value: Any) -> None:
    level: list[tuple[str, Any]] = [("", value)]
    for _ in range(DEPTH_CAP):
        if not level:
            return
        level = [child for pointer, parent in level for child in _children(pointer, parent)]
    fault = Fault(level[0][0][:200] if level else "", "too_deep", f"At most {DEPTH_CAP} levels may be nested.")
    raise InvalidRequestError("The body is nested too deeply.", errors=[fault])


def _children(pointer: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, str):
        if "\x00" in value:
            fault = Fault(pointer, "null_character", "U+0000 cannot be stored; leave it out.")
            raise InvalidRequestError(f"{pointer or 'The body'} holds a null character.", errors=[fault])
    elif isinstance(value, dict):
        for key, child in value.items():
            if "\x00" in key:
                yield from _children(pointer, key)
            yield f"{pointer}/{key}", child
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield f"{pointer}/{index}", child


def _decode(received: bytes, encoding: str, cap_bytes: int) -> bytes:
    if encoding in {"", "identity"}:
        return received
    if encoding not in {"gzip", "x-gzip"}:
        raise UnsupportedMediaError(f"Content-Encoding {encoding!r} is not understood; send gzip or none.")
    unzip = zlib.decompressobj(wbits=31)
    try:
        body = unzip.decompress(received, cap_bytes + 1)
    except zlib.error as error:
        fault = Fault("", "malformed_gzip", "The body says gzip and is none; zip it again or drop Content-Encoding.")
        raise InvalidRequestError(
            "The gzip body is broken.", status=400, code="malformed_gzip", errors=[fault]
        ) from error
    if len(body) > cap_bytes:
        raise _too_large(cap_bytes)
    if not unzip.eof:
        fault = Fault("", "malformed_gzip", "The gzip stream ends too early; send it whole.")
        raise InvalidRequestError("The gzip body is cut off.", status=400, code="malformed_gzip", errors=[fault])
    return body


async def _collect(receive: Receive, cap_bytes: int) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequestError("The client left before the body ended.", status=400, code="client_left")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > cap_bytes:
            raise _too_large(cap_bytes)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large(cap_bytes: int) -> TooLargeError:
    return TooLargeError(f"At most {cap_bytes:,} bytes are taken here; send less, or upload it as a dataset.")


def _is_upload(scope: Scope) -> bool:
    return scope["method"] in {"POST", "PUT"} and _UPLOAD_PATH.fullmatch(scope["path"]) is not None


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
