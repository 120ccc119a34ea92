"""The chat port: how the engine asks a model, and what can go wrong when it does."""

from typing import Protocol

from app.pipeline.values import Answer


class CompletionError(Exception):
    """A call that brought no usable answer.

    code: rate_limited, server_error, connection, timeout, malformed_body, too_large, bad_request,
        unauthorized, not_found, schema_unsupported, content_filter
    retryable: the same request may succeed later
    outage: it says something about the endpoint rather than about this request (feeds the breaker)
    retry_after_s: what the endpoint asked for, in seconds
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        retryable: bool,
        outage: bool = False,
        status: int | None = None,
        retry_after_s: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retryable = retryable
        self.outage = outage
        self.status = status
        self.retry_after_s = retry_after_s
        self.headers = headers or {}


class ChatModel(Protocol):
    """Anything that answers a chat-completions request body."""

    async def complete(self, body: bytes, *, timeout_s: float) -> Answer:
        """Send one serialised request body; raises CompletionError."""
        ...
