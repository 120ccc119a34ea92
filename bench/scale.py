"""One very large job, from the order to the export: `python -m bench.scale [--items 560000]`.

The service runs as it does for a user: an API process and a worker process, on a PostgreSQL and a Valkey of their own.
The model is the loopback endpoint at zero latency, so what is measured is the service. A job must not get dearer as it
goes on: the cost of an item near the marks is compared with the cost near the first of them, in the same run.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson
import psutil
from sqlalchemy import text

from app.clock import new_id, utc_now
from app.embedded import Embedded, start_embedded
from app.ids import decode_id, encode_id
from app.store import models
from app.store.migrate import migrate
from app.store.session import Sessions, driver_connection, make_engine, make_sessions
from bench.processes import PROJECT, PeakMemory, serve_api
from tests.support.endpoint import Endpoint, running_endpoint

MARKS = (10_000, 50_000, 100_000, 250_000, 500_000)
WINDOW_ITEMS = 10_000
LOOK_S = 0.25
PAGES = 200
FINAL = {"completed", "failed", "paused", "cancelled"}

_ITEMS = """
    INSERT INTO item (dataset_id, position, source_id, sentences, image_ids, image_set)
    SELECT $1, n, 'source-' || n, 'a red van number ' || n || ' stops near the fountain' || chr(10)
        || 'two people walk past it' || chr(10) || 'a bicycle leans on a wall', ARRAY['BEN_IMG_' || n], n
    FROM generate_series(0, $2 - 1) AS n
"""
_DONE = text("SELECT coalesce(sum(n), 0) FROM tally WHERE job_id = :job_id AND key = 'items.done'")


@dataclass(frozen=True, slots=True)
class Sample:
    """Where the job was at a moment: items done, CPU seconds of worker and database so far, memory in MB."""

    at_s: float
    done: int
    worker_s: float
    postgres_s: float
    worker_mb: float
    api_mb: float


@dataclass(frozen=True, slots=True)
class Running:
    """The service as a user has it: an API and a worker apart, on servers of their own; the model is the loopback."""

    parts: Embedded
    sessions: Sessions
    endpoint: Endpoint
    client: httpx2.AsyncClient
    dataset_id: int
    api_pid: int
    worker_pid: int


@asynccontextmanager
async def run_service(items: int) -> AsyncIterator[Running]:
    """The service with a dataset of so many items, until the end of the block."""
    with (
        tempfile.TemporaryDirectory(prefix="syphus-bench-") as home,
        start_embedded(Path(home) / "parts", database=True, redis=True, model=False) as parts,
    ):
        database_url = str(parts.database_url)
        await asyncio.to_thread(migrate, database_url)
        engine = make_engine(database_url)
        sessions = make_sessions(engine)
        try:
            dataset_id = await fill_items(sessions, items)
            async with running_endpoint(latency_ms=0) as endpoint:
                with serve_api(database_url, Path(home)) as (url, api_pid):
                    async with run_worker(parts, endpoint.url, Path(home)) as worker, open_client(url) as client:
                        yield Running(parts, sessions, endpoint, client, dataset_id, api_pid, worker.pid)
        finally:
            await engine.dispose()


async def run(items: int = 560_000) -> dict[str, float]:
    """Costs per item at the marks, peak memories, and how pages and the export behave once all is there."""
    async with run_service(items) as running:
        return await _Service(running).measure(running.dataset_id, items)


class _Service:
    """The processes that are watched, and a client of the API."""

    def __init__(self, running: Running) -> None:
        self._parts = running.parts
        self._sessions = running.sessions
        self._client = running.client
        self._worker = psutil.Process(running.worker_pid)
        self._api = psutil.Process(running.api_pid)

    async def measure(self, dataset_id: int, items: int) -> dict[str, float]:
        order = {"dataset_id": encode_id("dataset", dataset_id), "stages": ["generate", "relate"]}
        job = (await self._client.post("/v1/jobs", json=order)).raise_for_status().json()
        samples = await self._watch(job["id"], decode_id("job", job["id"]))
        found = {"items": float(items), "seconds": samples[-1].at_s - samples[0].at_s}
        found |= {"items_per_s": items / found["seconds"]}
        found |= _costs_at_marks(samples, items)
        half = len(samples) // 2
        found |= {
            "worker_mb_first_half": max(sample.worker_mb for sample in samples[:half]),
            "worker_mb_second_half": max(sample.worker_mb for sample in samples[half:]),
            "api_mb_while_running": max(sample.api_mb for sample in samples),
        }
        found |= await self._read_pages(job["id"])
        return found | await self._export(job["id"])

    async def _watch(self, public_id: str, job_id: int) -> list[Sample]:
        samples: list[Sample] = []
        asked_s = 0.0
        while True:
            async with self._sessions() as session:
                done = int((await session.execute(_DONE, {"job_id": job_id})).scalar_one())
            samples.append(self._sample(done))
            if time.perf_counter() - asked_s > 2:
                asked_s = time.perf_counter()
                job = (await self._client.get(f"/v1/jobs/{public_id}")).raise_for_status().json()
                if job["state"] in FINAL:
                    if job["state"] != "completed" or job["reason"]:
                        raise RuntimeError(f"the job ended {job['state']}: {job['reason']}")
                    return samples
            await asyncio.sleep(LOOK_S)

    def _sample(self, done: int) -> Sample:
        times = self._worker.cpu_times()
        return Sample(
            at_s=time.perf_counter(),
            done=done,
            worker_s=times.user + times.system,
            postgres_s=self._postgres_s(),
            worker_mb=self._worker.memory_info().rss / 1e6,
            api_mb=self._api.memory_info().rss / 1e6,
        )

    def _postgres_s(self) -> float:
        """CPU of the postmaster, of its children, and of those that have ended."""
        pid_file = next(self._parts.home.rglob("postmaster.pid"))
        postmaster = psutil.Process(int(pid_file.read_text().split()[0]))
        own = postmaster.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in postmaster.children(recursive=True):
            try:
                times = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return float(total)

    async def _read_pages(self, public_id: str) -> dict[str, float]:
        """Milliseconds of a page of 100 pairs at both ends, read in turns, and of the job itself."""
        first = f"/v1/pairs?job_id={public_id}&limit=100"
        last = f"{first}&cursor={await self._walk(public_id)}"
        times: dict[str, list[float]] = {first: [], last: [], f"/v1/jobs/{public_id}": []}
        for _ in range(PAGES):
            for path, taken in times.items():
                taken.append(await self._time(path))
        start, end, status = (statistics.median(taken) for taken in times.values())
        return {"page_start_ms": start, "page_end_over_start": end / start, "job_ms": status}

    async def _walk(self, public_id: str) -> str:
        """The cursor of the last page of all pairs of the job."""
        path, cursor = f"/v1/pairs?job_id={public_id}&limit=1000", ""
        while True:
            response = (await self._client.get(f"{path}&cursor={cursor}" if cursor else path)).raise_for_status()
            page = orjson.loads(response.content)
            if not page["has_more"]:
                return cursor
            cursor = page["next_cursor"]

    async def _time(self, path: str) -> float:
        began = time.perf_counter()
        (await self._client.get(path)).raise_for_status()
        return (time.perf_counter() - began) * 1000

    async def _export(self, public_id: str) -> dict[str, float]:
        """Seconds and peak memory of a MIMIC-IT export of the whole job."""
        began = time.perf_counter()
        with PeakMemory(self._worker.pid) as memory:
            order = {"job_id": public_id, "format": "mimic-it"}
            export = (await self._client.post("/v1/exports", json=order)).raise_for_status().json()
            while export["state"] not in {"completed", "failed"}:
                await asyncio.sleep(LOOK_S)
                export = (await self._client.get(f"/v1/exports/{export['id']}")).raise_for_status().json()
        if export["state"] != "completed":
            raise RuntimeError(f"the export failed: {export['certificate']}")
        seconds = time.perf_counter() - began
        return {"export_s": seconds, "export_worker_mb": memory.rss_mb}


def _costs_at_marks(samples: list[Sample], items: int) -> dict[str, float]:
    """Milliseconds of CPU per item (worker and PostgreSQL together) in the window that ends at each mark."""
    found: dict[str, float] = {}
    for mark in [mark for mark in MARKS if mark < items] + [items]:
        window = min(WINDOW_ITEMS, mark // 2)
        before, after = _at(samples, mark - window), _at(samples, mark)
        spent_s = after.worker_s + after.postgres_s - before.worker_s - before.postgres_s
        found[f"cpu_ms_at_{mark}"] = spent_s / max(1, after.done - before.done) * 1000
    return found


def _at(samples: list[Sample], done: int) -> Sample:
    return next(sample for sample in samples if sample.done >= done)


async def fill_items(sessions: Sessions, items: int) -> int:
    """A dataset of so many items, made in the database; its id."""
    dataset_id = new_id()
    dataset: dict[str, Any] = {"id": dataset_id, "name": "scale", "abbr": "BEN", "format": "jsonl", "state": "ready"}
    async with sessions.begin() as session:
        session.add(models.Dataset(**dataset, items=items, created_at=utc_now()))
        await session.flush()
        connection = await driver_connection(session)
        await connection.execute(_ITEMS, dataset_id, items, timeout=3600.0)
    return dataset_id


@asynccontextmanager
async def run_worker(parts: Embedded, endpoint_url: str, home: Path) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """`python -m workers` as a process of its own, 256 calls in flight."""
    settings = {
        "DATABASE_URL": str(parts.database_url),
        "REDIS_URL": str(parts.redis_url),
        "OPENAI_BASE_URL": endpoint_url,
        "OPENAI_API_KEY": "bench",
        "SYPHUS_HOME": str(home),
        "SYPHUS_CONCURRENCY": "256",
        "SYPHUS_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen([sys.executable, "-m", "workers"], cwd=PROJECT, env=os.environ | settings)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@asynccontextmanager
async def open_client(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that waits long."""
    async with httpx2.AsyncClient(base_url=url, timeout=600, headers={"Accept-Encoding": "identity"}) as client:
        yield client


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=560_000)
    for name, value in asyncio.run(run(parser.parse_args().items)).items():
        print(f"{name:>24}  {value:,.3f}")


if __name__ == "__main__":
    main()
