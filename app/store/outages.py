"""Telling an outage of PostgreSQL from a fault of ours."""

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_AWAY = (
    OSError,
    TimeoutError,
    PoolTimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
)


def is_outage(error: BaseException) -> bool:
    """Whether PostgreSQL is away, restarting or out of connections: the same request may succeed later."""
    if isinstance(error, DBAPIError):
        away = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        return away or (error.orig is not None and is_outage(error.orig))
    if isinstance(error, _AWAY):
        return True
    return error.__cause__ is not None and is_outage(error.__cause__)
