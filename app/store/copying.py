"""The output of COPY as a stream that is pulled: PostgreSQL waits while nobody reads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.store.session import driver_connection

TIMEOUT_S = 6 * 3600.0
CHUNKS_AHEAD = 8

# JSON holds no control characters, so neither of these occurs in it: both are taken out, which leaves the columns of a
# row one after another as they are. That is cheaper than one column made by concatenation.
_QUOTE, _SEAM = b"\x01", b"\x02"
GLUED = {"format": "csv", "quote": _QUOTE.decode(), "delimiter": _SEAM.decode()}
AS_CSV = {"format": "csv", "header": True}


class CopiedRows:
    """The rows of a query as bytes, a newline after each; iterated once. `count` is known at the end.

    GLUED, the default, is for JSON: the columns of a row follow each other with nothing between.
    parts: a query each of whose rows fills $1, $2, … of `query`, which then runs once for each (once with zeros where
    there is none): what fits into memory part by part is not sorted on disk.
    """

    def __init__(
        self, session: AsyncSession, query: str, how: dict[str, Any] | None = None, *, parts: str | None = None
    ) -> None:
        self.count = 0
        self._session = session
        self._query = query
        self._parts = parts
        self._how = GLUED if how is None else how

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.pull()

    async def pull(self) -> AsyncGenerator[bytes]:
        """Chunks of any number of rows; close it where it is not read to its end."""
        chunks: asyncio.Queue[bytes] = asyncio.Queue(CHUNKS_AHEAD)
        copying = asyncio.ensure_future(self._copy(chunks))
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
                self.count = await copying
                while not chunks.empty():
                    yield chunks.get_nowait()
                return
        finally:
            copying.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await copying

    async def _copy(self, chunks: asyncio.Queue[bytes]) -> int:
        """Put all rows into the queue. Returns how many there were."""
        connection = await driver_connection(self._session)
        how, count = self._how, 0

        async def take(chunk: bytes) -> None:
            await chunks.put(chunk.replace(_SEAM, b"").replace(_QUOTE, b"") if how is GLUED else chunk)

        for part in [()] if self._parts is None else await self._list_parts(connection, self._parts):
            status = await connection.copy_from_query(self._query, *part, output=take, timeout=TIMEOUT_S, **how)
            count += int(status.rpartition(" ")[2])
            if "header" in how:
                how = how | {"header": False}
        return count

    async def _list_parts(self, connection: Any, parts: str) -> list[tuple[int, ...]]:
        statement = await connection.prepare(parts)
        rows = await statement.fetch(timeout=TIMEOUT_S)
        return [tuple(row) for row in rows] or [(0,) * len(statement.get_attributes())]
