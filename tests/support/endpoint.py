"""A loopback endpoint that completes chats and embeds texts, keeps a bill and misbehaves on demand.

It is a process of its own: `python -m tests.support.endpoint --port 0` prints its URL. A request is *accepted*,
and billed, once it is wholly read and no limit or fault refuses it; it is *answered* once the reply is written.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import orjson
import uvloop

from tests.support.behaviour import Mode, RateLimit
from tests.support.replies import ChatRequest, reply_text
from tests.support.vectors import VectorRequest, embedding_entries

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 411: "Length Required"} | {
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_HTML = b"<html><head><title>Gateway</title></head><body><h1>It works!</h1></body></html>"
PICTURE_TOKENS = 255
_decode_request = msgspec.json.Decoder(ChatRequest).decode
_decode_vector_request = msgspec.json.Decoder(VectorRequest).decode


@dataclass(slots=True)
class Bill:
    """What came in, what went out and what it costs, since the start or the last reset."""

    requests: int = 0
    accepted: int = 0
    abandoned: int = 0
    in_flight: int = 0
    peak_in_flight: int = 0
    connections: int = 0
    limited: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    vector_requests: int = 0
    vectors: int = 0
    first_accepted_s: float = 0.0
    last_accepted_s: float = 0.0
    answered: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    attempts: Counter[bytes] = field(default_factory=Counter)
    paid: Counter[bytes] = field(default_factory=Counter)
    callers: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """All of it but the counts per key."""
        numbers = {
            name: getattr(self, name)
            for name in Bill.__slots__
            if name not in {"answered", "faults", "attempts", "paid", "callers"}
        }
        return numbers | {
            "answered": dict(self.answered),
            "faults": dict(self.faults),
            "callers": dict(self.callers),
            "distinct": len(self.paid),
            "paid_twice": sum(self.paid.values()) - len(self.paid),
        }


class State:
    """The mode, the limit and the bill that all connections share."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.limit = RateLimit(mode, time.monotonic())
        self.bill = Bill()

    def change(self, changes: dict[str, Any]) -> None:
        """Put on other manners; a quota starts afresh only when something about the limit changes."""
        before = msgspec.structs.asdict(self.mode)
        self.mode = msgspec.convert(before | changes, Mode)
        if any(name in changes for name in ("limit_per_s", "limit_style", "window_s", "burst", "tokens_per_s")):
            self.limit = RateLimit(self.mode, time.monotonic())

    def accept(self, key: bytes, caller: str, now: float) -> None:
        """Note that a request will be answered with a completion, and is therefore paid for; by whose key, too."""
        bill = self.bill
        bill.callers[caller] += 1
        bill.accepted += 1
        bill.paid[key] += 1
        bill.first_accepted_s = bill.first_accepted_s or now
        bill.last_accepted_s = now


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests on it are answered one after another."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._buffer = bytearray()
        self._busy = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._state.bill.connections += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._next_request()

    def _next_request(self) -> None:
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self._buffer[:head_end])
        lower = head.lower()
        at = lower.find(b"\r\ncontent-length:")
        size = int(lower[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        end = head_end + 4 + size
        if len(self._buffer) < end:
            return
        body = bytes(self._buffer[head_end + 4 : end])
        del self._buffer[:end]
        method, _, rest = head.partition(b" ")
        path = rest.split(b" ", 1)[0]
        if b"transfer-encoding: chunked" in lower:
            self._refuse(411, "length_required", "Send a Content-Length.")
        elif method == b"POST" and path.partition(b"?")[0].endswith(b"/chat/completions"):
            self._complete(path, lower, body)
        elif method == b"POST" and path.partition(b"?")[0].endswith(b"/embeddings"):
            self._embed(path, lower, body)
        else:
            self._control(method, path, body)

    def _embed(self, path: bytes, head: bytes, body: bytes) -> None:
        mode, bill = self._state.mode, self._state.bill
        bill.requests += 1
        bill.vector_requests += 1
        if self._is_refused_at_the_door(path, head, body):
            return
        try:
            request = _decode_vector_request(body)
        except msgspec.ValidationError as error:
            self._refuse(400, "invalid_request_error", str(error))
            return
        if mode.refuses and any(mode.refuses in str(thing) for thing in request.input):
            self._refuse(400, "invalid_request_error", "An input cannot be embedded.")
            return
        self._admit(request, request.key, len(body), _caller_of(head))

    def _complete(self, path: bytes, head: bytes, body: bytes) -> None:
        self._state.bill.requests += 1
        if self._is_refused_at_the_door(path, head, body):
            return
        try:
            request = _decode_request(body)
        except msgspec.ValidationError as error:
            self._refuse(400, "invalid_request_error", str(error))
            return
        self._admit(request, request.key, len(body), _caller_of(head))

    def _admit(self, request: ChatRequest | VectorRequest, key: bytes, size: int, caller: str) -> None:
        """Answer a request that can be read, unless the limit refuses it."""
        state, mode, bill = self._state, self._state.mode, self._state.bill
        attempt = bill.attempts[key]
        bill.attempts[key] = attempt + 1
        now = time.monotonic()
        wait_s = state.limit.admit(now, size // 4)
        if wait_s:
            bill.limited += 1
            delay_s = mode.delay_s(key) if mode.refusal_latency else 0.0
            self._later(delay_s, lambda: self._refuse(429, "rate_limit_exceeded", "Too many requests.", wait_s))
            return
        self._answer(request, key, mode.fault_of(key, attempt), size, caller)

    def _is_refused_at_the_door(self, path: bytes, head: bytes, body: bytes) -> bool:
        mode = self._state.mode
        if mode.outage:
            self._state.bill.faults["outage"] += 1
            if mode.outage == "reset":
                self._transport.abort()
            else:
                self._refuse(503, "unavailable", "The service is down.", mode.outage_retry_after_s)
        elif mode.api_key and mode.api_key.lower().encode() not in head:
            self._refuse(401, "invalid_api_key", "The key is not valid.")
        elif b"/deployments/" in path and b"api-version=" not in path:
            self._refuse(404, "not_found", "The api-version is missing.")
        elif mode.refuse_response_format and b'"response_format"' in body:
            self._refuse(400, "invalid_request_error", "Unknown parameter: 'response_format' (json_schema).")
        else:
            return False
        return True

    def _answer(self, request: ChatRequest | VectorRequest, key: bytes, fault: str, size: int, caller: str) -> None:
        state, mode = self._state, self._state.mode
        if fault:
            state.bill.faults[fault] += 1
        delay_s = mode.delay_s(key)
        if fault == "hang":
            self._busy = True
        elif fault == "too_many":
            self._later(delay_s, lambda: self._refuse(429, "rate_limit_exceeded", "Slow down.", 0.5))
        elif fault == "server_error":
            self._later(delay_s, lambda: self._refuse(500, "server_error", "Something broke.", 0.5))
        elif fault == "reset_before":
            self._later(delay_s, self._transport.abort)
        elif fault == "html":
            self._later(delay_s, lambda: self._send(200, _HTML, "text/html"))
        else:
            state.accept(key, caller, time.monotonic())
            if isinstance(request, ChatRequest) and request.urls:
                state.bill.shown.append(request.layout)
            self._later(delay_s, lambda: self._reply_to(request, key, fault, size))

    def _reply_to(self, request: ChatRequest | VectorRequest, key: bytes, fault: str, size: int) -> None:
        if isinstance(request, VectorRequest):
            self._reply_vectors(request, fault)
        else:
            self._reply(request, key, fault, size)

    def _reply_vectors(self, request: VectorRequest, fault: str) -> None:
        tokens = max(1, sum(len(str(thing)) for thing in request.input) // 4)
        bill = self._state.bill
        bill.prompt_tokens += tokens
        bill.vectors += len(request.input)
        body: dict[str, Any] = {"object": "list", "data": embedding_entries(request), "model": request.model}
        if self._state.mode.report_usage:
            body["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        raw = _disturb_bytes(orjson.dumps(body), fault)
        if fault == "reset_mid":
            self._reset_midway(raw)
            return
        self._send(200, raw)

    def _reset_midway(self, raw: bytes) -> None:
        self._transport.write(_head(200, len(raw), "application/json", "") + raw[: len(raw) // 2])
        asyncio.get_running_loop().call_later(0.01, self._transport.abort)

    def _reply(self, request: ChatRequest, key: bytes, fault: str, size: int) -> None:
        mode, bill = self._state.mode, self._state.bill
        text = reply_text(request, key, pairs=mode.pairs, spoiled=mode.wrong_translations, says=mode.says)
        text, finish_reason = _disturb(text, fault, mode)
        usage = _usage(request, size, text)
        bill.prompt_tokens += usage["prompt_tokens"]
        bill.completion_tokens += usage["completion_tokens"]
        bill.cached_tokens += usage["prompt_tokens_details"]["cached_tokens"]
        body = {
            "id": "chatcmpl-" + key.hex(),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": request.model,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason},
            ],
        }
        if mode.report_usage:
            body["usage"] = usage
        raw = _disturb_bytes(orjson.dumps(body), fault)
        if fault == "reset_mid":
            self._reset_midway(raw)
            return
        self._send(200, raw)

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        bill = self._state.bill
        bill.in_flight += 1
        bill.peak_in_flight = max(bill.peak_in_flight, bill.in_flight)
        self._busy = True

        def run() -> None:
            self._busy = False
            self._state.bill.in_flight -= 1
            act()
            if self._buffer and not self._busy:
                self._next_request()

        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, run)
        else:
            run()

    def _refuse(self, status: int, code: str, message: str, wait_s: float = 0.0) -> None:
        extra = f"retry-after: {max(1, -int(-wait_s // 1))}\r\n" if wait_s and self._state.mode.retry_after else ""
        if status == 503 and wait_s:
            extra = f"retry-after: {int(wait_s)}\r\n"
        error = {"error": {"message": message, "type": code, "param": None, "code": code}}
        self._send(status, orjson.dumps(error), extra=extra)

    def _send(self, status: int, body: bytes, content_type: str = "application/json", extra: str = "") -> None:
        state = self._state
        if self._transport.is_closing():
            state.bill.abandoned += 1
            return
        state.bill.answered[str(status)] += 1
        if state.mode.limit_headers:
            extra += state.limit.headers(time.monotonic())
        self._transport.write(_head(status, len(body), content_type, extra) + body)

    def _control(self, method: bytes, path: bytes, body: bytes) -> None:
        state = self._state
        answer: object
        if path == b"/_control/stats":
            answer = state.bill.as_json()
        elif path == b"/_control/keys":
            answer = {key.hex(): count for key, count in state.bill.paid.items()}
        elif path == b"/_control/mode" and method == b"POST":
            try:
                state.change(orjson.loads(body))
            except (orjson.JSONDecodeError, msgspec.ValidationError) as error:
                self._write(400, {"error": str(error)})
                return
            answer = msgspec.to_builtins(state.mode)
        elif path == b"/_control/reset" and method == b"POST":
            state.bill, state.limit = Bill(in_flight=state.bill.in_flight), RateLimit(state.mode, time.monotonic())
            answer = {}
        elif path.endswith(b"/models"):
            answer = {"object": "list", "data": [{"id": "loopback", "object": "model", "owned_by": "tests"}]}
        else:
            self._write(404, {"error": {"message": "There is nothing here.", "code": "not_found"}})
            return
        self._write(200, answer)

    def _write(self, status: int, answer: object) -> None:
        """Answer outside the bill."""
        body = orjson.dumps(answer)
        self._transport.write(_head(status, len(body), "application/json", "") + body)


def _head(status: int, size: int, content_type: str, extra: str) -> bytes:
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: {content_type}\r\ncontent-length: {size}\r\n{extra}\r\n"
    ).encode()


def _caller_of(head: bytes) -> str:
    """The key a request came with, in lower case like the head it is read from."""
    return head.partition(b"\r\nauthorization: bearer ")[2].partition(b"\r\n")[0].decode("latin-1")


def _usage(request: ChatRequest, size: int, text: str) -> dict[str, Any]:
    """Tokens by the rule of four bytes, and a fixed price for each picture; what precedes the last message counts as
    cached from 1,024 tokens on.
    """
    text_bytes = size - sum(map(len, request.urls))
    prompt_tokens = max(1, text_bytes // 4) + PICTURE_TOKENS * len(request.urls)
    prefix = prompt_tokens - len(request.messages[-1].text) // 4
    cached = prefix // 128 * 128 if prefix >= 1024 else 0
    completion_tokens = max(1, len(text.encode("utf-8", "replace")) // 4)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _disturb(text: str, fault: str, mode: Mode) -> tuple[str, str]:
    """The text and finish reason a fault turns an answer into."""
    if fault == "refusal":
        return "I'm sorry, but as an AI language model I cannot help with that.", "stop"
    if fault == "content_filter":
        return "", "content_filter"
    if fault == "cut":
        return text[: len(text) * 2 // 3], "length"
    if fault == "huge":
        return text + " " + "many words " * (mode.huge_bytes // 11), "stop"
    return text, "stop"


def _disturb_bytes(raw: bytes, fault: str) -> bytes:
    """The bytes on the wire: escapes that databases refuse, numbers that JSON lacks, a body that stops short."""
    if fault in {"nul", "surrogate"}:
        escape = b"\\u0000" if fault == "nul" else b"\\ud800"
        return raw.replace(b"centimetres", b"centi" + escape + b"metres")
    if fault == "nan":
        return raw.replace(b'"index":0', b'"index":0,"logprobs":NaN')
    return raw[: len(raw) * 2 // 3] if fault == "truncated" else raw


async def serve(mode: Mode, port: int, *, ends_with_stdin: bool) -> None:
    """Listen on loopback and print the URL; end at SIGTERM, or when the parent's pipe closes."""
    loop = asyncio.get_running_loop()
    state = State(mode)
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", port, backlog=4096)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1\n")
    sys.stdout.flush()
    if ends_with_stdin:
        await loop.run_in_executor(None, sys.stdin.buffer.read)
    else:
        await server.serve_forever()


def main() -> None:
    """The command line; `--mode` takes the knobs of Mode as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mode", default="{}", help="JSON with the knobs of Mode")
    parser.add_argument("--ends-with-stdin", action="store_true")
    options = parser.parse_args()
    mode = msgspec.json.decode(options.mode, type=Mode)
    uvloop.run(serve(mode, options.port, ends_with_stdin=options.ends_with_stdin))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running endpoint as a test sees it."""

    url: str
    pid: int

    async def stats(self) -> dict[str, Any]:
        """The bill; see Bill."""
        return cast("dict[str, Any]", await self._ask("GET", "stats"))

    async def keys(self) -> dict[str, int]:
        """How often each distinct user content was paid for."""
        return cast("dict[str, int]", await self._ask("GET", "keys"))

    async def set_mode(self, **changes: Any) -> None:
        """Change the named knobs of Mode, keep the others."""
        await self._ask("POST", "mode", orjson.dumps(changes))

    async def reset(self) -> None:
        """Start the bill and the quotas afresh."""
        await self._ask("POST", "reset")

    async def _ask(self, method: str, name: str, body: bytes = b"") -> object:
        host, _, port = self.url.split("/")[2].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"{method} /_control/{name} HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            answer = orjson.loads(await reader.readexactly(size))
        finally:
            writer.close()
            await writer.wait_closed()
        if not head.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"the endpoint refused {name}: {answer}")
        return cast("object", answer)


@asynccontextmanager
async def running_endpoint(*, port: int = 0, **mode: Any) -> AsyncIterator[Endpoint]:
    """A fresh endpoint in its own process, gone at the end of the block or of this process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.support.endpoint", "--ends-with-stdin", "--port", str(port)),
        *("--mode", orjson.dumps(mode).decode()),
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        if not url:
            raise RuntimeError("the loopback endpoint did not start")
        yield Endpoint(url, process.pid)
    finally:
        process.stdin.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


if __name__ == "__main__":
    main()
