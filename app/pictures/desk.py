"""The desk: takes pictures and videos from this process and has them decoded in limited processes of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.pictures.process import Child, DiedError, describe_limits
from app.pictures.values import Picture, PictureError, PictureLimits
from app.pictures.wire import Message

_CLERK = "app.pictures.clerk"
_TASKS_PER_CLERK = 2000
_WAIT_FACTOR = 4  # wall time over CPU time: the machine may be busy


class PictureDesk:
    """Up to `limits.processes` clerks, each started when it is first needed and replaced when it dies.

    Every method raises PictureError for what is not taken. More callers than clerks wait their turn.
    """

    def __init__(self, limits: PictureLimits | None = None) -> None:
        self.limits = limits or PictureLimits()
        self._places = asyncio.Semaphore(self.limits.processes)
        self._idle: list[tuple[Child, int]] = []
        self._busy: set[Child] = set()
        self._is_closed = False

    async def inspect(self, data: bytes) -> Picture:
        """Decode a picture whole: what it is, how it is kept, what it looks like."""
        head, body = await self._ask({"task": "inspect"}, data)
        cut = int(head["feature_bytes"])
        return Picture(body[cut:], str(head["media_type"]), int(head["width"]), int(head["height"]), body[:cut])

    async def square_png(self, data: bytes, side: int = 224) -> bytes:
        """The whole picture as RGB PNG of side × side pixels; the same bytes for the same picture."""
        return (await self._ask({"task": "square_png", "side": side}, data))[1]

    async def shrink(self, data: bytes, max_side: int) -> bytes:
        """The picture as JPEG without metadata, no side above `max_side` pixels, never enlarged."""
        return (await self._ask({"task": "shrink", "max_side": max_side}, data))[1]

    async def close(self) -> None:
        """End every process; what is asked afterwards, or waits for an answer, fails."""
        self._is_closed = True
        children = [child for child, _ in self._idle] + list(self._busy)
        self._idle.clear()
        await asyncio.gather(*(child.end() for child in children))

    async def _ask(self, order: dict[str, Any], data: bytes) -> Message:
        if len(data) > self.limits.picture_bytes:
            raise PictureError(
                "too_many_bytes", f"A picture has at most {self.limits.picture_bytes:,} bytes; this has {len(data):,}."
            )
        async with self._places:
            try:
                head, body = await self._try(order, data)
            except DiedError as died:
                if died.is_costly or self._is_closed:
                    raise _refuse(died) from died
                try:  # it may have died of something else: once more, in a fresh process
                    head, body = await self._try(order, data)
                except DiedError as died_again:
                    raise _refuse(died_again) from died_again
        if "error" in head:
            raise PictureError(str(head["error"]), str(head["message"]))
        return head, body

    async def _try(self, order: dict[str, Any], data: bytes) -> Message:
        child, tasks = self._idle.pop() if self._idle else (await self._start(), 0)
        is_whole = False
        try:
            async with _employ(child, self._busy), asyncio.timeout(_WAIT_FACTOR * self.limits.cpu_s):
                message = await child.ask(order, data)
            is_whole = True
        except TimeoutError as error:
            raise DiedError(is_costly=True) from error
        finally:
            if is_whole and tasks + 1 < _TASKS_PER_CLERK and not self._is_closed:
                self._idle.append((child, tasks + 1))
            else:
                await child.end()
        return message

    async def _start(self) -> Child:
        if self._is_closed:
            raise RuntimeError("the desk is closed")
        return await Child.start(_CLERK, describe_limits(self.limits))


@asynccontextmanager
async def _employ(child: Child, busy: set[Child]) -> AsyncIterator[None]:
    busy.add(child)
    try:
        yield
    finally:
        busy.discard(child)


def _refuse(died: DiedError) -> PictureError:
    if died.is_costly:
        return PictureError("too_costly", "Decoding the picture takes too long; write it again, or send a smaller one.")
    return PictureError("undecodable", "The decoder does not survive this picture; write it again.")
