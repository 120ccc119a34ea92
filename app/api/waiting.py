"""`Prefer: wait=30`: an answer that comes when a state has changed, or after the wait."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection

from fastapi import Request

from app.clock import monotonic_s

LONGEST_WAIT_S = 60
LOOK_S = 0.25

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?:$|[,;])", re.IGNORECASE)


def read_wait(request: Request) -> int | None:
    """Seconds of `Prefer: wait`, at most a minute; None without it."""
    found = _WAIT.search(request.headers.get("prefer", ""))
    return min(int(found[1]), LONGEST_WAIT_S) if found else None


async def await_change(
    request: Request, wait_s: int, read_state: Callable[[], Awaitable[str]], final_states: Collection[str]
) -> None:
    """Return when the state has changed or the wait is over; a final state is not waited for."""
    stopping: asyncio.Event = request.app.state.stopping
    until_s = monotonic_s() + wait_s
    first = state = await read_state()
    while state == first and state not in final_states and monotonic_s() < until_s and not stopping.is_set():
        if await request.is_disconnected():
            return
        await asyncio.sleep(LOOK_S)
        state = await read_state()
