"""The chat port on the openai client: bytes in, the raw body of an answer out, every failure a CompletionError."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import aiohttp
import httpx2
import openai
import yarl

from app.clock import monotonic_s, utc_now
from app.pipeline.chat import CompletionError
from app.pipeline.pacing import read_retry_after
from app.pipeline.values import Answer

_ERROR_CAP_BYTES = 64 * 2**10  # of an error body only the message is of use
_DETAIL_CHARS = 300
_IDLE_S = 4.0  # shorter than the five seconds after which common servers close an idle connection
_NO_KEY = "not-needed"
_SCHEMA_WORDS = ("response_format", "json_schema", "structured output", "guided_json", "guided decoding")
_TELEMETRY = ("Arch", "Lang", "OS", "Package-Version", "Runtime", "Runtime-Version")


class ReplyTooLargeError(httpx2.TransportError):
    """The body of an answer passed the cap; the connection was dropped there."""


class OpenAIChatModel:
    """ChatModel on one long-lived client; made by `make_chat_model`, closed by `aclose`.

    The SDK writes the first request: its URL, credentials and headers become the envelope of those that follow, whose
    bodies alone differ. That saves two thirds of what a call costs; errors are still told apart by the SDK.
    """

    def __init__(
        self, client: openai.AsyncOpenAI, transport: "BoundedTransport", connect_timeout_s: float, path: str
    ) -> None:
        self._client = client
        self._transport = transport
        self._connect_timeout_s = connect_timeout_s
        self._path = path

    async def complete(self, body: bytes, *, timeout_s: float) -> Answer:
        """Send one serialised request body and return the raw body of a 200; raises CompletionError.

        `timeout_s` covers the call from the connection to the last byte.
        """
        started = monotonic_s()
        try:
            reply = await self._exchange(body, timeout_s)
        except openai.APIStatusError as error:
            raise self._status_error(error) from error
        except (openai.APITimeoutError, httpx2.TimeoutException) as error:
            raise CompletionError("timeout", f"no answer in {timeout_s:g} s", retryable=True, outage=True) from error
        except (openai.APIConnectionError, httpx2.TransportError) as error:
            raise _connection_error(error) from error
        headers = _rate_headers(reply.headers)
        if reply.body[:64].lstrip()[:1] != b"{":
            kind = dict(reply.headers).get("content-type", "unnamed")
            raise CompletionError(
                "malformed_body",
                f"the answer is no JSON object but {kind}"[:_DETAIL_CHARS],
                retryable=True,
                outage=True,
                status=reply.status,
                headers=headers,
            )
        return Answer(reply.body, reply.status, round((monotonic_s() - started) * 1000), headers)

    async def _exchange(self, body: bytes, timeout_s: float) -> "Reply":
        """By the kept envelope, or through the whole SDK where there is none yet."""
        connect_s = min(timeout_s, self._connect_timeout_s)
        envelope = self._transport.envelope
        if envelope is None:
            timeout = httpx2.Timeout(timeout_s, connect=connect_s)
            response = await self._client.post(
                self._path, content=body, cast_to=httpx2.Response, options={"timeout": timeout}
            )
            return Reply(response.status_code, list(response.headers.multi_items()), response.content)
        reply = await self._transport.exchange(envelope, body, total_s=timeout_s, connect_s=connect_s)
        if reply.status != 200:
            request = httpx2.Request(envelope.method, str(envelope.url))
            raise self._client._make_status_error_from_response(reply.as_response(request))
        return reply

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.close()

    def _status_error(self, error: openai.APIStatusError) -> CompletionError:
        status = error.status_code
        headers = _rate_headers(error.response.headers.multi_items())
        code, retryable, outage = _classify(status, error)
        detail = f"HTTP {status}" if code == "unauthorized" else str(error).replace(self._client.api_key, "[key]")
        return CompletionError(
            code,
            detail[:_DETAIL_CHARS],
            retryable=retryable,
            outage=outage,
            status=status,
            retry_after_s=read_retry_after(headers, utc_now()),
            headers=headers,
        )


def make_chat_model(
    *,
    base_url: str | None,
    api_key: str | None,
    model: str,
    api_type: str = "open_ai",
    api_version: str | None = None,
    concurrency: int = 64,
    connect_timeout_s: float = 10.0,
    reply_cap_bytes: int = 8 * 2**20,
    path: str = "/chat/completions",
) -> OpenAIChatModel:
    """A model behind an OpenAI or Azure endpoint, with room for `concurrency` calls at once; needs a running loop.

    `path` is where its requests go: `/embeddings` for a model that makes vectors.

    For `api_type` "azure" the model is the name of the deployment and `base_url` that of the resource.
    """
    transport = BoundedTransport(concurrency, reply_cap_bytes)
    http_client = BoundedHttpClient(transport, connect_timeout_s)
    quiet: dict[str, str] = cast("dict[str, str]", {f"X-Stainless-{name}": openai.omit for name in _TELEMETRY})
    if api_type.startswith("azure"):
        client: openai.AsyncOpenAI = openai.AsyncAzureOpenAI(
            azure_endpoint=base_url or "",
            azure_deployment=model,
            api_version=api_version or "2024-10-21",
            api_key=api_key or _NO_KEY,
            max_retries=0,
            http_client=http_client,
            default_headers=quiet,
        )
    else:
        client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or _NO_KEY,
            max_retries=0,
            http_client=http_client,
            default_headers=quiet,
        )
    return OpenAIChatModel(client, transport, connect_timeout_s, path)


class BoundedHttpClient(openai.DefaultAioHttpClient):
    """The SDK's aiohttp client, minus what a completion never needs: no redirects, cookies, proxies or auth flow."""

    def __init__(self, transport: "BoundedTransport", connect_timeout_s: float) -> None:
        super().__init__(
            transport=transport,
            timeout=httpx2.Timeout(600.0, connect=connect_timeout_s),
            follow_redirects=False,
            trust_env=False,
        )
        self._bounded = transport

    async def send(
        self,
        request: httpx2.Request,
        *,
        stream: bool = False,
        auth: object = None,
        follow_redirects: object = False,
    ) -> httpx2.Response:
        """Straight to the transport: the SDK has put its credentials into the headers already."""
        return await self._bounded.handle_async_request(request)


@dataclass(frozen=True, slots=True)
class Envelope:
    """All of a request but its body, as the SDK wrote it."""

    method: str
    url: yarl.URL
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer read whole; header names are in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def as_response(self, request: httpx2.Request) -> httpx2.Response:
        """The answer as the SDK takes it, decoded already."""
        headers = [pair for pair in self.headers if pair[0] not in _BODY_HEADERS]
        return httpx2.Response(self.status, headers=headers, content=self.body, request=request)


class BoundedTransport(httpx2.AsyncBaseTransport):
    """aiohttp beneath httpx2, reading each body whole and never beyond the cap.

    The read timeout of a request is taken as the time for the whole exchange: an endpoint that drips a byte
    now and then holds a call no longer than one that hangs. `envelope` is that of the last request that the SDK
    wrote and that was answered with 200.
    """

    def __init__(self, concurrency: int, reply_cap_bytes: int) -> None:
        self.envelope: Envelope | None = None
        self._concurrency = concurrency
        self._reply_cap_bytes = reply_cap_bytes
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One exchange for the SDK; raises the httpx2 error that says what broke."""
        timeout = request.extensions["timeout"]
        headers = tuple(pair for pair in request.headers.multi_items() if pair[0].lower() != "content-length")
        envelope = Envelope(request.method, yarl.URL(str(request.url), encoded=True), headers)
        reply = await self.exchange(envelope, request.content, total_s=timeout["read"], connect_s=timeout["connect"])
        if reply.status == 200:
            self.envelope = envelope
        return reply.as_response(request)

    async def exchange(self, envelope: Envelope, body: bytes, *, total_s: float, connect_s: float) -> Reply:
        """Send a body and read the answer; raises the httpx2 error that says what broke."""
        try:
            return await self._exchange(envelope, body, aiohttp.ClientTimeout(total=total_s, sock_connect=connect_s))
        except aiohttp.ConnectionTimeoutError as error:
            raise httpx2.ConnectTimeout("no connection in time") from error
        except TimeoutError as error:
            raise httpx2.ReadTimeout("no answer in time") from error
        except aiohttp.ClientConnectorError as error:
            raise httpx2.ConnectError("the endpoint cannot be reached") from error
        except aiohttp.InvalidURL as error:
            raise httpx2.UnsupportedProtocol("the endpoint has no valid URL") from error
        except (aiohttp.ClientError, OSError) as error:
            raise httpx2.ReadError(f"the exchange broke: {type(error).__name__}") from error

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _exchange(self, envelope: Envelope, body: bytes, timeout: aiohttp.ClientTimeout) -> Reply:
        session = self._session or self._open_session()
        async with session.request(
            envelope.method,
            envelope.url,
            data=body,
            headers=envelope.headers,
            allow_redirects=False,
            timeout=timeout,
        ) as answer:
            content = await self._read(answer)
            headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.raw_headers]
            return Reply(answer.status, headers, content)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        chunks, size = [], 0
        async for chunk in answer.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if answer.status != 200 and size > _ERROR_CAP_BYTES:
                answer.close()
                break
            if size > self._reply_cap_bytes:
                answer.close()
                raise ReplyTooLargeError(f"the answer passes {self._reply_cap_bytes} bytes")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _open_session(self) -> aiohttp.ClientSession:
        """Opened with the first call: aiohttp binds a session to the loop that runs then."""
        connector = aiohttp.TCPConnector(
            limit=self._concurrency, keepalive_timeout=_IDLE_S, ssl=httpx2.create_ssl_context(trust_env=False)
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )
        return self._session


_BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})  # they no longer hold


def _classify(status: int, error: openai.APIStatusError) -> tuple[str, bool, bool]:
    """Code, retryable, outage of an HTTP status."""
    if status >= 500:
        return "server_error", True, True
    if status == 429:
        # A spent quota comes as a 429 too; no pace mends it, so it counts against the endpoint.
        return "rate_limited", True, error.code == "insufficient_quota"
    if status in {408, 409, 425}:
        return ("timeout" if status == 408 else "server_error"), True, False
    if status in {401, 403}:
        return "unauthorized", False, status == 401
    if status == 404:
        return "not_found", False, False
    if status == 413:
        return "too_large", False, False
    return _classify_bad_request(error), False, False


def _classify_bad_request(
    error: openai.APIStatusError,
) -> str:
    text = f"{error} {error.code} {error.param}".lower()
    if "content_filter" in text or "content management policy" in text:
        return "content_filter"
    return "schema_unsupported" if any(word in text for word in _SCHEMA_WORDS) else "bad_request"


def _connection_error(error: openai.APIConnectionError | httpx2.TransportError) -> CompletionError:
    cause = error if isinstance(error, httpx2.TransportError) else error.__cause__
    if isinstance(cause, ReplyTooLargeError):
        return CompletionError("too_large", str(cause), retryable=False)
    detail = str(cause) if isinstance(cause, httpx2.TransportError) else type(cause).__name__
    return CompletionError("connection", detail[:_DETAIL_CHARS], retryable=True, outage=True)


def _rate_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What later eyes need of the headers: rate limits, waits, the provider's request id and its clock."""
    return {
        name: value
        for name, value in headers
        if "ratelimit" in name or name.startswith("retry-after") or name in {"date", "x-request-id"}
    }
