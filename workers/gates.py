"""Gates: how many calls may be under way beside each other, and which of them must be alone."""

import asyncio
from collections.abc import Awaitable, Callable

POISON_LOSSES = 6
ALONE_FROM = 3
_FEW_FROM, _ONE_FROM = 1, 2
_FEW = 4


class Suspects:
    """Units whose calls were lost with their worker, asked the more carefully the oftener that happened.

    A unit that ends its worker is told from one that happened to be under way when its worker was killed by trying
    again: after one loss beside at most three others, after two beside none that is suspected, after three alone in
    the worker (see Floor), so that what it may yet cost is its own call only.
    """

    def __init__(self) -> None:
        self._few = asyncio.Semaphore(_FEW)
        self._one = asyncio.Semaphore(1)

    def gate_of(self, losses: int) -> asyncio.Semaphore | None:
        """Where a unit with so many losses takes a place; None for one that is not suspected."""
        if losses < _FEW_FROM:
            return None
        return self._few if losses < _ONE_FROM else self._one


class Floor:
    """Where the calls of a worker are while they are under way: many beside each other, or one alone."""

    def __init__(self) -> None:
        self._inside = 0
        self._is_closed = False
        self._changed = asyncio.Event()

    async def admit(self, losses: int, stopping: asyncio.Event) -> bool:
        """Come in, alone after three losses; False where the stop came first."""
        is_alone = losses >= ALONE_FROM
        if not is_alone and not self._is_closed:
            self._inside += 1
            return True
        return await first_of(lambda: self._enter(is_alone=is_alone), stopping, lambda: self.leave(losses))

    def leave(self, losses: int) -> None:
        self._inside -= 1
        if losses >= ALONE_FROM:
            self._is_closed = False
        self._changed.set()

    async def _enter(self, *, is_alone: bool) -> None:
        while self._is_closed:
            await self._wait()
        if is_alone:
            self._is_closed = True
            try:
                while self._inside:
                    await self._wait()
            except BaseException:
                self._is_closed = False
                self._changed.set()
                raise
        self._inside += 1

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


async def first_of(
    wanted: Callable[[], Awaitable[object]], stopping: asyncio.Event, undo: Callable[[], object] | None = None
) -> bool:
    """Wait for something unless a stop comes first; whether it came. `undo` gives back what came too late."""
    waiting, stop = asyncio.ensure_future(wanted()), asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({waiting, stop}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
        if not waiting.done():
            waiting.cancel()
    if not waiting.done() or waiting.cancelled():
        return False
    waiting.result()
    if stopping.is_set():
        if undo is not None:
            undo()
        return False
    return True
