"""The whole service against the bare SDK loop: CPU per reply, replies a second, and the worker's memory.

One side is `python -m workers` as a process of its own: every reply is stored raw, parsed, filtered and recorded
with its pairs in PostgreSQL. The other is a loop of `client.chat.completions.create` that throws its replies away,
at its best width. Both ask the same loopback endpoint with the same messages, in turns.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import openai
import psutil
import uvloop
from sqlalchemy import text

from app.clock import new_id, utc_now
from app.embedded import start_embedded
from app.services.jobs import submit_job
from app.services.planning import JobRequest
from app.settings import Settings, load_settings
from app.store import models
from app.store.migrate import migrate
from app.store.session import Sessions, driver_connection, make_engine, make_sessions
from tests.support.endpoint import Endpoint, running_endpoint

LATENCY_MS = 200
PROJECT = Path(__file__).resolve().parents[1]
SYSTEM_MESSAGE = "You write questions and answers about a street scene, calm and exact in tone. " * 105  # 8.2 KB


def sentences_of(number: int) -> str:
    """The annotation of an item: a few lines that tell it from every other."""
    return f"a red van number {number} stops near the fountain\ntwo people walk past it\na bicycle leans on a wall"


async def run(replies: int = 2000, in_flight: int = 256, rounds: int = 3) -> dict[str, dict[str, float]]:
    """Medians by contestant: cpu_ms per reply, replies per second, rss_mb."""
    with (
        tempfile.TemporaryDirectory(prefix="syphus-bench-") as home,
        start_embedded(Path(home) / "parts", database=True, redis=True, model=False) as parts,
    ):
        database_url, redis_url = str(parts.database_url), str(parts.redis_url)
        await asyncio.to_thread(migrate, database_url)
        engine = make_engine(database_url)
        async with running_endpoint(latency_ms=LATENCY_MS) as endpoint:
            settings = load_settings(
                database_url=database_url, redis_url=redis_url, openai_base_url=endpoint.url, home=Path(home)
            )
            bench = _Bench(settings, make_sessions(engine), endpoint, replies, in_flight)
            found = await bench.measure(rounds)
        await engine.dispose()
    return found


class _Bench:
    """The two contestants on one endpoint and one database."""

    def __init__(
        self, settings: Settings, sessions: Sessions, endpoint: Endpoint, replies: int, in_flight: int
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._endpoint = endpoint
        self._replies = replies
        self._in_flight = in_flight

    async def measure(self, rounds: int) -> dict[str, dict[str, float]]:
        runs: dict[str, list[dict[str, float]]] = {}
        dataset_id, prompt_id = await self._fill()
        for _ in range(rounds):
            for name, figures in (
                ("bare SDK loop, 64 in flight", await self._run_bare(64)),
                (f"bare SDK loop, {self._in_flight} in flight", await self._run_bare(self._in_flight)),
                (f"worker, {self._in_flight} in flight", await self._run_worker(dataset_id, prompt_id)),
            ):
                runs.setdefault(name, []).append(figures)
        return {
            name: {key: statistics.median(run[key] for run in each) for key in each[0]} for name, each in runs.items()
        }

    async def _run_bare(self, width: int) -> dict[str, float]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.engine", "--bare", self._endpoint.url, str(self._replies), str(width)),
            cwd=PROJECT,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        figures: dict[str, float] = json.loads(out)
        return figures

    async def _run_worker(self, dataset_id: int, prompt_id: int) -> dict[str, float]:
        process = self._start_worker()
        try:
            await self._run_job(dataset_id, prompt_id, {"end": self._in_flight})  # connections, caches, code paths
            watched = psutil.Process(process.pid)
            servers = _postgres_processes(self._settings)
            before, before_servers = _cpu_s(watched), _cpu_of(servers)
            seconds = await self._run_job(dataset_id, prompt_id, {})
            spent, rss = _cpu_s(watched) - before, watched.memory_info().rss / 2**20
            servers_spent = _cpu_of(_postgres_processes(self._settings)) - before_servers
        finally:
            process.terminate()
            process.wait()
        return {
            "cpu_ms": spent / self._replies * 1000,
            "per_s": self._replies / seconds,
            "rss_mb": rss,
            "postgres_cpu_ms": servers_spent / self._replies * 1000,
        }

    def _start_worker(self) -> subprocess.Popen[bytes]:
        settings = self._settings
        environment = os.environ | {
            "DATABASE_URL": str(settings.database_url),
            "REDIS_URL": str(settings.redis_url),
            "OPENAI_BASE_URL": str(settings.openai_base_url),
            "OPENAI_API_KEY": "bench",
            "SYPHUS_HOME": str(settings.home),
            "SYPHUS_CONCURRENCY": str(self._in_flight),
            "SYPHUS_TICK_S": "0.1",
            "SYPHUS_LOG_LEVEL": "WARNING",
        }
        return subprocess.Popen([sys.executable, "-m", "workers"], cwd=PROJECT, env=environment)

    async def _run_job(self, dataset_id: int, prompt_id: int, slice_: dict[str, Any]) -> float:
        """Seconds from the first call of a job to its last recorded answer."""
        async with self._sessions.begin() as session:
            request = JobRequest(dataset_id, prompt_id=prompt_id, stages=["generate"], slice=slice_)
            job_id = (await submit_job(session, self._settings, request)).id
        while True:
            await asyncio.sleep(0.1)
            async with self._sessions() as session:
                state = (
                    await session.execute(text("SELECT state, reason FROM job WHERE id = :id"), {"id": job_id})
                ).one()
                if state[0] not in {"queued", "in_progress", "finalizing"}:
                    if state[0] != "completed" or state[1]:
                        raise RuntimeError(f"the job ended {state[0]}: {state[1]}")
                    spans = text(
                        "SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM call WHERE job_id = :id"
                    )
                    return float((await session.execute(spans, {"id": job_id})).scalar_one())

    async def _fill(self) -> tuple[int, int]:
        dataset_id, prompt_id = new_id(), new_id()
        async with self._sessions.begin() as session:
            session.add(
                models.Dataset(
                    id=dataset_id, name="bench", abbr="B", format="jsonl", state="ready",
                    items=self._replies, created_at=utc_now(),
                )
            )  # fmt: skip
            session.add(
                models.Prompt(
                    id=prompt_id, name="bench", version=1, system_message=SYSTEM_MESSAGE, in_context=[],
                    reply_format="json", sha256="bench", created_at=utc_now(),
                )
            )  # fmt: skip
            await session.flush()
            rows: list[tuple[Any, ...]] = [
                (dataset_id, n, str(n), sentences_of(n), [], None) for n in range(self._replies)
            ]
            columns = ["dataset_id", "position", "source_id", "sentences", "image_ids", "image_set"]
            await (await driver_connection(session)).copy_records_to_table("item", records=rows, columns=columns)
        return dataset_id, prompt_id


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _postgres_processes(settings: Settings) -> list[psutil.Process]:
    """The postmaster of this run and its backends."""
    pid_file = next((settings.home / "parts").rglob("postmaster.pid"))
    postmaster = psutil.Process(int(pid_file.read_text().split()[0]))
    return [postmaster, *postmaster.children(recursive=True)]


def _cpu_of(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        try:
            total += _cpu_s(process)
        except psutil.NoSuchProcess:
            continue
    return total


async def _bare(url: str, replies: int, width: int) -> dict[str, float]:
    """A plain SDK loop: its own CPU per reply, the import of the SDK left out."""
    client = openai.AsyncOpenAI(base_url=url, api_key="bench", max_retries=0)
    loop = asyncio.get_running_loop()

    async def pull(numbers: Any) -> None:
        for number in numbers:
            await client.chat.completions.create(
                model="gpt-4o-mini",
                messages=[
                    {"role": "system", "content": SYSTEM_MESSAGE},
                    {"role": "user", "content": sentences_of(number)},
                ],
                temperature=0.7,
                max_tokens=3200,
                top_p=0.95,
            )

    await asyncio.gather(*(pull(iter([number])) for number in range(width)))
    process = psutil.Process()
    numbers = iter(range(replies))
    before, started = _cpu_s(process), loop.time()
    await asyncio.gather(*(pull(numbers) for _ in range(width)))
    seconds, spent = loop.time() - started, _cpu_s(process) - before
    await client.close()
    return {
        "cpu_ms": spent / replies * 1000,
        "per_s": replies / seconds,
        "rss_mb": process.memory_info().rss / 2**20,
        "postgres_cpu_ms": 0.0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replies", type=int, default=2000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bare", nargs=3, metavar=("URL", "REPLIES", "WIDTH"), help="run the bare loop alone")
    arguments = parser.parse_args()
    if arguments.bare:
        url, replies, width = arguments.bare
        print(json.dumps(uvloop.run(_bare(url, int(replies), int(width)))))
        return
    for name, figures in asyncio.run(run(arguments.replies, arguments.in_flight, arguments.rounds)).items():
        print(f"{name:36}", "  ".join(f"{key} {value:8.2f}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
