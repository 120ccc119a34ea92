"""The chat model against a loopback endpoint that misbehaves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from app.llm import OpenAIChatModel, make_chat_model
from app.pipeline.chat import CompletionError
from tests.support.endpoint import Endpoint, running_endpoint


def body(content: str = "A red bicycle.", **more: Any) -> bytes:
    return orjson.dumps({"model": "loopback", "messages": [{"role": "user", "content": content}], **more})


@asynccontextmanager
async def talking(*, cap_bytes: int = 2**23, **mode: Any) -> AsyncIterator[tuple[OpenAIChatModel, Endpoint]]:
    async with running_endpoint(**mode) as endpoint:
        chat = make_chat_model(base_url=endpoint.url, api_key="sk-test", model="loopback", reply_cap_bytes=cap_bytes)
        try:
            yield chat, endpoint
        finally:
            await chat.aclose()


def _only(fault: str) -> Any:
    return {fault: 1.0}


async def failure_of(chat: OpenAIChatModel, timeout_s: float = 20.0) -> CompletionError:
    with pytest.raises(CompletionError) as caught:
        await chat.complete(body(), timeout_s=timeout_s)
    return caught.value


async def test_an_answer_keeps_its_raw_bytes_and_its_rate_headers() -> None:
    async with talking(limit_per_s=100) as (chat, endpoint):
        answer = await chat.complete(body(), timeout_s=20)
        reply = orjson.loads(answer.raw)
        assert "Question:" in reply["choices"][0]["message"]["content"]
        assert answer.status == 200
        assert answer.headers["x-ratelimit-limit-requests"] == "100"
        assert (await endpoint.stats())["answered"] == {"200": 1}


async def test_one_call_is_one_request_however_it_ends() -> None:
    async with talking(server_error=1.0) as (chat, endpoint):
        error = await failure_of(chat)
        assert (error.code, error.retryable, error.outage, error.status) == ("server_error", True, True, 500)
        assert (await endpoint.stats())["requests"] == 1


async def test_the_key_travels_in_the_header_and_never_in_an_error() -> None:
    async with talking(api_key="sk-test") as (chat, endpoint):
        await chat.complete(body(), timeout_s=20)
        await endpoint.set_mode(api_key="another")
        error = await failure_of(chat)
        assert (error.code, error.retryable) == ("unauthorized", False)
        assert "sk-test" not in str(error)


async def test_azure_is_asked_by_deployment_and_version() -> None:
    async with running_endpoint(api_key="api-key: azure-key") as endpoint:
        chat = make_chat_model(
            base_url=endpoint.url.removesuffix("/v1"),
            api_key="azure-key",
            model="gpt-35-turbo",
            api_type="azure",
            api_version="2024-10-21",
        )
        try:
            answer = await chat.complete(body(), timeout_s=20)
        finally:
            await chat.aclose()
        assert answer.status == 200


async def test_a_rate_limit_says_how_long_to_wait() -> None:
    async with talking(limit_per_s=0.5, burst=1, retry_after=True) as (chat, _):
        await chat.complete(body(), timeout_s=20)
        error = await failure_of(chat)
        assert (error.code, error.retryable, error.outage) == ("rate_limited", True, False)
        assert error.retry_after_s == 2
        assert error.headers["x-ratelimit-remaining-requests"] == "0"


async def test_an_endpoint_without_schemas_is_told_apart_from_a_bad_request() -> None:
    async with talking(refuse_response_format=True) as (chat, _):
        with pytest.raises(CompletionError) as caught:
            await chat.complete(body(response_format={"type": "json_object"}), timeout_s=20)
        assert (caught.value.code, caught.value.retryable) == ("schema_unsupported", False)


async def test_a_request_the_endpoint_cannot_read_is_a_bad_request() -> None:
    async with talking() as (chat, _):
        with pytest.raises(CompletionError) as caught:
            await chat.complete(b'{"messages": 1}', timeout_s=20)
        assert (caught.value.code, caught.value.retryable, caught.value.outage) == ("bad_request", False, False)


@pytest.mark.parametrize("fault", ["reset_before", "reset_mid"])
async def test_a_cut_connection_is_an_outage_to_be_tried_again(fault: str) -> None:
    async with talking(**_only(fault)) as (chat, _):
        error = await failure_of(chat)
        assert (error.code, error.retryable, error.outage) == ("connection", True, True)


async def test_nobody_listening_is_an_outage() -> None:
    async with running_endpoint() as endpoint:
        url = endpoint.url
    chat = make_chat_model(base_url=url, api_key="sk-test", model="loopback")
    try:
        error = await failure_of(chat)
    finally:
        await chat.aclose()
    assert (error.code, error.retryable, error.outage) == ("connection", True, True)


async def test_an_endpoint_that_hangs_ends_in_a_timeout() -> None:
    async with talking(hang=1.0) as (chat, _):
        error = await failure_of(chat, timeout_s=0.2)
        assert (error.code, error.retryable, error.outage) == ("timeout", True, True)


async def test_a_page_of_html_with_status_200_is_no_answer() -> None:
    async with talking(html=1.0) as (chat, _):
        error = await failure_of(chat)
        assert (error.code, error.retryable) == ("malformed_body", True)
        assert "text/html" in error.detail


async def test_an_answer_beyond_the_cap_is_dropped_at_the_cap() -> None:
    async with talking(cap_bytes=100_000, huge=1.0) as (chat, _):
        error = await failure_of(chat)
        assert (error.code, error.retryable) == ("too_large", False)


@pytest.mark.parametrize("fault", ["nul", "surrogate", "nan", "truncated", "huge"])
async def test_hostile_bytes_of_a_paid_answer_are_handed_over_as_they_are(fault: str) -> None:
    async with talking(**_only(fault)) as (chat, endpoint):
        answer = await chat.complete(body(), timeout_s=20)
        assert answer.raw.startswith(b'{"id":')
        assert (await endpoint.stats())["accepted"] == 1
