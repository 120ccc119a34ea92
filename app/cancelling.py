"""Ending tasks: one cancellation is not always enough."""

import asyncio
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
