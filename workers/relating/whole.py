"""The course of the unit that relates a whole job.

While other shards still bring pairs, their vectors are made. Once no more can come, each pair is compared with all
others and its relations are written, block by block under the fence: what was written is not done again.
"""

import asyncio
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.corpus import MOST_SIMILAR, Corpus, CorpusBuilder
from app.pipeline.similarity import EXACT_UP_TO
from app.store.events import append_event
from app.store.jobs import get_job
from app.store.relations import set_relations
from app.store.session import Sessions
from app.store.shards import hold_lease
from app.store.whole_jobs import (
    count_bare_pairs,
    forget_relations,
    has_unfinished_shards,
    has_unrelated_shards,
    list_corpus_pairs,
)
from workers.relating.pipes import Child, open_child
from workers.relating.sharing import save_corpus
from workers.run import ShardRun

log = logging.getLogger("syphus.relating")

_LOOK_S = 1.0
_PAIRS_AT_ONCE = 2000
_UNITS_AT_ONCE = 1000


class Subject(Protocol):
    """What is compared; see `subjects`."""

    model: str
    is_paid: bool

    async def embed_new(self) -> bool:
        """Make vectors of what came in; False where nothing did."""
        ...

    async def attach(self, corpus: Corpus, folder: Path) -> Corpus:
        """Number what has vectors, and put these into the folder."""
        ...


class FencedError(Exception):
    """The lease is gone: nothing more may be written."""


@dataclass(slots=True)
class WholeRelation:
    """One run of the unit; `work` returns once every pair has its relations."""

    sessions: Sessions
    run: ShardRun
    worker_id: str
    home: Path
    subject: Subject
    exact_up_to: int = EXACT_UP_TO

    async def work(self) -> None:
        """Raises FencedError, ComputingError, and what the database raises."""
        lease, subject = self.run.claim.lease, self.subject
        if lease.reset:
            async with self.sessions.begin() as session:
                await self._hold(session)
                await forget_relations(session, lease)
        while await self._awaits_pairs():
            if self._must_wait_to_embed() or not await subject.embed_new():
                await asyncio.sleep(_LOOK_S)
        while await subject.embed_new():
            pass
        with _open_folder(self.home, lease.shard_id, lease.fence) as folder:
            corpus, is_related = await self._load()
            corpus = await subject.attach(corpus, folder)
            await self._relate_bare(corpus)
            await asyncio.to_thread(save_corpus, corpus, folder)
            await self._compare(corpus, is_related, folder)

    def _must_wait_to_embed(self) -> bool:
        """A job that bounds its calls in flight embeds when its other calls are over."""
        return self.subject.is_paid and self.run.job.calls_per_shard > 0

    async def _awaits_pairs(self) -> bool:
        async with self.sessions() as session:
            if self._must_wait_to_embed():
                return await has_unfinished_shards(session, self.run.job.job_id)
            return await has_unrelated_shards(session, self.run.job.job_id)

    async def _load(self) -> tuple[Corpus, NDArray[np.bool_]]:
        """All pairs, and which of them are related already."""
        builder, related, after = CorpusBuilder(), bytearray(), (0, -1)
        while True:
            async with self.sessions() as session:
                rows = await list_corpus_pairs(session, self.run.job.job_id, after, _PAIRS_AT_ONCE)
            if not rows:
                return builder.build(), np.frombuffer(bytes(related), dtype=np.bool_)
            builder.add(pair for pair, _ in rows)
            related.extend(is_related for _, is_related in rows)
            after = (rows[-1][0].item_id, rows[-1][0].ordinal)

    async def _relate_bare(self, corpus: Corpus) -> None:
        """What has no vector is related to nothing, and counted."""
        bare = corpus.pair_ids[corpus.units < 0].tolist()
        for start in range(0, len(bare), _PAIRS_AT_ONCE):
            await self._write({pair_id: [] for pair_id in bare[start : start + _PAIRS_AT_ONCE]})
        async with self.sessions.begin() as session:
            await self._hold(session)
            await count_bare_pairs(session, self.run.job.job_id, len(bare))

    async def _compare(self, corpus: Corpus, is_related: NDArray[np.bool_], folder: Path) -> None:
        left = np.unique(corpus.units[~is_related & (corpus.units >= 0)] // _UNITS_AT_ONCE).tolist()
        count = int(corpus.units.max(initial=-1)) + 1
        if left:
            async with open_child("compare", str(folder), self.run.job.relation_rule, str(self.exact_up_to)) as child:
                search = (await child.hear()).decode()
                for block in left:
                    first = block * _UNITS_AT_ONCE
                    await self._write(await _ask(child, first, min(first + _UNITS_AT_ONCE, count)))
                await self._tell(corpus, count, search)

    async def _tell(self, corpus: Corpus, units: int, search: str) -> None:
        job = self.run.job
        data = {
            "rule": job.relation_rule,
            "model": self.subject.model,
            "pairs": len(corpus.pair_ids),
            "vectors": units,
            "search": search,
        }
        async with self.sessions.begin() as session:
            await get_job(session, job.job_id, lock=True)
            await append_event(session, job.job_id, "job.related", data)
        log.info("job_related", extra={"job": job.job_id, **data})

    async def _write(self, related: dict[int, list[int]]) -> None:
        async with self.sessions.begin() as session:
            await self._hold(session)
            await set_relations(session, self.run.job.job_id, self.run.job.relation_rule, related)

    async def _hold(self, session: AsyncSession) -> None:
        if not await hold_lease(session, self.run.claim.lease, self.worker_id):
            raise FencedError


async def _ask(child: Child, first: int, last: int) -> dict[int, list[int]]:
    """The relations of the pairs of a range of units."""
    answer = await child.ask(orjson.dumps([first, last]))
    rows = np.frombuffer(answer, dtype="<i8").reshape(-1, 1 + MOST_SIMILAR).tolist()
    return {row[0]: [related for related in row[1:] if related >= 0] for row in rows}


@contextmanager
def _open_folder(home: Path, shard_id: int, fence: int) -> Iterator[Path]:
    """A folder of this run's own; what earlier runs of the unit left behind on this machine is removed."""
    for older in (home / "relating").glob(f"{shard_id}-*"):
        if int(older.name.rpartition("-")[2]) < fence:
            shutil.rmtree(older, ignore_errors=True)
    folder = (home / "relating" / f"{shard_id}-{fence}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
