"""Waiting for something to become true, which is never the same as sleeping for long enough."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

_LOOK_S = 0.01


async def wait_until(
    is_so: Callable[[], bool] | Callable[[], Awaitable[bool]], what: str, timeout_s: float = 30.0
) -> None:
    """Return as soon as the condition holds; raises AssertionError naming `what` after the timeout."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = is_so()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {timeout_s:g} s")
        await asyncio.sleep(_LOOK_S)


def block_until(is_so: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    """The same for tests that watch processes and have no event loop."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {timeout_s:g} s")
        time.sleep(_LOOK_S)
