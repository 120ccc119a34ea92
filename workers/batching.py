"""Group commit: what arrives while a transaction runs goes into the next one, so load decides the batch."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Entry = TypeVar("Entry")
Result = TypeVar("Result")


class GroupCommit(Generic[Entry, Result]):
    """Collects entries and commits them together; each `put` waits for its own result."""

    def __init__(self, commit: Callable[[list[Entry]], Awaitable[list[Result]]], most: int) -> None:
        """`commit` answers one result per entry, in order; `most` bounds a batch."""
        self._commit = commit
        self._most = most
        self._waiting: list[tuple[Entry, asyncio.Future[Result]]] = []
        self._wake = asyncio.Event()

    async def put(self, entry: Entry) -> Result:
        """The entry's result, once its batch is committed; raises what the commit raised."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, future))
        self._wake.set()
        return await future

    async def run(self) -> None:
        """Commit batches until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = self._waiting[: self._most]
                del self._waiting[: self._most]
                await self._flush(batch)

    async def _flush(self, batch: list[tuple[Entry, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._commit([entry for entry, _ in batch])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
