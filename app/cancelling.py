"""Ending tasks: one cancellation is not always enough."""

import asyncio
from collections.abc import Coroutine
from typing import Any

_AGAIN_S = 1.0


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until each has ended, however it ends; what one raises is not raised here.

    A cancellation can be lost: `asyncio.wait_for` of Python 3.11, by which the Redis client sends, swallows one that
    meets the end of what it waits for. A loop around it then goes on for ever, and whoever awaits that loop with it.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


async def see_through(work: Coroutine[Any, Any, None]) -> None:
    """Await clean-up that must not be cut short: a cancellation that comes meanwhile takes effect once it is done."""
    task = asyncio.ensure_future(work)
    is_cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            is_cancelled = True
    task.result()
    if is_cancelled:
        raise asyncio.CancelledError
