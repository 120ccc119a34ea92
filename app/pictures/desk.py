"""The desk: takes pictures and videos from this process and has them decoded in limited processes of their own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from app.pictures.process import Child, DiedError, describe_limits
from app.pictures.values import CutEnd, CutPlan, Frame, Picture, PictureError, PictureLimits, TableRow
from app.pictures.wire import Message

_CLERK = "app.pictures.clerk"
_CUTTER = "app.pictures.cutter"
_TABLE_READER = "app.pictures.table_reader"
_TASKS_PER_CLERK = 2000
_WAIT_FACTOR = 4  # wall time over CPU time: the machine may be busy


class PictureDesk:
    """Up to `limits.processes` clerks, each started when it is first needed and replaced when it dies.

    Every method raises PictureError for what is not taken. More callers than clerks wait their turn.
    """

    def __init__(self, limits: PictureLimits | None = None) -> None:
        self.limits = limits or PictureLimits()
        self._places = asyncio.Semaphore(self.limits.processes)
        self._files = asyncio.Semaphore(self.limits.processes)  # others than places: who reads a file asks the clerks
        self._idle: list[tuple[Child, int]] = []
        self._busy: set[Child] = set()
        self._is_closed = False

    async def inspect(self, data: bytes) -> Picture:
        """Decode a picture whole: what it is, how it is kept, what it looks like."""
        head, body = await self._ask({"task": "inspect"}, data)
        return _read_picture(head, body)

    async def square_png(self, data: bytes, side: int = 224) -> bytes:
        """The whole picture as RGB PNG of side × side pixels; the same bytes for the same picture."""
        return (await self._ask({"task": "square_png", "side": side}, data))[1]

    async def shrink(self, data: bytes, max_side: int) -> bytes:
        """The picture as JPEG without metadata, no side above `max_side` pixels, never enlarged."""
        return (await self._ask({"task": "shrink", "max_side": max_side}, data))[1]

    async def cut(self, path: Path, demuxer: str, plan: CutPlan) -> AsyncGenerator[Frame | CutEnd]:
        """The frames of a video file in order, as JPEG, and how it ended; `demuxer` is what `sniff` says."""
        order = {"demuxer": demuxer, "fps": plan.fps, "frames": plan.frames, "most_frames": plan.most_frames}
        end: CutEnd | None = None
        async with aclosing(self._read_file(_CUTTER, order, path)) as messages:
            async for head, body in messages:
                if head.pop("end", False):
                    end = CutEnd(**head)
                    break
                error = PictureError(head["error"], head["message"]) if "error" in head else None
                picture = None if error is not None else _read_picture(head, body)
                yield Frame(int(head["number"]), float(head["seconds"]), picture, error)
        if end is not None:
            yield end

    async def read_table(self, path: Path) -> AsyncGenerator[TableRow]:
        """The rows of a parquet with image ids as its index (or column `image_id`) and a column `base64`."""
        async with aclosing(self._read_file(_TABLE_READER, {}, path)) as messages:
            async for head, body in messages:
                if head.get("end"):
                    return
                error = PictureError(head["error"], head["message"]) if "error" in head else None
                yield TableRow(str(head["name"]), body, error)

    async def close(self) -> None:
        """End every process; what is asked afterwards, or waits for an answer, fails."""
        self._is_closed = True
        children = [child for child, _ in self._idle] + list(self._busy)
        self._idle.clear()
        await asyncio.gather(*(child.end() for child in children))

    async def _read_file(self, module: str, order: dict[str, Any], path: Path) -> AsyncGenerator[Message]:
        """What a process says about a file that is handed to it open; the last message has `end`."""
        async with self._files:
            with path.open("rb") as file:
                head = {**order, "fd": file.fileno(), "limits": describe_limits(self.limits)}
                child = await self._start(module, head, (file.fileno(),))
            try:
                async with _employ(child, self._busy):
                    while True:
                        message = await self._hear(child)
                        if "error" in message[0] and not {"number", "name"} & set(message[0]):
                            raise PictureError(str(message[0]["error"]), str(message[0]["message"]))
                        yield message
            finally:
                await child.end()

    async def _hear(self, child: Child) -> Message:
        try:
            async with asyncio.timeout(_WAIT_FACTOR * self.limits.video_cpu_s):
                return await child.hear()
        except TimeoutError as error:
            raise _refuse(DiedError(is_costly=True)) from error
        except DiedError as died:
            raise _refuse(died) from died

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
        child, tasks = self._idle.pop() if self._idle else (await self._start(_CLERK, describe_limits(self.limits)), 0)
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

    async def _start(self, module: str, head: dict[str, Any], pass_fds: tuple[int, ...] = ()) -> Child:
        if self._is_closed:
            raise RuntimeError("the desk is closed")
        return await Child.start(module, head, pass_fds=pass_fds)


@asynccontextmanager
async def _employ(child: Child, busy: set[Child]) -> AsyncIterator[None]:
    busy.add(child)
    try:
        yield
    finally:
        busy.discard(child)


def _read_picture(head: dict[str, Any], body: bytes) -> Picture:
    cut = int(head["feature_bytes"])
    return Picture(body[cut:], str(head["media_type"]), int(head["width"]), int(head["height"]), body[:cut])


def _refuse(died: DiedError) -> PictureError:
    if died.is_costly:
        return PictureError("too_costly", "Decoding takes too long; write the file again, or send a smaller one.")
    return PictureError("undecodable", "The decoder does not survive this file; write it again.")
