"""What the tests of embedded parts share: owners that may be killed, and rows that must survive it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

import asyncpg
import pytest

from app.embedded import find_running
from app.embedded.plan import Running
from tests.support.processes import run_python

Owner = tuple[Popen[str], Running]


@pytest.fixture(autouse=True)
def _only_where_processes_can_be_seen() -> None:
    if sys.platform != "linux":
        pytest.skip("these tests look at processes through /proc")


@pytest.fixture
def start_owner() -> Iterator[Callable[..., Owner]]:
    """`start_owner(home, *parts)`: a child process that owns an instance, and the addresses of that instance."""
    with ExitStack() as stack:

        def start(home: Path, *parts: str, **options: object) -> Owner:
            process = stack.enter_context(
                run_python("-m", "tests.embedded.owner", str(home), *parts, **options)  # type: ignore[arg-type]  # passed on
            )
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            running = find_running(home)
            assert running is not None
            return process, running

        yield start


async def write_row(database_url: str | None, value: int) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (value INT)")
        await connection.execute("INSERT INTO kept VALUES ($1)", value)
    finally:
        await connection.close()


async def read_rows(database_url: str | None) -> list[int]:
    connection = await asyncpg.connect(database_url)
    try:
        return [row["value"] for row in await connection.fetch("SELECT value FROM kept ORDER BY value")]
    finally:
        await connection.close()
