"""Ingest: checked JSON lines against a raw COPY of the same rows, and memory while a large upload streams in.

`python -m bench.ingest [--rows 300000] [--rounds 3] [--megabytes 1000]`
"""

import argparse
import asyncio
import http.client
import statistics
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from app.clock import new_id
from app.services.annotations import Row
from app.services.datasets import create_dataset
from app.services.upload_requests import DatasetRequest, SourceFile, check_request
from app.store import datasets as store
from app.store.models import Dataset
from app.store.session import Sessions, make_engine, make_sessions
from bench.processes import PeakMemory, open_database, serve_api

SENTENCES = "A man in a red jacket crosses the street; the white car that stood near the tree is gone, no {}. "
UPLOAD_SENTENCES = 10


def run(rows: int = 300_000, rounds: int = 3, megabytes: int = 1000) -> dict[str, float]:
    """Medians of interleaved rounds in rows/s, their ratio, and the upload's rows/s and peak memory of the API."""
    with open_database() as database_url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.jsonl"
        path.write_bytes(b"".join(_lines(rows)))
        found = asyncio.run(_compare(database_url, path, rows, rounds))
        with serve_api(database_url, Path(folder)) as (url, pid):
            return found | _upload(url, pid, megabytes * 1_000_000)


async def _compare(database_url: str, path: Path, rows: int, rounds: int) -> dict[str, float]:
    engine = make_engine(database_url, pool_size=2)
    sessions = make_sessions(engine)
    raw, checked = [], []
    try:
        for _ in range(rounds):
            raw.append(rows / await _copy_raw(sessions, rows))
            checked.append(rows / await _ingest(sessions, path))
    finally:
        await engine.dispose()
    raw_per_s, checked_per_s = statistics.median(raw), statistics.median(checked)
    return {"raw_rows_per_s": raw_per_s, "rows_per_s": checked_per_s, "over_raw": checked_per_s / raw_per_s}


async def _copy_raw(sessions: Sessions, rows: int) -> float:
    dataset_id = new_id()
    ready: list[Row] = [
        (dataset_id, n, f"item-{n}", SENTENCES.format(n).strip(), (f"BEN_IMG_{n}",), n) for n in range(rows)
    ]
    began = time.perf_counter()
    async with sessions.begin() as session:
        shape: dict[str, Any] = {"id": dataset_id, "name": f"raw-{dataset_id}", "abbr": "BEN", "format": "jsonl"}
        session.add(Dataset(**shape, state="ready"))
        await session.flush()
        await store.copy_items(session, store.ITEM_TABLE, ready)
    taken_s = time.perf_counter() - began
    await _forget(sessions, dataset_id)
    return taken_s


async def _ingest(sessions: Sessions, path: Path) -> float:
    new = check_request(DatasetRequest())
    began = time.perf_counter()
    digest = sha256(path.read_bytes()).hexdigest()
    async with sessions.begin() as session:
        await create_dataset(session, new, SourceFile(path, path.stat().st_size, digest))
    taken_s = time.perf_counter() - began
    await _forget(sessions, new.id)
    return taken_s


async def _forget(sessions: Sessions, dataset_id: int) -> None:
    async with sessions.begin() as session:
        await store.delete_dataset(session, dataset_id)


def _upload(url: str, pid: int, size: int) -> dict[str, float]:
    """Send about `size` bytes as one chunked body, made as it goes."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=3600)
    began = time.perf_counter()
    with PeakMemory(pid) as memory:
        connection.request("PUT", "/v1/datasets?name=bench", body=_take(size), encode_chunked=True)
        response = connection.getresponse()
        body = orjson.loads(response.read())
    taken_s = time.perf_counter() - began
    if response.status != 201:
        raise RuntimeError(str(body))
    items = body["counts"]["items"]
    return {"upload_mb": body["bytes"] / 1e6, "upload_rows_per_s": items / taken_s, "upload_rss_mb": memory.rss_mb}


def _take(size: int) -> Iterator[bytes]:
    sent = 0
    for line in _lines(size, UPLOAD_SENTENCES):
        if sent >= size:
            return
        sent += len(line)
        yield line


def _lines(count: int, repeats: int = 1) -> Iterator[bytes]:
    """Blocks of JSON lines of a thousand items, `count` items in all, with that many sentences each."""
    for start in range(0, count, 1000):
        yield b"".join(
            orjson.dumps({"id": f"item-{n}", "sentences": SENTENCES.format(n) * repeats, "image_ids": [f"BEN_IMG_{n}"]})
            + b"\n"
            for n in range(start, min(start + 1000, count))
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1000)
    chosen = parser.parse_args()
    for name, value in run(chosen.rows, chosen.rounds, chosen.megabytes).items():
        print(f"{name:>20}  {value:,.2f}")


if __name__ == "__main__":
    main()
