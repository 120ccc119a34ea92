"""A process that computes for the worker: asked over a pipe, ended with it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from workers.relating.sharing import LENGTH

_PROJECT = Path(__file__).parents[2]


class ComputingError(Exception):
    """The process that computes ended by itself: out of memory, or broken."""


class Child:
    """One request at a time; see `open_child`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101  # narrows the type
        assert process.stdout is not None  # noqa: S101  # narrows the type
        self._process = process
        self._requests, self._answers = process.stdin, process.stdout
        self._turn = asyncio.Lock()

    async def ask(self, body: bytes) -> bytes:
        """Send a request and wait for its answer; raises ComputingError."""
        async with self._turn:
            try:
                self._requests.write(LENGTH.pack(len(body)) + body)
                await self._requests.drain()
                return await self._read()
            except OSError as error:
                raise await self._explain() from error

    async def hear(self) -> bytes:
        """What it says unasked; raises ComputingError."""
        return await self._read()

    async def _read(self) -> bytes:
        try:
            (length,) = LENGTH.unpack(await self._answers.readexactly(LENGTH.size))
            return await self._answers.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise await self._explain() from error

    async def _explain(self) -> ComputingError:
        status = await self._process.wait()
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        return ComputingError(f"the process that computes ended {how}")


@asynccontextmanager
async def open_child(*arguments: str) -> AsyncIterator[Child]:
    """A process for the length of the block; what it does is stopped at the end, finished or not."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "workers.relating.child", *arguments),
        cwd=_PROJECT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # a signal to the terminal is the worker's to handle
    )
    try:
        yield Child(process)
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.shield(process.wait())
