"""Alembic's entry: it migrates the database that Settings (or the caller's connection) name."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from app.settings import load_settings
from app.store import models
from app.store.session import make_engine

_METADATA = SQLModel.metadata
_TABLES = models.__name__  # the import above fills the metadata


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=_METADATA, compare_server_default=False)
    with context.begin_transaction():
        context.execute(text("SELECT pg_advisory_xact_lock(7305001)"))
        context.execute(text("SET LOCAL lock_timeout = '10s'"))
        context.run_migrations()


async def _migrate_by_url(database_url: str) -> None:
    engine = make_engine(database_url, pool_size=1)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


def _run() -> None:
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    database_url = context.config.attributes.get("database_url") or load_settings().database_url
    if not database_url:
        raise SystemExit("No database to migrate: set DATABASE_URL (`make migrate` also knows the embedded one).")
    asyncio.run(_migrate_by_url(database_url))


_run()
