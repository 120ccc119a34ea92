"""The door for the bodies of JSON endpoints."""

import re
import zlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import make_problem
from app.errors import AppError, Fault, InvalidRequestError, TooLargeError, UnsupportedMediaError
from datasets.record_values import join_pointer
from datasets.strict_json import FlawError, parse_strictly

DEPTH_CAP = 64
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1

_UPLOAD_PATH = re.compile(r"/v1/datasets(/validate|/[^/]+/images(/.*)?)?")
_PUT_PATH = re.compile(r"/v1/datasets(/[^/]+|/[^/]+/images(/.*)?)?")
_REWRITTEN = {b"content-length", b"content-encoding", b"transfer-encoding"}


class BodyDoor:
    """Reads the bodies of JSON endpoints whole: capped, unzipped, checked; uploads pass and guard themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            check_query(scope)
            cap = scope["app"].state.settings.body_cap_bytes
            body = None if _is_upload(scope) else await read_body(scope, receive, cap)
        except AppError as error:
            await make_problem(error, scope)(scope, receive, send)
            return
        if body is None:
            await self._app(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name not in _REWRITTEN]
        headers.append((b"content-length", str(len(body)).encode()))
        await self._app({**scope, "headers": headers}, _replay(body, receive), send)


def check_query(scope: Scope) -> None:
    """Refuse what no column can hold."""
    if b"%00" in scope.get("query_string", b"") or "\x00" in scope["path"]:
        fault = Fault("", "null_character", "U+0000 cannot be stored or searched for; leave it out.")
        raise InvalidRequestError("The address holds a null character.", errors=[fault])
    try:
        unquote_to_bytes(scope.get("query_string", b"")).decode()
        unquote_to_bytes(scope.get("raw_path") or b"").decode()
    except UnicodeDecodeError as error:
        fault = Fault("", "not_utf8", "Percent-encode the address as UTF-8 (with curl: -G --data-urlencode).")
        raise InvalidRequestError("The address holds bytes that are not UTF-8.", errors=[fault]) from error


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
    """Refuse at the door what later steps cannot hold, or would read differently.

    Malformed JSON, deep nesting, U+0000, lone surrogates, a key that occurs twice, whole numbers beyond 64 bits.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        what, line, column = _locate(body, error)
        message = f"{what} at line {line}, column {column}"
        fault = Fault("", "malformed_json", message, line=line)
        raise InvalidRequestError(
            f"The body is not JSON: {message}.", status=400, code="malformed_json", errors=[fault]
        ) from error
    _check_value(value)
    try:
        exact = parse_strictly(body)
    except FlawError as error:
        fault = Fault(error.pointer, error.code, error.message)
        raise InvalidRequestError(f"The body cannot be read: {error.message}", errors=[fault]) from error
    _check_value(exact)  # the fast parser has turned large whole numbers into floats


def _locate(body: bytes, error: orjson.JSONDecodeError) -> tuple[str, int, int]:
    """What is wrong in which line and column; the parser does not say where a byte is that is no UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError as broken:
        before = body[: broken.start]
        column = len(before) - before.rfind(b"\n")
        return f"byte {broken.start} is not UTF-8 (save or send it as UTF-8)", before.count(b"\n") + 1, column
    return error.msg, error.lineno, error.colno


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
            yield join_pointer(pointer, (key,)), child
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield f"{pointer}/{index}", child
    elif isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        fault = Fault(pointer, "number_out_of_range", "A whole number has at most 64 bits; send it as a text.")
        raise InvalidRequestError(f"{pointer or 'The body'} holds too large a number.", errors=[fault])


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
    """Uploads, and the slip that `curl -T` makes of a slash at the end: the router says what is wrong with it."""
    path = _UPLOAD_PATH if scope["method"] == "POST" else _PUT_PATH
    return scope["method"] in {"POST", "PUT"} and path.fullmatch(scope["path"]) is not None


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
