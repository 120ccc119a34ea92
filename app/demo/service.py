"""A private service for the demo: `app.serve` in a process of its own, on a free port and under a folder of its own."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from app.embedded.failures import last_lines
from app.embedded.spawning import die_with_parent

PROJECT = Path(__file__).resolve().parents[2]

_ADDRESS = re.compile(r"answers at (http://\S+)")
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 30.0
_KEPT = {"SYPHUS_PRICES", "SYPHUS_CALL_TIMEOUT_S", "SYPHUS_LOG_LEVEL"}


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


@asynccontextmanager
async def run_service(home: Path) -> AsyncIterator[str]:
    """The base URL of a service that ends with the block, with everything it started.

    A folder that this run made is removed when the block is left by an exception: an interrupted demo leaves
    nothing. Raises DemoError when the service does not start.
    """
    was_there = home.exists()
    home.mkdir(parents=True, exist_ok=True)
    log = home / "log" / "demo-service.log"
    log.parent.mkdir(exist_ok=True)
    try:
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "app.serve",
                cwd=PROJECT,
                env=_make_environment(os.environ, home),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                process_group=0,  # a Ctrl-C at the terminal is for the demo, which stops the service in order
                preexec_fn=die_with_parent(signal.SIGTERM, os.getpid()),
            )
        try:
            yield await _read_address(process, log)
        finally:
            await _stop(process)
    except BaseException:
        if not was_there:
            shutil.rmtree(home, ignore_errors=True)
        raise


async def _read_address(process: asyncio.subprocess.Process, log: Path) -> str:
    assert process.stdout is not None  # noqa: S101  # it was opened as a pipe
    with suppress(TimeoutError):
        async with asyncio.timeout(_START_TIMEOUT_S):
            async for line in process.stdout:
                found = _ADDRESS.search(line.decode(errors="replace"))
                if found:
                    return found[1]
    raise DemoError(f"The service did not start.{last_lines(log)}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()  # its children are told by the kernel, embedded parts by the end of their pipe
        await process.wait()


def _make_environment(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """The model may be yours (OPENAI_*); database, Redis and address are always the demo's own."""
    ours = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or (not name.startswith("SYPHUS_") and name not in {"DATABASE_URL", "REDIS_URL"})
    }
    return ours | {
        "SYPHUS_HOME": str(home.resolve()),
        "SYPHUS_HOST": "127.0.0.1",
        "SYPHUS_PORT": "0",
        "SYPHUS_WORKERS": "1",
        "SYPHUS_DRAIN_S": "1",
    }
