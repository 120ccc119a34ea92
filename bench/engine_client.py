"""CPU per call of the chat client against a bare SDK loop, interleaved on one loopback endpoint."""

import asyncio
import itertools
import platform
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import orjson
import uvloop

from app.llm import make_chat_model
from tests.support.endpoint import Endpoint, running_endpoint

PROMPT = "A street with a bicycle, two people and a red van near the fountain. " * 118  # 8.4 KB
LATENCY_MS = 200
Call = Callable[[int], Awaitable[object]]


def request_body(number: int) -> dict[str, Any]:
    """A request like those of a generation job; the number makes each one distinct."""
    return {
        "model": "loopback",
        "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": f"Item {number}: a red van."}],
        "temperature": 0.7,
        "max_tokens": 3200,
        "top_p": 0.95,
    }


async def run_calls(call: Call, calls: int, in_flight: int) -> dict[str, float]:
    """Pull `calls` calls through `in_flight` coroutines; ms of CPU per call and calls per second."""
    numbers = iter(range(calls))

    async def pull() -> None:
        for number in numbers:
            await call(number)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(pull() for _ in range(in_flight)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_ms": cpu / calls * 1000, "per_s": calls / wall}


async def measure(endpoint: Endpoint, *, calls: int, in_flight: int, rounds: int) -> dict[str, dict[str, float]]:
    """Medians over interleaved rounds of the bare SDK loop (64 in flight, its best) and of our client."""
    prefix = orjson.dumps(request_body(0)).split(b"Item 0")
    bare = openai.AsyncOpenAI(base_url=endpoint.url, api_key="bench", max_retries=0)
    ours = make_chat_model(base_url=endpoint.url, api_key="bench", model="loopback", concurrency=in_flight)

    async def ask_bare(number: int) -> object:
        return await bare.chat.completions.create(**request_body(number))

    async def ask_ours(number: int) -> object:
        return await ours.complete(b"Item %d".join(prefix) % number, timeout_s=30.0)

    found: dict[str, list[dict[str, float]]] = {}
    contestants: tuple[tuple[str, Call, int], ...] = (
        ("bare SDK loop, 64 in flight", ask_bare, 64),
        (f"bare SDK loop, {in_flight} in flight", ask_bare, in_flight),
        (f"OpenAIChatModel, {in_flight} in flight", ask_ours, in_flight),
    )
    for name, call, width in contestants:
        await run_calls(call, width, width)  # open the connections
        found[name] = []
    for _, (name, call, width) in itertools.product(range(rounds), contestants):
        found[name].append(await run_calls(call, calls, width))
    await bare.close()
    await ours.aclose()
    return {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in found.items()}


async def run(calls: int = 1000, in_flight: int = 256, rounds: int = 3) -> dict[str, dict[str, float]]:
    """The figures by contestant: cpu_ms per call, calls per second."""
    async with running_endpoint(latency_ms=LATENCY_MS) as endpoint:
        return await measure(endpoint, calls=calls, in_flight=in_flight, rounds=rounds)


def main() -> None:
    """Print the table."""
    figures = uvloop.run(run())
    print(f"openai {openai.__version__}, Python {platform.python_version()}, {LATENCY_MS} ms latency, 8.4 KB prompt")
    for name, row in figures.items():
        print(f"{name:36} {row['cpu_ms']:6.2f} ms CPU per call {row['per_s']:7.0f} calls/s")


if __name__ == "__main__":
    main()
