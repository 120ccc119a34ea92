"""COPY into a table that notices when PostgreSQL goes."""

import asyncio
from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Any

import asyncpg

Rows = Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]]

TIMEOUT_S = 6 * 3600.0


async def fill_table(connection: Any, table: str, rows: Rows, columns: Sequence[str] | None = None) -> None:
    """Add rows over a connection of the driver. Raises what PostgreSQL or `rows` raise.

    The driver waits for room to write even where the connection is lost meanwhile, without end; here the loss ends it
    with ConnectionDoesNotExistError.
    """
    lost = asyncio.get_running_loop().create_future()

    def note_loss(_: Any) -> None:
        if not lost.done():
            lost.set_result(None)

    connection.add_termination_listener(note_loss)
    copying = asyncio.ensure_future(
        connection.copy_records_to_table(table, records=rows, columns=columns, timeout=TIMEOUT_S)
    )
    try:
        await asyncio.wait({copying, lost}, return_when=asyncio.FIRST_COMPLETED)
        if not copying.done():
            raise asyncpg.ConnectionDoesNotExistError(f"the connection was lost while rows went into {table}")
        copying.result()
    finally:
        connection.remove_termination_listener(note_loss)
        copying.cancel()
        await asyncio.wait({copying})
        if not copying.cancelled():
            copying.exception()  # noted: the loss, or the caller's end, is what is told
