"""`python main.py` as a person runs it: a process of its own, in a folder of its own, on real servers."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from sqlalchemy import text

from app.settings import load_settings
from app.store.session import Sessions
from app.wiring import open_resources
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.processes import PROJECT
from tests.support.waiting import wait_until
from workers.command_line.arguments import parse_arguments
from workers.command_line.ordering import Order, place_order
from workers.command_line.sources import choose, open_source

LEGACY = PROJECT / "tests" / "datasets" / "legacy"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    status: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The only line of standard error."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Runs main.py in `folder` with the environment of the test."""

    folder: Path
    environment: dict[str, str]

    async def run(self, *arguments: str, **environment: str) -> Ended:
        async with self.start(*arguments, **environment) as process:
            out, err = await process.communicate()
        return Ended(process.returncode or 0, out.decode(), err.decode())

    @asynccontextmanager
    async def start(self, *arguments: str, **environment: str) -> AsyncIterator[Process]:
        """A run under way; killed at the end of the block if it still runs. Empty variables are unset."""
        merged = {**os.environ, **self.environment, **environment}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(PROJECT / "main.py"), *arguments),
            cwd=self.folder,
            env={name: value for name, value in merged.items() if value},
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
                await process.communicate()

    def read(self, name: str, folder: str) -> Any:
        return json.loads((self.folder / folder / name).read_text(encoding="utf-8"))

    async def place(self, *arguments: str, calls_in_flight: int = 4) -> Order:
        """What a run orders before it works, in this process."""
        options = parse_arguments(arguments)
        chosen = choose(options)
        settings = load_settings(
            database_url=self.environment["DATABASE_URL"],
            redis_url=self.environment["REDIS_URL"],
            openai_model="gpt-4o-mini",
            home=self.folder / "home",
            dataset_folders=os.pathsep.join(map(str, options.dataset_folders)),
        )
        with open_source(chosen, settings) as source:
            async with open_resources(settings) as resources:
                return await place_order(resources, options, chosen, source, calls_in_flight)

    def write_items(self, count: int, name: str = "items.jsonl") -> str:
        """A file of plain items; its path."""
        lines = [json.dumps({"id": f"item-{n}", "sentences": f"a red car number {n} by a tree"}) for n in range(count)]
        (self.folder / name).write_text("\n".join(lines) + "\n")
        return str(self.folder / name)


async def interrupt(process: Process, sessions: Sessions, endpoint: Endpoint) -> tuple[bytes, bytes]:
    """Ctrl-C while calls are under way, whose answers come once the job is paused; what the run wrote until its end."""
    process.send_signal(signal.SIGINT)

    async def is_paused() -> bool:
        async with sessions() as session:
            return (await session.execute(text("SELECT 1 FROM job WHERE state = 'paused'"))).first() is not None

    await wait_until(is_paused, "the pause")
    await endpoint.set_mode(answers=-1)
    return await process.communicate()


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=2) as running:
        yield running


@pytest.fixture
def command_line(
    sessions: Sessions, redis: Redis, database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path
) -> CommandLine:
    """With the servers of the test and the original's names for the credentials."""
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "OPENAI_API_TYPE": "open_ai",
        "OPENAI_API_BASE": endpoint.url,
        "OPENAI_API_KEY": "test-key",
        "OPENAI_API_ENGINE": "gpt-4o-mini",
        "SYPHUS_TICK_S": "0.1",
    }
    return CommandLine(tmp_path, environment)
