"""A page of 100 pairs at the start of a job against one near its end: `python -m bench.pages [--pairs 1000000]`."""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson

from app.clock import new_id, utc_now
from app.embedded import start_embedded
from app.ids import encode_id
from app.main import create_app
from app.settings import load_settings
from app.store import models
from app.store.migrate import migrate
from app.store.session import Sessions, driver_connection, make_engine, make_sessions

PAIRS_PER_ITEM = 5
BATCH_ITEMS = 20_000
TEXT = "What does the person in the red coat carry across the street near the old fountain, and why does it matter? "


def run(pairs: int = 1_000_000, rounds: int = 300) -> dict[str, float]:
    """Medians in ms of interleaved pages at both ends, their ratio, pages/s at the start, and the walk in between."""
    with _open_database() as database_url:
        migrate(database_url)
        return asyncio.run(_measure(database_url, pairs, rounds))


async def _measure(database_url: str, pairs: int, rounds: int) -> dict[str, float]:
    engine = make_engine(database_url, pool_size=2)
    sessions = make_sessions(engine)
    dataset_id, job_id = await _make_job(sessions, pairs // PAIRS_PER_ITEM)
    try:
        for start in range(0, pairs // PAIRS_PER_ITEM, BATCH_ITEMS):
            await _copy_items(sessions, dataset_id, job_id, start, min(start + BATCH_ITEMS, pairs // PAIRS_PER_ITEM))
        async with _open_client(database_url) as client:
            return await _time_pages(client, encode_id("job", job_id), pairs, rounds)
    finally:
        async with sessions.begin() as session:
            connection = await driver_connection(session)
            await connection.execute("DELETE FROM job WHERE id = $1", job_id, timeout=600)
            await connection.execute("DELETE FROM dataset WHERE id = $1", dataset_id, timeout=600)
        await engine.dispose()


async def _time_pages(client: httpx2.AsyncClient, job: str, pairs: int, rounds: int) -> dict[str, float]:
    began = time.perf_counter()
    cursor, seen = await _walk(client, f"/v1/pairs?job_id={job}&limit=1000")
    walk_s = time.perf_counter() - began
    if seen != pairs // PAIRS_PER_ITEM * PAIRS_PER_ITEM:
        raise RuntimeError(f"the walk met {seen} pairs, not {pairs}")
    first, last = f"/v1/pairs?job_id={job}&limit=100", f"/v1/pairs?job_id={job}&limit=100&cursor={cursor}"
    times: dict[str, list[float]] = {first: [], last: []}
    for _ in range(rounds):
        for url, taken in times.items():
            began = time.perf_counter()
            response = await client.get(url)
            taken.append((time.perf_counter() - began) * 1000)
            if response.status_code != 200:
                raise RuntimeError(response.text)
    start_ms, end_ms = (statistics.median(taken) for taken in times.values())
    return {
        "pairs": float(seen),
        "page_at_start_ms": start_ms,
        "page_at_end_ms": end_ms,
        "end_over_start": end_ms / start_ms,
        "pages_per_s": 1000 / start_ms,
        "walk_pairs_per_s": seen / walk_s,
    }


async def _walk(client: httpx2.AsyncClient, url: str) -> tuple[str, int]:
    """Follow the pages to the end; the cursor of the last page, and how many pairs were met."""
    cursor, seen = "", 0
    while True:
        body = orjson.loads((await client.get(f"{url}&cursor={cursor}" if cursor else url)).content)
        seen += len(body["data"])
        if not body["has_more"]:
            return cursor, seen
        cursor = body["next_cursor"]


async def _make_job(sessions: Sessions, items: int) -> tuple[int, int]:
    dataset_id, prompt_id, job_id = new_id(), new_id(), new_id()
    dataset: dict[str, Any] = {"id": dataset_id, "name": f"bench-{dataset_id}", "abbr": "BEN", "format": "jsonl"}
    prompt: dict[str, Any] = {"id": prompt_id, "name": f"bench-{prompt_id}", "version": 1, "sha256": "0"}
    job: dict[str, Any] = {"id": job_id, "dataset_id": dataset_id, "prompt_id": prompt_id, "state": "completed"}
    async with sessions.begin() as session:
        session.add(models.Dataset(**dataset, state="ready", items=items))
        session.add(models.Prompt(**prompt, system_message="Ask.", in_context=[], reply_format="json"))
        await session.flush()
        rest: dict[str, Any] = {"model": "none", "mode": "online", "created_at": utc_now(), "items_total": items}
        session.add(models.Job(**job, **rest, stages=["generate"]))
    return dataset_id, job_id


async def _copy_items(sessions: Sessions, dataset_id: int, job_id: int, start: int, end: int) -> None:
    """Items, their pairs and relations, by COPY; the sequences tell which ids are free."""
    async with sessions.begin() as session:
        connection = await driver_connection(session)
        count = end - start
        item_ids = await _take_ids(connection, "item", count)
        pair_ids = await _take_ids(connection, "pair", count * PAIRS_PER_ITEM)
        items = [
            (item_ids[n], dataset_id, start + n, f"source-{start + n}", TEXT, [f"BEN_IMG_{start + n}"], start + n)
            for n in range(count)
        ]
        columns = ["id", "dataset_id", "position", "source_id", "sentences", "image_ids", "image_set"]
        await connection.copy_records_to_table("item", records=items, columns=columns)
        columns = ["id", "job_id", "item_id", "ordinal", "language", "instruction", "response", "words"]
        await connection.copy_records_to_table("pair", records=_pairs(job_id, item_ids, pair_ids), columns=columns)
        columns = ["pair_id", "job_id", "rule", "related_pair_ids"]
        await connection.copy_records_to_table("relation", records=_relations(job_id, pair_ids), columns=columns)


async def _take_ids(connection: Any, table: str, count: int) -> list[int]:
    rows = await connection.fetch(
        "SELECT nextval(pg_get_serial_sequence($1, 'id')) FROM generate_series(1, $2)", table, count
    )
    return sorted(row[0] for row in rows)


def _pairs(job_id: int, item_ids: list[int], pair_ids: list[int]) -> Iterator[tuple[Any, ...]]:
    for place, pair_id in enumerate(pair_ids):
        item, ordinal = divmod(place, PAIRS_PER_ITEM)
        yield pair_id, job_id, item_ids[item], ordinal, "en", f"{TEXT}{place}", f"{TEXT}{TEXT}{place}", 60


def _relations(job_id: int, pair_ids: list[int]) -> Iterator[tuple[Any, ...]]:
    for place, pair_id in enumerate(pair_ids):
        first = place // PAIRS_PER_ITEM * PAIRS_PER_ITEM
        related = [other for other in pair_ids[first : first + PAIRS_PER_ITEM] if other != pair_id]
        yield pair_id, job_id, "item", related


@contextmanager
def _open_database() -> Iterator[str]:
    configured = os.environ.get("DATABASE_URL")
    if configured:
        yield configured
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        start_embedded(Path(folder), database=True, redis=False, model=False) as embedded,
    ):
        if embedded.database_url is None:
            raise RuntimeError("the embedded PostgreSQL gave no address")
        yield embedded.database_url


@asynccontextmanager
async def _open_client(database_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(database_url=database_url, redis_url="redis://127.0.0.1:1", home=Path(home))
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app=app)
            headers = {"Accept-Encoding": "identity"}
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://127.0.0.1", headers=headers, timeout=60
            ) as client:
                yield client


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=300)
    chosen = parser.parse_args()
    for name, value in run(chosen.pairs, chosen.rounds).items():
        print(f"{name:>20}  {value:,.3f}")


if __name__ == "__main__":
    main()
