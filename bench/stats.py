"""Statistics of a job of very many pairs: looking at them against a trivial request, and counting them once.

`python -m bench.stats [--pairs 1000000]`; the API and the program that counts are processes of their own.
"""

import argparse
import asyncio
import http.client
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import psutil
from sqlalchemy import text

from app.clock import new_id, utc_now
from app.ids import encode_id
from app.settings import load_settings
from app.store import models
from app.store.session import driver_connection, make_engine, make_sessions
from app.store.statistics import Scope, order_count
from app.store.tallies import BUCKETS, add_tallies
from app.wiring import open_resources
from bench.processes import NO_REDIS, PeakMemory, open_database, serve_api
from workers.counting import PROGRAM, work_count

PAIRS_PER_ITEM = 5
TIMEOUT_S = 3600.0

_ITEMS = """
    INSERT INTO item (dataset_id, position, source_id, sentences, image_ids, image_set)
    SELECT $1, n, 'source-' || n, 'A street with a red van, no ' || n, ARRAY['BEN_IMG_' || n, 'BEN_IMG_' || n + 1], n
    FROM generate_series(0, $2 - 1) AS n
"""
_PAIRS = """
    INSERT INTO pair (job_id, item_id, ordinal, language, instruction, response, words)
    SELECT $1, i.id, o, 'en', 'What does the person in the red coat carry across the street, and why? ' || o,
        repeat('The person carries a long ladder to the house at the corner. ', 1 + i.position % 5) || i.position, 40
    FROM item i CROSS JOIN generate_series(0, $3 - 1) AS o WHERE i.dataset_id = $2 ORDER BY i.id, o
"""
_RELATIONS = """
    INSERT INTO relation (pair_id, job_id, rule, related_pair_ids)
    SELECT p.id, $1, 'item', array_remove(g.ids, p.id)
    FROM pair p JOIN (SELECT item_id, array_agg(id ORDER BY ordinal) AS ids FROM pair WHERE job_id = $1 GROUP BY 1) g
        USING (item_id)
    WHERE p.job_id = $1
"""


def run(pairs: int = 1_000_000, rounds: int = 300, sample: int = 20_000) -> dict[str, float]:
    """Medians in ms of looks and of /healthz in turns, their ratios; seconds and memory of counting once."""
    with open_database() as database_url, tempfile.TemporaryDirectory() as folder:
        job_id = asyncio.run(_prepare(database_url, pairs // PAIRS_PER_ITEM))
        found = {"pairs": float(pairs)}
        found |= asyncio.run(_count(database_url, Path(folder), job_id, sample))
        with serve_api(database_url, Path(folder)) as (url, pid):
            with PeakMemory(pid) as memory:
                found |= _time_looks(url, encode_id("job", job_id), rounds)
            return found | {"api_rss_mb": memory.rss_mb}


async def _prepare(database_url: str, items: int) -> int:
    engine = make_engine(database_url)
    sessions = make_sessions(engine)
    dataset_id, prompt_id, job_id = new_id(), new_id(), new_id()
    dataset: dict[str, Any] = {"id": dataset_id, "name": f"bench-{dataset_id}", "abbr": "BEN", "format": "jsonl"}
    prompt: dict[str, Any] = {"id": prompt_id, "name": f"bench-{prompt_id}", "version": 1, "sha256": "0"}
    job: dict[str, Any] = {"id": job_id, "dataset_id": dataset_id, "prompt_id": prompt_id, "state": "completed"}
    async with sessions.begin() as session:
        session.add(models.Dataset(**dataset, state="ready", items=items, images=items + 1))
        session.add(models.Prompt(**prompt, system_message="Ask.", in_context=[], reply_format="json"))
        await session.flush()
        rest: dict[str, Any] = {"model": "none", "mode": "online", "created_at": utc_now(), "items_total": items}
        session.add(models.Job(**job, **rest, stages=["generate"], finished_at=utc_now()))
        await session.flush()
        connection = await driver_connection(session)
        await connection.execute(_ITEMS, dataset_id, items, timeout=TIMEOUT_S)
        await connection.execute(_PAIRS, job_id, dataset_id, PAIRS_PER_ITEM, timeout=TIMEOUT_S)
        await connection.execute(_RELATIONS, job_id, timeout=TIMEOUT_S)
        for bucket in range(BUCKETS):  # as many rows as a busy fleet leaves
            share = items // BUCKETS + (bucket < items % BUCKETS)
            tallies = {"items.total": share, "items.done": share, "pairs": share * PAIRS_PER_ITEM, "rejected": share}
            tallies |= {f"rejected.reason{n}": share // 10 for n in range(10)}
            tallies |= {f"usage.{key}": 100 * share for key in ("calls", "prompt_tokens", "completion_tokens")}
            await add_tallies(session, {(job_id, key): n for key, n in tallies.items()}, bucket)
    async with sessions() as session:
        connection = await driver_connection(session)
        for table in ("item", "pair", "relation", "tally"):
            await connection.execute(f"ANALYZE {table}", timeout=TIMEOUT_S)
    await engine.dispose()
    return job_id


async def _count(database_url: str, home: Path, job_id: int, sample: int) -> dict[str, float]:
    """Seconds of one count as a worker has it made, and the most memory its program held."""
    settings = load_settings(database_url=database_url, redis_url=NO_REDIS, home=home, stats_sample=sample)
    async with open_resources(settings) as resources:
        async with resources.sessions.begin() as session:
            run_id, _ = await order_count(session, Scope("job", job_id))
        began = time.perf_counter()
        work = asyncio.ensure_future(work_count(resources, run_id, "bench"))
        with PeakMemory(await _find_program()) as memory:
            await work
        taken_s = time.perf_counter() - began
        async with resources.sessions() as session:
            counted = (await session.execute(text("SELECT count(*) FROM statistic"))).scalar_one()
    if not counted:
        raise RuntimeError("nothing was counted; the log says why")
    return {"count_s": taken_s, "count_rss_mb": memory.rss_mb}


async def _find_program() -> int:
    while True:
        for child in psutil.Process().children(recursive=True):
            if PROGRAM in child.cmdline():
                return int(child.pid)
        await asyncio.sleep(0.01)


def _time_looks(url: str, job: str, rounds: int) -> dict[str, float]:
    """Looks in turns over one connection, the trivial request among them; the first of each warms up."""
    paths = {
        "healthz": "/healthz",
        "job": f"/v1/jobs/{job}/stats",
        "all": "/v1/stats",
        "drawn": f"/v1/jobs/{job}/stats?chart=instruction-roots",
        "page": f"/v1/jobs/{job}/stats?format=svg",
    }
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    times: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(rounds + 1):
        for name, path in paths.items():
            began = time.perf_counter()
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            times[name].append((time.perf_counter() - began) * 1000)
            if response.status != 200 or (name == "job" and orjson.loads(body)["state"] != "current"):
                raise RuntimeError(f"{path} answered {response.status}: {body[:500]!r}")
    medians = {name: statistics.median(taken[1:]) for name, taken in times.items()}
    over = {f"{name}_over_healthz": ms / medians["healthz"] for name, ms in medians.items() if name != "healthz"}
    return {f"{name}_ms": ms for name, ms in medians.items()} | over


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=300)
    chosen = parser.parse_args()
    for name, value in run(chosen.pairs, chosen.rounds).items():
        print(f"{name:>24}  {value:,.2f}")


if __name__ == "__main__":
    main()
