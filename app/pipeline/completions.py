"""The body of an HTTP 200 taken apart: what the model said, why it stopped, what it cost."""

import json
from math import isfinite
from typing import Any

import orjson

from app.pipeline.chat import CompletionError
from app.pipeline.formats.normalise import clean_text
from app.pipeline.values import Completion, Usage

_LARGEST_COUNT = 2**31 - 1
_EXCERPT = 200


def decode_completion(raw: bytes) -> Completion:
    """The completion in a chat-completions body; NUL and lone surrogates are cleaned from its texts.

    A refusal, or a null content, gives an empty text. Missing usage counts as zero. Raises CompletionError
    `malformed_body` (retryable) for anything that is no completion: HTML, cut JSON, no choices, an error body.
    """
    body = _load(raw)
    if body.get("error"):
        raise _malformed(f"an error body with status 200: {_message_of(body['error'])}")
    choice = _first_choice(body)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise _malformed("the first choice has no message")
    finish_reason = choice.get("finish_reason")
    return Completion(
        text=_read_content(message.get("content")),
        finish_reason=clean_text(finish_reason) if isinstance(finish_reason, str) else "",
        usage=read_usage(body.get("usage")),
        model=_read_text(body.get("model")),
        refusal=_read_text(message.get("refusal")),
    )


def read_usage(usage: Any) -> Usage:
    """Token counts as an endpoint gave them; what is missing or no count is 0."""
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else usage.get("prompt_cache_hit_tokens")
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), _count(cached))


def _load(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = _load_leniently(raw)
    if not isinstance(body, dict):
        raise _malformed("the body is no JSON object")
    return body


def _load_leniently(raw: bytes) -> Any:
    """Lone surrogates, NaN and bytes that are no UTF-8 do not make an answer unreadable that was paid for."""
    text = raw.decode("utf-8", "replace").lstrip("\ufeff")
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        kind = "HTML" if text.lstrip().startswith("<") else "broken or cut JSON" if text.strip() else "empty"
        raise _malformed(f"the body is {kind}: {text.strip()[:_EXCERPT]!r}") from error


def _first_choice(body: dict[str, Any]) -> dict[str, Any]:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise _malformed("the body has no choices")
    return choices[0]


def _read_content(content: Any) -> str:
    """A text, or a list of parts of which the texts are joined."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return clean_text("".join(part for part in parts if isinstance(part, str)))
    return _read_text(content)


def _read_text(value: Any) -> str:
    return clean_text(value) if isinstance(value, str) else ""


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return 0
    return max(0, min(int(value), _LARGEST_COUNT))


def _message_of(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return clean_text(str(message))[:_EXCERPT]


def _malformed(detail: str) -> CompletionError:
    return CompletionError("malformed_body", clean_text(detail), retryable=True)
