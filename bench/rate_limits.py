"""How close a fleet keeps to a rate limit: share of it used, refusals drawn, items lost.

Every worker is a process of its own; all share one pacer through Valkey. The bare SDK loop with its default
retries runs beside it on the same endpoint.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import openai
import orjson
import uvloop
from redis.asyncio import Redis

from app.llm import make_chat_model
from app.pacer import Pacer
from app.pipeline.chat import CompletionError
from bench.engine_client import request_body
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.servers import open_redis

LATENCY_MS = 200
IN_FLIGHT = 128
SECONDS = 20
Figures = dict[str, float]


async def drive_paced(url: str, redis_url: str, numbers: list[int], in_flight: int) -> int:
    """Ask for each number until it is answered; how many were lost (none can be, short of a crash)."""
    chat = make_chat_model(base_url=url, api_key="bench", model="loopback", concurrency=in_flight)
    async with Redis.from_url(redis_url) as redis:
        pacer = Pacer(redis, url)
        todo = list(reversed(numbers))
        lost = 0

        async def pull() -> None:
            nonlocal lost
            while todo:
                number = todo.pop()
                await pacer.acquire()
                try:
                    answer = await chat.complete(orjson.dumps(request_body(number)), timeout_s=60)
                except CompletionError as error:
                    pacer.observe_error(error)
                    lost += not error.retryable
                    if error.retryable:
                        todo.append(number)
                else:
                    pacer.observe_answer(answer)

        await asyncio.gather(*(pull() for _ in range(in_flight)))
        await pacer.aclose()
    await chat.aclose()
    return lost


async def drive_bare(url: str, numbers: list[int], in_flight: int) -> int:
    """The loop most people write, with the SDK's own retries; how many items it gave up."""
    client = openai.AsyncOpenAI(base_url=url, api_key="bench")
    todo = list(numbers)
    lost = 0

    async def pull() -> None:
        nonlocal lost
        while todo:
            try:
                await client.chat.completions.create(**request_body(todo.pop()))
            except openai.APIError:
                lost += 1

    await asyncio.gather(*(pull() for _ in range(in_flight)))
    await client.close()
    return lost


async def measure(mode: dict[str, Any], drive: Callable[[Endpoint], Awaitable[int]], items: int) -> Figures:
    """One run against a fresh endpoint; the share is of what the limit gives between the first and last answer."""
    async with running_endpoint(latency_ms=LATENCY_MS, **mode) as endpoint:
        lost = await drive(endpoint)
        stats = await endpoint.stats()
    span_s = stats["last_accepted_s"] - stats["first_accepted_s"]
    allowed = mode["limit_per_s"] * span_s if span_s else items
    return {
        "items": items,
        "lost": lost,
        "share": stats["accepted"] / allowed,
        "refused": stats["limited"] / stats["requests"],
        "seconds": span_s,
    }


async def paced_fleet(endpoint: Endpoint, redis_url: str, items: int, processes: int) -> int:
    """Share the items among worker processes; how many all of them lost."""
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bench.rate_limits", "--drive", endpoint.url, "--redis", redis_url),
            *("--first", str(first), "--last", str(items), "--step", str(processes)),
            *("--in-flight", str(IN_FLIGHT // processes)),
            cwd=Path(__file__).parents[1],
            stdout=asyncio.subprocess.PIPE,
        )
        for first in range(processes)
    ]
    outputs = await asyncio.gather(*(child.communicate() for child in children))
    return sum(int(output) for output, _ in outputs)


def cases(limits: tuple[int, ...]) -> list[tuple[str, dict[str, Any], int]]:
    """Name, mode and number of processes of every run."""
    styles: list[tuple[str, dict[str, Any]]] = [
        ("headers, bucket", {"limit_style": "bucket"}),
        ("headers, window", {"limit_style": "window"}),
        ("only 429s, bucket", {"limit_style": "bucket", "limit_headers": False}),
        ("only 429s, window", {"limit_style": "window", "limit_headers": False}),
    ]
    found = [
        (
            f"{limit}/s {name}, {processes} process{'es' if processes > 1 else ''}",
            mode | {"limit_per_s": limit},
            processes,
        )
        for limit in limits
        for name, mode in styles
        for processes in (1, 2)
    ]
    found.append(
        (
            f"{limits[0]}/s only 429s with Retry-After, 2 processes",
            {"limit_headers": False, "retry_after": True, "limit_per_s": limits[0]},
            2,
        )
    )
    return found


async def run(
    limits: tuple[int, ...] = (60, 500),
    seconds: float = SECONDS,
    only: str = "",
    *,
    bare: bool = True,
    tell: Callable[[str, Figures], None] | None = None,
) -> dict[str, Figures]:
    """The figures of each case, told as they come; `share` and `refused` are fractions."""
    found: dict[str, Figures] = {}

    def note(name: str, figures: Figures) -> None:
        found[name] = figures
        if tell:
            tell(name, figures)

    with tempfile.TemporaryDirectory() as folder, open_redis(None, Path(folder)) as redis_url:
        for name, mode, processes in cases(limits):
            if only not in name:
                continue
            items = int(mode["limit_per_s"] * seconds)

            async def paced(endpoint: Endpoint, items: int = items, processes: int = processes) -> int:
                return await paced_fleet(endpoint, redis_url, items, processes)

            note(name, await measure(mode, paced, items))
        for limit in limits if bare else ():
            items = int(limit * seconds)

            async def unpaced(endpoint: Endpoint, items: int = items) -> int:
                return await drive_bare(endpoint.url, list(range(items)), IN_FLIGHT)

            note(f"{limit}/s headers, bare SDK loop", await measure({"limit_per_s": limit}, unpaced, items))
    return found


def print_row(name: str, row: Figures) -> None:
    """One line of the table."""
    print(
        f"{name:52} {row['items']:6.0f} items {row['lost']:5.0f} lost {row['share']:7.1%} of the limit "
        f"{row['refused']:6.2%} refused {row['seconds']:6.1f} s",
        flush=True,
    )


def main() -> None:
    """Print the table, or be one worker of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="run the cases whose name contains this")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--no-bare", action="store_true")
    for name in ("--drive", "--redis"):
        parser.add_argument(name, default="", help=argparse.SUPPRESS)
    for name in ("--first", "--last", "--step", "--in-flight"):
        parser.add_argument(name, type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        numbers = list(range(options.first, options.last, options.step))
        print(uvloop.run(drive_paced(options.drive, options.redis, numbers, options.in_flight)))
        return
    uvloop.run(run(seconds=options.seconds, only=options.only, bare=not options.no_bare, tell=print_row))


if __name__ == "__main__":
    main()
