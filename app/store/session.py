"""Engines and sessions; every write happens inside `async with sessions.begin()`."""

from typing import Any, cast

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

Sessions = async_sessionmaker[AsyncSession]


def make_engine(database_url: str, *, pool_size: int = 10, longest_pause_s: float | None = None) -> AsyncEngine:
    """An engine on asyncpg; accepts `postgresql://`, `postgres://` and `postgresql+asyncpg://`.

    longest_pause_s: after so long without a statement PostgreSQL ends a transaction, and frees the rows it locked
    """
    settings = {"application_name": "syphus", "jit": "off"}
    if longest_pause_s is not None:
        settings["idle_in_transaction_session_timeout"] = str(round(longest_pause_s * 1000))
    url = make_url(database_url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+asyncpg")
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=10,
        connect_args={
            "timeout": 10,
            "command_timeout": 120,
            "server_settings": settings,
        },
    )


def make_sessions(engine: AsyncEngine) -> Sessions:
    """The factory that everything below uses; rows stay readable after commit."""
    return async_sessionmaker(engine, expire_on_commit=False)


async def driver_connection(session: AsyncSession) -> Any:
    """The asyncpg connection of the session's transaction, for COPY."""
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    return cast(Any, raw.driver_connection)
