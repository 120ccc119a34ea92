"""The pace of several workers towards one endpoint, on a real Redis; judged by what the endpoint counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from app.clock import monotonic_s
from app.llm import OpenAIChatModel, make_chat_model
from app.pacer import Pacer
from app.pipeline.chat import CompletionError
from tests.support.endpoint import running_endpoint
from tests.support.waiting import wait_until

pytestmark = pytest.mark.alone


@asynccontextmanager
async def pacers(redis: Redis, count: int = 1, name: str = "endpoint model") -> AsyncIterator[list[Pacer]]:
    fleet = [Pacer(redis, name, worker=f"worker-{number}") for number in range(count)]
    try:
        yield fleet
    finally:
        for pacer in fleet:
            await pacer.aclose()


async def ask_all(pacer: Pacer, chat: OpenAIChatModel, numbers: list[int], in_flight: int = 32) -> None:
    """Ask for each number until it is answered."""

    async def pull() -> None:
        while numbers:
            number = numbers.pop()
            body = orjson.dumps({"model": "loopback", "messages": [{"role": "user", "content": f"item {number}"}]})
            await pacer.acquire(len(body) // 4)
            try:
                pacer.observe_answer(await chat.complete(body, timeout_s=30))
            except CompletionError as error:
                pacer.observe_error(error)
                numbers.append(number)

    await asyncio.gather(*(pull() for _ in range(in_flight)))


async def run_fleet(redis: Redis, items: int, workers: int = 1, **mode: Any) -> dict[str, Any]:
    """The endpoint's bill after a fleet has had every item answered."""
    async with running_endpoint(**mode) as endpoint, AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(pacers(redis, workers))
        chat = make_chat_model(base_url=endpoint.url, api_key="sk-test", model="loopback", concurrency=64)
        stack.push_async_callback(chat.aclose)
        shares = [list(range(first, items, workers)) for first in range(workers)]
        await asyncio.gather(*(ask_all(pacer, chat, share) for pacer, share in zip(fleet, shares, strict=True)))
        return await endpoint.stats()


async def test_a_limit_in_the_headers_is_kept_by_a_fleet_with_hardly_a_refusal(redis: Redis) -> None:
    bill = await run_fleet(redis, 400, workers=2, latency_ms=20, limit_per_s=150)
    assert (bill["distinct"], bill["paid_twice"]) == (400, 0)
    assert bill["limited"] <= 4


async def test_a_window_in_the_headers_is_kept_too(redis: Redis) -> None:
    bill = await run_fleet(redis, 400, latency_ms=20, limit_per_s=150, limit_style="window")
    assert bill["distinct"] == 400
    assert bill["limited"] <= 12


async def test_a_limit_that_only_refusals_show_is_found(redis: Redis) -> None:
    bill = await run_fleet(redis, 400, workers=2, latency_ms=20, limit_per_s=150, limit_headers=False)
    assert (bill["distinct"], bill["paid_twice"]) == (400, 0)
    assert bill["limited"] <= 40


async def test_an_endpoint_that_never_objects_soon_costs_no_round_trips(redis: Redis) -> None:
    async with pacers(redis) as (pacer,):
        for _ in range(20_000):
            await pacer.acquire()
            pacer.observe({}, 200, 1)
            if pacer.is_free:
                break
            await asyncio.sleep(0)
        await wait_until(lambda: pacer.is_free, "the endpoint known as free")
        turns = pacer.counts.turns
        for _ in range(10_000):
            await pacer.acquire()
        assert pacer.counts.turns == turns
        assert pacer.rate_per_s is None


async def test_a_wait_asked_of_one_worker_holds_all_of_them(redis: Redis) -> None:
    async with pacers(redis, 2) as (first, second):
        await first.acquire()
        first.observe({"retry-after": "3000"}, 429, 5)
        await wait_until(lambda: first.counts.turns >= 2, "the refusal reported")
        turns = second.counts.turns
        waiting = asyncio.ensure_future(second.acquire())
        await wait_until(lambda: second.counts.turns > turns, "a second look at the state")
        assert not waiting.done()
        waiting.cancel()


async def see_a_turn(pacer: Pacer) -> None:
    """Return once what the pacer has seen so far is reported, or counted by itself."""
    turns = pacer.counts.turns
    await wait_until(lambda: pacer.counts.turns > turns, "the turn taken")


async def test_outages_in_a_row_open_the_breaker_for_the_fleet_and_a_success_closes_it(redis: Redis) -> None:
    async with pacers(redis, 2) as (first, second):
        for _ in range(10):
            first.observe({}, 0, 0)
        await wait_until(lambda: first.breaker_open_since() is not None, "the breaker open")
        second.observe({}, 0, 0)
        await wait_until(lambda: second.breaker_open_since() is not None, "the breaker seen by the other")
        second.observe({}, 200, 5)
        await wait_until(lambda: second.breaker_open_since() is None, "the breaker closed")


async def test_a_few_outages_open_the_breaker_where_nothing_succeeds_for_a_while(redis: Redis) -> None:
    nowhere = Redis.from_url("redis://127.0.0.1:1/0")
    async with pacers(redis) as (paced,), pacers(nowhere) as (alone,):
        for pacer in (paced, alone):
            await pacer.acquire()
            for _ in range(2):
                pacer.observe({}, 503, 0)
            turns = pacer.counts.turns
            await wait_until(lambda pacer=pacer, before=turns: pacer.counts.turns > before, "the turn taken")
            assert pacer.breaker_open_since() is None
        failing_since = monotonic_s()
        await wait_until(lambda: monotonic_s() > failing_since + 0.6, "the time after which few suffice")
        for pacer in (paced, alone):
            pacer.observe({}, 503, 0)
            await wait_until(lambda pacer=pacer: pacer.breaker_open_since() is not None, "the breaker open")
    await nowhere.aclose()


async def test_what_answers_say_about_one_unit_opens_the_breaker_for_nobody_and_a_second_unit_makes_it_an_outage(
    redis: Redis,
) -> None:
    nowhere = Redis.from_url("redis://127.0.0.1:1/0")
    async with pacers(redis) as (paced,), pacers(nowhere) as (alone,):
        for pacer in (paced, alone):
            await pacer.acquire()
            for _ in range(20):
                pacer.observe({}, 500, 0, unit="the bad one")
            await see_a_turn(pacer)
        failing_since = monotonic_s()
        await wait_until(lambda: monotonic_s() > failing_since + 0.6, "the time after which few suffice")
        for pacer in (paced, alone):
            pacer.observe({}, 500, 0, unit="the bad one")
            await see_a_turn(pacer)
            assert pacer.breaker_open_since() is None
            pacer.observe({}, 500, 0, unit="another")
            await wait_until(lambda pacer=pacer: pacer.breaker_open_since() is not None, "the breaker open")
    await nowhere.aclose()


async def test_an_answer_to_one_worker_is_known_to_all_by_its_own_time(redis: Redis) -> None:
    async with pacers(redis, 2) as (first, second):
        assert second.answered_s == float("-inf")
        before = monotonic_s()
        first.observe({}, 200, 5)
        first.observe({}, 0, 0)
        assert before < first.answered_s <= monotonic_s()
        await see_a_turn(first)
        after = monotonic_s()
        second.observe({}, 500, 0, unit="the bad one")
        await wait_until(lambda: second.answered_s > before, "the answer known to the other")
        assert second.answered_s < after


async def test_a_success_between_outages_keeps_the_breaker_closed(redis: Redis) -> None:
    async with pacers(redis) as (pacer,):
        for _ in range(5):
            for _ in range(9):
                pacer.observe({}, 500, 5)
            pacer.observe({}, 200, 5)
            turns = pacer.counts.turns
            await wait_until(lambda before=turns: pacer.counts.turns > before, "the turn taken")
        assert pacer.breaker_open_since() is None


async def test_an_outage_costs_a_probe_a_second_and_loses_nothing(redis: Redis) -> None:
    async with running_endpoint(outage="503") as endpoint, pacers(redis) as (pacer,):
        chat = make_chat_model(base_url=endpoint.url, api_key="sk-test", model="loopback")
        work = asyncio.ensure_future(ask_all(pacer, chat, list(range(100)), in_flight=16))
        await wait_until(lambda: pacer.breaker_open_since() is not None, "the breaker open")
        before = await endpoint.stats()
        probes = pacer.counts.outages
        await wait_until(lambda: pacer.counts.outages >= probes + 2, "two probes")
        after = await endpoint.stats()
        assert after["requests"] - before["requests"] <= 16 + 3
        await endpoint.set_mode(outage="")
        await work
        assert (await endpoint.stats())["distinct"] == 100
        await chat.aclose()


async def test_without_redis_a_worker_paces_itself(redis: Redis) -> None:
    nowhere = Redis.from_url("redis://127.0.0.1:1/0")
    async with pacers(nowhere) as (pacer,):
        await pacer.acquire()
        for _ in range(10):
            pacer.observe({}, 0, 0)
        await wait_until(lambda: pacer.breaker_open_since() is not None, "the breaker open")
        pacer.observe({}, 200, 5)
        await wait_until(lambda: pacer.breaker_open_since() is None, "the breaker closed")
        assert pacer.counts.redis_failures >= 1
    await nowhere.aclose()


async def test_a_redis_that_forgot_everything_is_taught_again(redis: Redis) -> None:
    async with pacers(redis) as (pacer,):
        await pacer.acquire()
        await redis.flushall()
        await redis.script_flush()
        await asyncio.gather(*(pacer.acquire() for _ in range(3)))
        assert pacer.counts.redis_failures == 0


async def test_a_caller_that_gave_up_takes_no_permit(redis: Redis) -> None:
    async with pacers(redis) as (pacer,):
        gone = [asyncio.ensure_future(pacer.acquire()) for _ in range(5)]
        await asyncio.sleep(0)
        for waiter in gone:
            waiter.cancel()
        await pacer.acquire()
        await asyncio.gather(*gone, return_exceptions=True)
        assert all(waiter.cancelled() for waiter in gone)


async def test_tokens_that_the_endpoint_counts_slow_the_calls_down(redis: Redis) -> None:
    bill = await run_fleet(redis, 400, latency_ms=20, tokens_per_s=700)  # so many that one hiccup decides nothing
    assert bill["distinct"] == 400
    assert bill["limited"] <= 40
