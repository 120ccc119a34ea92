"""The output of COPY as a stream that is pulled: PostgreSQL waits while nobody reads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.store.session import driver_connection

TIMEOUT_S = 6 * 3600.0
CHUNKS_AHEAD = 8

# JSON holds no control characters, so neither of these occurs: every line comes out as it is.
VERBATIM = {"format": "csv", "quote": "\x01", "delimiter": "\x02"}
AS_CSV = {"format": "csv", "header": True}


class CopiedRows:
    """The rows of a query as bytes, a newline after each; iterated once. `count` is known at the end."""

    def __init__(self, session: AsyncSession, query: str, how: dict[str, Any] | None = None) -> None:
        self.count = 0
        self._session = session
        self._query = query
        self._how = VERBATIM if how is None else how

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.pull()

    async def pull(self) -> AsyncGenerator[bytes]:
        """Chunks of any number of rows; close it where it is not read to its end."""
        connection = await driver_connection(self._session)
        chunks: asyncio.Queue[bytes] = asyncio.Queue(CHUNKS_AHEAD)
        copying = asyncio.ensure_future(
            connection.copy_from_query(self._query, output=chunks.put, timeout=TIMEOUT_S, **self._how)
        )
        try:
            while True:
                if not chunks.empty():
                    yield chunks.get_nowait()
                    continue
                getting = asyncio.ensure_future(chunks.get())
                await asyncio.wait({getting, copying}, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    yield getting.result()
                    continue
                getting.cancel()
                self.count = int((await copying).rpartition(" ")[2])
                while not chunks.empty():
                    yield chunks.get_nowait()
                return
        finally:
            copying.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await copying
