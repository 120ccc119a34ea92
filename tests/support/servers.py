"""A PostgreSQL and a Valkey for the test session: the ones that are configured, else embedded ones in a temp folder."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel

from app.clock import new_id
from app.embedded import start_embedded
from app.store import models

_TABLES_OF = models.__name__  # importing the models fills the metadata


@contextmanager
def open_postgres(configured_url: str | None, home: Path) -> Iterator[str]:
    """The URL of an empty database of our own: made in the configured server and dropped again, or embedded."""
    if configured_url is None:
        with start_embedded(home, database=True, redis=False, model=False) as embedded:
            assert embedded.database_url is not None
            yield embedded.database_url
        return
    name = f"syphus_test_{new_id()}"
    admin = make_url(configured_url).set(drivername="postgresql")
    run_apart(lambda: _execute(admin.render_as_string(hide_password=False), f'CREATE DATABASE "{name}"'))
    try:
        yield admin.set(database=name).render_as_string(hide_password=False)
    finally:
        run_apart(lambda: _execute(admin.render_as_string(hide_password=False), f'DROP DATABASE "{name}" WITH (FORCE)'))


@contextmanager
def open_redis(configured_url: str | None, home: Path) -> Iterator[str]:
    """The URL of a Redis that tests may empty at will."""
    if configured_url is not None:
        yield configured_url
        return
    with start_embedded(home, database=False, redis=True, model=False) as embedded:
        assert embedded.redis_url is not None
        yield embedded.redis_url


def run_apart(make: Callable[[], Awaitable[Any]] | Callable[[], None]) -> None:
    """Run something that needs an event loop of its own, whatever loop the session has."""

    def run() -> None:
        awaitable = make()
        if awaitable is not None:
            asyncio.run(_wait_for(awaitable))

    with ThreadPoolExecutor(max_workers=1) as executor:
        executor.submit(run).result()


def truncation() -> str:
    """The statement that empties every table and starts its numbers again at 1."""
    tables = ", ".join(f'"{table.name}"' for table in SQLModel.metadata.sorted_tables)
    return f"TRUNCATE {tables} RESTART IDENTITY CASCADE"


async def _wait_for(awaitable: Awaitable[Any]) -> None:
    await awaitable


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
