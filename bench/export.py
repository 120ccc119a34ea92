"""Export: files written and certified against a raw COPY of the same rows, and memory while that happens.

`python -m bench.export [--pairs 1000000]`; the worker's part runs in a process of its own, so does the API.
"""

import argparse
import asyncio
import http.client
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from app.clock import new_id, utc_now
from app.ids import encode_id
from app.services.exporting.work import work_export
from app.services.exports import ExportRequest, submit_export
from app.settings import load_settings
from app.store import models
from app.store.export_lines import stream_lines
from app.store.export_rows import Selection, number_pairs, show_language
from app.store.session import Sessions, driver_connection, make_engine, make_sessions
from app.wiring import open_resources
from bench.processes import PeakMemory, open_database, run_apart, serve_api

PAIRS_PER_ITEM = 5
FORMATS = ("mimic-it", "jsonl")
TIMEOUT_S = 3600.0

_ITEMS = """
    INSERT INTO item (dataset_id, position, source_id, sentences, image_ids, image_set)
    SELECT $1, n, 'source-' || n, 'A street with a red van, no ' || n, ARRAY['BEN_IMG_' || n], n
    FROM generate_series(0, $2 - 1) AS n
"""
_PAIRS = """
    INSERT INTO pair (job_id, item_id, ordinal, language, instruction, response, words)
    SELECT $1, i.id, o, 'en', 'What does the person in the red coat carry across the street, and why? ' || o,
        repeat('The person carries a long ladder to the house at the corner. ', 3) || i.position, 40
    FROM item i CROSS JOIN generate_series(0, $3 - 1) AS o WHERE i.dataset_id = $2 ORDER BY i.id, o
"""
_RELATIONS = """
    INSERT INTO relation (pair_id, job_id, rule, related_pair_ids)
    SELECT p.id, $1, 'item', array_remove(g.ids, p.id)
    FROM pair p JOIN (SELECT item_id, array_agg(id ORDER BY ordinal) AS ids FROM pair WHERE job_id = $1 GROUP BY 1) g
        USING (item_id)
    WHERE p.job_id = $1
"""
_RAW = """
    SELECT row_to_json(out) FROM (
        SELECT p.id, p.instruction, p.response, p.language, i.image_ids, r.related_pair_ids, i.source_id
        FROM pair p JOIN item i ON i.id = p.item_id LEFT JOIN relation r ON r.pair_id = p.id
        WHERE p.job_id = $1 ORDER BY i.position, p.ordinal
    ) AS out
"""


def run(pairs: int = 1_000_000) -> dict[str, float]:
    """Rows/s of the raw COPY and of each format (named, linked, written, certified), ratios, and peak memory.

    `stream_over_raw` compares the last step alone: the same rows as text, over the same connection.
    """
    with open_database() as database_url, tempfile.TemporaryDirectory() as folder:
        job_id = asyncio.run(_prepare(database_url, pairs))
        raw_s = asyncio.run(_copy_raw(database_url, job_id))
        stream_s = asyncio.run(_stream_lines(database_url, job_id))
        found = {"pairs": float(pairs), "raw_rows_per_s": pairs / raw_s, "stream_over_raw": raw_s / stream_s}
        for name in FORMATS:
            export_id = asyncio.run(_order(database_url, job_id, name))
            taken_s, rss_mb = _work(database_url, Path(folder), export_id)
            found |= {f"{name}_rows_per_s": pairs / taken_s, f"{name}_over_raw": raw_s / taken_s}
            found |= {f"{name}_worker_rss_mb": rss_mb}
        with serve_api(database_url, Path(folder)) as (url, pid):
            return found | _download(database_url, url, pid)


async def _prepare(database_url: str, pairs: int) -> int:
    engine = make_engine(database_url)
    sessions = make_sessions(engine)
    dataset_id, prompt_id, job_id = new_id(), new_id(), new_id()
    items = pairs // PAIRS_PER_ITEM
    dataset: dict[str, Any] = {"id": dataset_id, "name": f"bench-{dataset_id}", "abbr": "BEN", "format": "jsonl"}
    prompt: dict[str, Any] = {"id": prompt_id, "name": f"bench-{prompt_id}", "version": 1, "sha256": "0"}
    job: dict[str, Any] = {"id": job_id, "dataset_id": dataset_id, "prompt_id": prompt_id, "state": "completed"}
    async with sessions.begin() as session:
        session.add(models.Dataset(**dataset, state="ready", items=items))
        session.add(models.Prompt(**prompt, system_message="Ask.", in_context=[], reply_format="json"))
        await session.flush()
        rest: dict[str, Any] = {"model": "none", "mode": "online", "created_at": utc_now(), "items_total": items}
        session.add(models.Job(**job, **rest, stages=["generate"], finished_at=utc_now()))
        await session.flush()
        connection = await driver_connection(session)
        await connection.execute(_ITEMS, dataset_id, items, timeout=TIMEOUT_S)
        await connection.execute(_PAIRS, job_id, dataset_id, PAIRS_PER_ITEM, timeout=TIMEOUT_S)
        await connection.execute(_RELATIONS, job_id, timeout=TIMEOUT_S)
    async with sessions() as session:
        connection = await driver_connection(session)
        for table in ("item", "pair", "relation"):
            await connection.execute(f"ANALYZE {table}", timeout=TIMEOUT_S)
    await engine.dispose()
    return job_id


async def _copy_raw(database_url: str, job_id: int) -> float:
    """Seconds to send the same rows as JSON, in the same order, to nobody."""
    engine = make_engine(database_url)
    size = 0

    async def count(chunk: bytes) -> None:
        nonlocal size
        size += len(chunk)

    async with make_sessions(engine).begin() as session:
        await session.execute(text("SET LOCAL work_mem = '64MB'"))
        connection = await driver_connection(session)
        began = time.perf_counter()
        await connection.copy_from_query(_RAW, job_id, output=count, timeout=TIMEOUT_S)
        taken_s = time.perf_counter() - began
    await engine.dispose()
    return taken_s


async def _stream_lines(database_url: str, job_id: int) -> float:
    """Seconds of the last step alone: the lines of a jsonl export once names and links are known."""
    engine = make_engine(database_url)
    async with make_sessions(engine)() as session:
        await number_pairs(session, Selection(job_id, ("accepted",)))
        await show_language(session, "en")
        began = time.perf_counter()
        async for _ in stream_lines(session, ["en"]):
            pass
        taken_s = time.perf_counter() - began
    await engine.dispose()
    return taken_s


async def _order(database_url: str, job_id: int, export_format: str) -> int:
    engine = make_engine(database_url)
    async with make_sessions(engine).begin() as session:
        export = await submit_export(session, ExportRequest(job_id, export_format))
    await engine.dispose()
    return export.id


def _work(database_url: str, home: Path, export_id: int) -> tuple[float, float]:
    """Seconds of the work itself, as the export's row tells, and the peak memory of its process."""
    began = time.perf_counter()
    with run_apart([sys.executable, "-m", "bench.export", "--work", str(export_id)], database_url, home) as process:
        with PeakMemory(process.pid) as memory:
            code = process.wait()
        taken_s = time.perf_counter() - began
    if code:
        raise RuntimeError(f"the worker ended with {code}")
    return taken_s, memory.rss_mb


async def _work_here(export_id: int) -> None:
    async with open_resources(load_settings()) as resources:
        await work_export(resources, export_id, "bench")


def _download(database_url: str, url: str, pid: int) -> dict[str, float]:
    """Fetch every file; the peak memory of the API meanwhile."""
    size, began = 0, time.perf_counter()
    with PeakMemory(pid) as memory:
        for path in asyncio.run(_list_files(database_url)):
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
            connection.request("GET", path)
            response = connection.getresponse()
            while chunk := response.read(1 << 20):
                size += len(chunk)
    taken_s = time.perf_counter() - began
    return {"download_mb": size / 1e6, "download_mb_per_s": size / 1e6 / taken_s, "api_rss_mb": memory.rss_mb}


async def _list_files(database_url: str) -> list[str]:
    engine = make_engine(database_url)
    sessions: Sessions = make_sessions(engine)
    async with sessions() as session:
        rows = (await session.execute(text("SELECT id, state, files FROM export"))).all()
    await engine.dispose()
    if any(state != "completed" for _, state, _ in rows):
        raise RuntimeError(f"not every export is complete: {rows}")
    return [f"/v1/exports/{encode_id('export', row.id)}/files/{file['name']}" for row in rows for file in row.files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--work", type=int, help="make one export in this process; used by the benchmark itself")
    chosen = parser.parse_args()
    if chosen.work:
        asyncio.run(_work_here(chosen.work))
        return
    for name, value in run(chosen.pairs).items():
        print(f"{name:>24}  {value:,.2f}")


if __name__ == "__main__":
    main()
