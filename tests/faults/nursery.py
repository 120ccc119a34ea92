"""Where workers come from: a process that has imported them once and forks a `python -m workers` for each request.

A worker spends its first seconds of CPU on imports. On a small machine, a suite that kills dozens of them would
otherwise measure mostly that.
"""

import asyncio
import json
import os
import select
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from app.embedded.spawning import die_with_parent
from tests.support.processes import PROJECT
from workers.__main__ import main as work

_LOOK_S = 0.02


class Nursery:
    """The owner's side. Exit statuses come in as workers end; a signal's number counts below zero."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self.statuses: dict[int, int] = {}

    async def start(self, environment: dict[str, str], log: Path) -> int:
        """The pid of a new worker with exactly this environment."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([environment, str(log)]).encode() + b"\n")
        return await self._born.get()

    async def listen(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            pid, status = json.loads(line)
            if status is None:
                self._born.put_nowait(pid)
            else:
                self.statuses[pid] = status


@asynccontextmanager
async def open_nursery() -> AsyncIterator[Nursery]:
    """A nursery; it and all that came from it end with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.faults.nursery"),
        cwd=PROJECT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    nursery = Nursery(process)
    listening = asyncio.create_task(nursery.listen())
    try:
        yield nursery
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


def main() -> None:
    """Fork on request, report births and ends, and take everyone along when the owner goes."""
    requests = b""
    while True:
        readable, _, _ = select.select([0], [], [], _LOOK_S)
        if readable:
            piece = os.read(0, 2**20)
            if not piece:
                os._exit(0)
            *lines, requests = (requests + piece).split(b"\n")
            for line in lines:
                environment, log = json.loads(line)
                owner, pid = os.getpid(), os.fork()
                if pid == 0:
                    _become_worker(environment, log, owner)
                    os._exit(work())
                _report(pid, None)
        _report_ended()


def _become_worker(environment: dict[str, str], log: str, owner: int) -> None:
    die_with_parent(signal.SIGKILL, owner)()
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, nothing), (1, output), (2, output)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(environment)


def _report_ended() -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _report(pid, os.waitstatus_to_exitcode(status))


def _report(pid: int, status: int | None) -> None:
    os.write(1, json.dumps([pid, status]).encode() + b"\n")


if __name__ == "__main__":
    main()
