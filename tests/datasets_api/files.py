"""Files of annotations, made up for tests."""

import gzip
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import httpx2


def plain_items(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Good items; neighbours share an image."""
    return [
        {"id": f"item-{n}", "sentences": f"A grey heron stands in the reeds, {n}.", "image_ids": [f"IMG_{n // 2}"]}
        for n in range(first, first + count)
    ]


def to_lines(records: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def pack(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


async def in_chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """A body of unknown length."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def list_names(client: httpx2.AsyncClient) -> list[str]:
    """Names of all datasets there are."""
    response = await client.get("/datasets")
    return [dataset["name"] for dataset in response.json()["data"]]


def list_leftovers(folder: Path) -> list[Path]:
    """Files of uploads that are still about."""
    return list(folder.iterdir()) if folder.exists() else []
