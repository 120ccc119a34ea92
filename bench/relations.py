"""Relations by similarity over a whole job: time, memory, and how many true neighbours an index finds.

`python -m bench.relations [--pairs 100000]`; a worker of its own relates a job, every pair with another text: once with
vectors from an endpoint, once with vectors that are known already. What making vectors takes by the packaged model is
measured apart, on a sample; `--packaged` relates a third job with it, which takes a second for each hundred texts.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
from sqlalchemy import text

from app.clock import new_id
from app.pipeline.corpus import digest_text, embedded_text
from app.pipeline.neighbour_index import IndexedNeighbours
from app.pipeline.similarity import (
    ExactNeighbours,
    Floats,
    iterate_blocks,
    measure_recall,
    scale_to_unit,
)
from app.services.jobs import submit_job
from app.services.planning import JobRequest
from app.settings import load_settings
from app.store import models
from app.store.embeddings import store_vectors
from app.store.session import Sessions, driver_connection, make_engine, make_sessions
from bench.processes import open_database, run_apart
from tests.support.endpoint import running_endpoint
from workers.relating.packaged import PACKAGED_MODEL, open_packaged

PAIRS_PER_ITEM = 5
LENGTH = 384
TOPICS, DIRECTIONS = 2000, 48
REACH = 10
LATENCY_MS = 50
TIMEOUT_S = 3600.0
LOOK_S = 0.2

_ITEMS = """
    INSERT INTO item (dataset_id, position, source_id, sentences, image_ids, image_set)
    SELECT $1, n, 'source-' || n, 'A street, no ' || n, ARRAY['BEN_IMG_' || n], n FROM generate_series(0, $2 - 1) AS n
"""
_PAIRS = """
    INSERT INTO pair (job_id, item_id, ordinal, language, instruction, response, words)
    SELECT $1, i.id, o, 'en',
        'What does the person in coat ' || o || ' carry across street ' || i.position || ', and why?',
        'A long ladder, for the house at the corner.', 20
    FROM item i CROSS JOIN generate_series(0, $3 - 1) AS o WHERE i.dataset_id = $2 ORDER BY i.id, o
"""


def run(
    pairs: int = 100_000, sample: int = 400, queries: int = 2_000, *, with_packaged: bool = False
) -> dict[str, float]:
    """Seconds and megabytes of the unit, texts a CPU second of the packaged model, recall and CPU of the index."""
    vectors = make_vectors(pairs)
    found = compare_searches(vectors, queries)
    with open_database() as database_url, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        found["texts_per_cpu_s"] = asyncio.run(_embed_sample(database_url, sample))
        if with_packaged:
            job_id = asyncio.run(_prepare(database_url, pairs))
            found["packaged_relate_s"] = _work(database_url, home, job_id)["relate_s"]
            asyncio.run(_forget(database_url))
        found["endpoint_relate_s"] = asyncio.run(_relate_by_endpoint(database_url, home, pairs))
        job_id = asyncio.run(_prepare(database_url, pairs))
        asyncio.run(_store(database_url, job_id, vectors))
        return found | _work(database_url, home, job_id) | asyncio.run(_count(database_url, job_id))


def make_vectors(count: int) -> Floats:
    """Vectors in clusters that all lean one way, as those of sentences do."""
    random = np.random.default_rng(7)
    topics = random.normal(size=(TOPICS, LENGTH)).astype(np.float32)
    directions = random.normal(size=(DIRECTIONS, LENGTH)).astype(np.float32) / np.float32(np.sqrt(DIRECTIONS))
    lean = random.normal(size=LENGTH).astype(np.float32)
    made = np.empty((count, LENGTH), dtype=np.float32)
    for rows in iterate_blocks(count, 10_000):
        own = random.normal(size=(len(rows), DIRECTIONS)).astype(np.float32) @ directions
        made[rows] = scale_to_unit(1.5 * lean + topics[random.integers(TOPICS, size=len(rows))] * 0.7 + own)
    return made


def compare_searches(vectors: Floats, queries: int) -> dict[str, float]:
    """An index against the plain truth, for some rows."""
    rows = np.linspace(0, len(vectors) - 1, min(queries, len(vectors))).astype(np.int64)
    truth = ExactNeighbours(vectors).find(rows, REACH)
    began_s = time.process_time()
    index = IndexedNeighbours(vectors)
    built_s = time.process_time() - began_s
    found = index.find(rows, REACH)
    per_query_s = (time.process_time() - began_s - built_s) / len(rows)
    return {
        "index_recall": measure_recall(found, truth),
        "index_cpu_s": built_s + per_query_s * len(vectors),
    }


@asynccontextmanager
async def _open_sessions(database_url: str) -> AsyncIterator[Sessions]:
    engine = make_engine(database_url)
    yield make_sessions(engine)
    await engine.dispose()


async def _embed_sample(database_url: str, sample: int) -> float:
    texts = [
        f"What does the woman in the red coat carry across street number {number}, and why?" for number in range(sample)
    ]
    async with _open_sessions(database_url) as sessions, open_packaged(sessions) as packaged:
        await packaged.embed({digest_text("warm"): "warm"})
        (child,) = (child for child in psutil.Process().children() if "workers.relating.child" in child.cmdline())
        before_s = sum(child.cpu_times()[:2])
        await packaged.embed({digest_text(text): text for text in texts})
        return sample / float(sum(child.cpu_times()[:2]) - before_s)


async def _relate_by_endpoint(database_url: str, home: Path, pairs: int) -> float:
    """Seconds of a job whose vectors all come from `/embeddings`."""
    job_id = await _prepare(database_url, pairs)
    async with running_endpoint(latency_ms=LATENCY_MS) as endpoint:
        figures = await asyncio.to_thread(
            _work, database_url, home, job_id, OPENAI_BASE_URL=endpoint.url, OPENAI_EMBEDDING_MODEL="loopback"
        )
        asked = (await endpoint.stats())["vectors"]
    if asked < pairs:
        raise RuntimeError(f"{asked} vectors were asked for, not {pairs}")
    return figures["relate_s"]


async def _prepare(database_url: str, pairs: int) -> int:
    """A job whose items are all done and whose texts have no vectors yet."""
    items = pairs // PAIRS_PER_ITEM
    dataset_id = new_id()
    async with _open_sessions(database_url) as sessions:
        async with sessions.begin() as session:
            shape = {"id": dataset_id, "name": f"bench-{dataset_id}", "abbr": "BEN", "format": "jsonl"}
            session.add(models.Dataset(**shape, state="ready", items=items))  # type: ignore[arg-type]  # columns
            await session.flush()
            connection = await driver_connection(session)
            await connection.execute(_ITEMS, dataset_id, items, timeout=TIMEOUT_S)
        settings = load_settings(database_url=database_url)
        async with sessions.begin() as session:
            job = await submit_job(session, settings, JobRequest(dataset_id, relation_rule="similar_texts"))
            connection = await driver_connection(session)
            await connection.execute(_PAIRS, job.id, dataset_id, PAIRS_PER_ITEM, timeout=TIMEOUT_S)
            await session.execute(text("UPDATE shard SET state = 'done', stage = 'relate' WHERE seq >= 0"))
        async with sessions() as session:
            connection = await driver_connection(session)
            for table in ("item", "pair"):
                await connection.execute(f"ANALYZE {table}", timeout=TIMEOUT_S)
        return job.id


async def _store(database_url: str, job_id: int, vectors: Floats) -> None:
    async with _open_sessions(database_url) as sessions:
        async with sessions() as session:
            rows = await session.execute(
                text("SELECT instruction FROM pair WHERE job_id = :job ORDER BY id"), {"job": job_id}
            )
            texts = [str(row[0]) for row in rows]
        for numbers in iterate_blocks(len(texts), 5_000):
            made = {digest_text(embedded_text(texts[n])): vectors[n].astype("<f2").tobytes() for n in numbers.tolist()}
            async with sessions.begin() as session:
                await store_vectors(session, PACKAGED_MODEL, made)
        async with sessions() as session:
            await (await driver_connection(session)).execute("ANALYZE embedding", timeout=TIMEOUT_S)


async def _forget(database_url: str) -> None:
    async with _open_sessions(database_url) as sessions, sessions.begin() as session:
        await session.execute(text("TRUNCATE embedding"))


def _work(database_url: str, home: Path, job_id: int, **environment: str) -> dict[str, float]:
    """A worker from its first step to the end of the job: seconds, its peak memory and that of what computes for it."""
    command = [sys.executable, "-m", "workers"]
    environment = {"OPENAI_BASE_URL": "http://127.0.0.1:1", "OPENAI_API_KEY": "bench"} | environment
    began = time.perf_counter()
    with run_apart(command, database_url, home, **environment) as process, _Family(process.pid) as family:
        asyncio.run(_await_end(database_url, job_id))
        taken_s = time.perf_counter() - began
    return {
        "relate_s": taken_s,
        "child_cpu_s": family.child_cpu_s,
        "worker_rss_mb": family.worker_mb,
        "child_rss_mb": family.child_mb,
    }


class _Family:
    """A context manager that watches a worker and its children: the most memory each held, and the CPU of a child."""

    def __init__(self, pid: int) -> None:
        self.worker_mb = self.child_mb = self.child_cpu_s = 0.0
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "_Family":
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._ended.wait(LOOK_S):
            with suppress(psutil.NoSuchProcess):
                self.worker_mb = max(self.worker_mb, self._process.memory_info().rss / 1e6)
                for child in self._process.children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        self.child_mb = max(self.child_mb, child.memory_info().rss / 1e6)
                        self.child_cpu_s = max(self.child_cpu_s, sum(child.cpu_times()[:2]))


async def _await_end(database_url: str, job_id: int) -> None:
    async with _open_sessions(database_url) as sessions:
        while True:
            async with sessions() as session:
                job = await session.get_one(models.Job, job_id)
            if job.state in {"completed", "failed", "paused"}:
                if job.state != "completed":
                    raise RuntimeError(f"the job is {job.state}: {job.reason}")
                return
            await asyncio.sleep(LOOK_S)


async def _count(database_url: str, job_id: int) -> dict[str, float]:
    """Pairs that were related, and related pairs a pair."""
    async with _open_sessions(database_url) as sessions, sessions() as session:
        counted = text("SELECT count(*), avg(cardinality(related_pair_ids)) FROM relation WHERE job_id = :job")
        related, links = (await session.execute(counted, {"job": job_id})).one()
        return {"related": float(related), "links": float(links)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--packaged", action="store_true", help="relate a job with the packaged model, too")
    chosen = parser.parse_args()
    for name, value in run(chosen.pairs, with_packaged=chosen.packaged).items():
        print(f"{name:<20} {value:,.2f}")


if __name__ == "__main__":
    main()
