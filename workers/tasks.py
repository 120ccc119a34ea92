"""The tasks of a worker: kept from being forgotten, and the vital ones watched."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from app.cancelling import end_tasks

log = logging.getLogger("syphus.tasks")


class Tasks:
    """Owns background tasks until they end; `failed` is set when a vital one ends by an error."""

    def __init__(self) -> None:
        self.failed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that handles its own errors."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def keep(self, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a loop that must not end by itself."""
        task = self.spawn(loop)
        task.add_done_callback(self._notice)
        return task

    async def cancel(self) -> None:
        """End all that is left."""
        await end_tasks(*self._tasks)

    def _notice(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("vital_task_failed", exc_info=error)
            self.failed.set()
