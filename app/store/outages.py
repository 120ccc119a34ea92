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


_STANDSTILLS = frozenset({"40001", "40P01"})


def is_standstill(error: BaseException) -> bool:
    """Whether PostgreSQL took back one of two transactions that stood in each other's way: again it may succeed."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _STANDSTILLS


def is_outage(error: BaseException) -> bool:
    """Whether PostgreSQL is away, restarting or out of connections: the same request may succeed later."""
    if isinstance(error, DBAPIError):
        away = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        return away or (error.orig is not None and is_outage(error.orig))
    if isinstance(error, _AWAY):
        return True
    return error.__cause__ is not None and is_outage(error.__cause__)
