"""A connection to the loopback endpoint: requests are read, admitted or refused, answered and disturbed."""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any, cast

import msgspec
import orjson

from tests.support.behaviour import RateLimit, disturb, disturb_bytes
from tests.support.bill import Bill, State, usage_of
from tests.support.replies import ChatRequest, reply_text
from tests.support.vectors import VectorRequest, embedding_entries

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 411: "Length Required"} | {
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_HTML = b"<html><head><title>Gateway</title></head><body><h1>It works!</h1></body></html>"
_decode_request = msgspec.json.Decoder(ChatRequest).decode
_decode_vector_request = msgspec.json.Decoder(VectorRequest).decode


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
        fault = mode.fault_of(key, attempt)
        if mode.breaks and isinstance(request, ChatRequest) and re.search(mode.breaks, request.messages[-1].text):
            fault = "server_error" if mode.breaks_by == "500" else "reset_before"
        self._answer(request, key, fault, size, caller)

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
        raw = disturb_bytes(orjson.dumps(body), fault)
        if fault == "reset_mid":
            self._reset_midway(raw)
            return
        self._send(200, raw)

    def _reset_midway(self, raw: bytes) -> None:
        self._transport.write(_head(200, len(raw), "application/json", "") + raw[: len(raw) // 2])
        asyncio.get_running_loop().call_later(0.01, self._transport.abort)

    def _reply(self, request: ChatRequest, key: bytes, fault: str, size: int) -> None:
        mode, bill = self._state.mode, self._state.bill
        says = mode.mends if mode.mends and "\n- wrong:" in request.messages[-1].text else mode.says
        text = reply_text(request, key, pairs=mode.pairs, spoiled=mode.wrong_translations, says=says)
        text, finish_reason = disturb(text, fault, mode)
        usage = usage_of(request, size, text)
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
        raw = disturb_bytes(orjson.dumps(body), fault)
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
            asyncio.get_running_loop().call_later(delay_s, self._state.gate.take, run)
        else:
            self._state.gate.take(run)

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
