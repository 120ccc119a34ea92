"""A child process of a desk: started with an empty environment, spoken to over pipes, ended for good."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from app.pictures.values import PictureLimits
from app.pictures.wire import LENGTHS, Message, pack

_PROJECT = Path(__file__).resolve().parents[2]
_ENVIRONMENT = {
    "PYTHONPATH": str(_PROJECT),
    "OPENBLAS_NUM_THREADS": "1",  # threads would take address space that pictures need
    "OMP_NUM_THREADS": "1",
}
_STREAM_BYTES = 1 << 20


class DiedError(Exception):
    """The process ended before it answered; `is_costly` when the kernel ended it for the time it used."""

    def __init__(self, *, is_costly: bool) -> None:
        super().__init__("the decoding process died")
        self.is_costly = is_costly


class Child:
    """One process; a conversation that was broken off leaves it useless, so it is then ended."""

    def __init__(self, process: Process) -> None:
        self._process = process
        if process.stdin is None or process.stdout is None:
            raise ValueError("the process needs both pipes")
        self._input, self._output = process.stdin, process.stdout

    @classmethod
    async def start(cls, module: str, head: dict[str, Any], *, pass_fds: tuple[int, ...] = ()) -> Self:
        """Start `python -m module` and send it the first message."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-B", "-P", "-m", module,
            stdin=PIPE, stdout=PIPE, env=_ENVIRONMENT, cwd="/", pass_fds=pass_fds, limit=_STREAM_BYTES,
        )  # fmt: skip
        child = cls(process)
        child._input.write(pack(head))
        return child

    async def ask(self, head: dict[str, Any], body: bytes) -> Message:
        """Send a message and wait for the answer; raises DiedError."""
        try:
            self._input.write(pack(head, body))
            await self._input.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise await self._explain() from error
        return await self.hear()

    async def hear(self) -> Message:
        """Wait for the next message; raises DiedError."""
        try:
            head_bytes, body_bytes = LENGTHS.unpack(await self._output.readexactly(LENGTHS.size))
            head = json.loads(await self._output.readexactly(head_bytes))
            return head, await self._output.readexactly(body_bytes)
        except (asyncio.IncompleteReadError, ConnectionResetError) as error:
            raise await self._explain() from error

    async def end(self) -> None:
        """Kill it, whatever it does, and wait until it is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._input.close()
        await self._process.wait()
        with suppress(BrokenPipeError, ConnectionResetError):
            await self._input.wait_closed()

    async def _explain(self) -> DiedError:
        await self.end()
        return DiedError(is_costly=self._process.returncode == -signal.SIGXCPU)


def describe_limits(limits: PictureLimits) -> dict[str, Any]:
    """The limits as the first message of a process."""
    return asdict(limits)
