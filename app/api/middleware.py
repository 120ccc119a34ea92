"""What wraps every request: its id, HEAD, unexpected failures, compression."""

import logging
import re
import zlib
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import make_problem, translate_exception
from app.clock import monotonic_s, new_id

GZIP_FLOOR_BYTES = 1024

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_TAKES_GZIP = re.compile(r"(^|,)\s*(x-)?gzip\s*(;\s*q=(1|0\.0*[1-9])[\d.]*)?\s*(,|$)")
_COMPRESSIBLE = (
    "application/json",
    "application/problem+json",
    "application/x-ndjson",
    "text/html",
    "text/plain",
    "image/svg+xml",
)

log = logging.getLogger("syphus.api")


class Envelope:
    """Gives each request an id, answers HEAD for every GET, and turns what nobody caught into a problem."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, _shorten_failures(send))
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = {**scope, "path": scope["path"].rstrip("/") or "/"}  # a slash at the end changes nothing
        reply = _Reply(scope, send)
        if reply.is_head:
            scope = {**scope, "method": "GET"}
        try:
            await self._app(scope, receive, reply.send)
        except Exception as error:
            if reply.is_cut:
                return
            failure = translate_exception(error, scope)
            if reply.has_started:
                raise
            await make_problem(failure, scope)(scope, receive, reply.send)
        finally:
            reply.log()


class _HeadAnsweredError(Exception):
    """Ends a handler whose body nobody reads."""


class _Reply:
    """One response on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        given = Headers(scope=scope).get("x-request-id", "")
        self.request_id = given if _SANE_ID.fullmatch(given) else f"req_{new_id():016x}"
        self.is_head = scope["method"] == "HEAD"
        self.has_started = self.is_cut = False
        self._status = 0
        self._scope = scope
        self._send = send
        self._started_s = monotonic_s()
        state = scope.setdefault("state", {})
        state["request_id"], state["method"] = self.request_id, scope["method"]

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            headers["X-Content-Type-Options"] = "nosniff"
        elif self.is_head:
            await self._end_head(is_stream=message.get("more_body", False))
            return
        await self._send(message)

    async def _end_head(self, *, is_stream: bool) -> None:
        if not self.is_cut:
            self.is_cut = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        if is_stream:
            raise _HeadAnsweredError

    def log(self) -> None:
        route = self._scope["path"]
        duration_ms = round((monotonic_s() - self._started_s) * 1000)
        extra = {"method": self._scope["method"], "path": route, "status": self._status}
        log.debug("request", extra={**extra, "duration_ms": duration_ms, "request_id": self.request_id})


def _shorten_failures(send: Send) -> Send:
    """A refused start prints its reason, not a stack."""

    async def forward(message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            lines = [line for line in message.get("message", "").splitlines() if line.strip()]
            if lines and "StartRefusedError" in lines[-1]:
                message = {**message, "message": lines[-1].partition(": ")[2]}
        await send(message)

    return forward


class Compress:
    """gzip for texts of some size, where the client takes it; event streams and files pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            taken = _TAKES_GZIP.search(Headers(scope=scope).get("accept-encoding", ""))
            send = _Zipper(send, is_wanted=taken is not None).send
        await self._app(scope, receive, send)


class _Zipper:
    """Holds the head of a response until its first chunk shows whether zipping pays."""

    def __init__(self, send: Send, *, is_wanted: bool) -> None:
        self._send = send
        self._is_wanted = is_wanted
        self._start: Message | None = None
        self._zip: Any = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            media_type = headers.get("content-type", "").partition(";")[0]
            plain = "content-encoding" not in headers and "content-range" not in headers
            plain = plain and "no-transform" not in headers.get("cache-control", "")
            if plain and message["status"] == 200 and media_type in _COMPRESSIBLE:
                headers.add_vary_header("Accept-Encoding")
                if self._is_wanted:
                    self._start = message
                    return
        elif message["type"] == "http.response.body":
            message = await self._zip_chunk(message)
        await self._send(message)

    async def _zip_chunk(self, message: Message) -> Message:
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            start, self._start = self._start, None
            if more or len(body) >= GZIP_FLOOR_BYTES:
                self._zip = zlib.compressobj(level=4, wbits=31)
                _mark_zipped(MutableHeaders(scope=start))
            if self._zip is not None and not more:
                body = self._zip.compress(body) + self._zip.flush()
                MutableHeaders(scope=start)["Content-Length"] = str(len(body))
                self._zip = None
            await self._send(start)
        if self._zip is not None:
            body = self._zip.compress(body) + self._zip.flush(zlib.Z_SYNC_FLUSH if more else zlib.Z_FINISH)
        return {**message, "body": body}


def _mark_zipped(headers: MutableHeaders) -> None:
    headers["Content-Encoding"] = "gzip"
    if "content-length" in headers:
        del headers["Content-Length"]
    etag = headers.get("etag")
    if etag and not etag.startswith("W/"):
        headers["ETag"] = f"W/{etag}"
