"""Datasets of a kind, exports of their jobs, and the files of those."""

from collections.abc import Sequence
from typing import Any

import httpx2
import orjson

from app.clock import new_id
from app.ids import decode_id, encode_id
from app.resources import Resources
from app.services.exporting.work import work_export
from app.store import models
from app.store.session import Sessions

WORKER = "test-worker"


async def add_kind_dataset(
    sessions: Sessions, kind: str, abbr: str, items: int, source_ids: str = ""
) -> tuple[int, list[int]]:
    """A ready dataset of a kind and its items' ids; `source_ids` are separated by spaces."""
    dataset_id = new_id()
    names = source_ids.split() or [f"source-{position}" for position in range(items)]
    async with sessions.begin() as session:
        row: dict[str, Any] = {"id": dataset_id, "name": f"set-{dataset_id}", "format": "jsonl", "state": "ready"}
        session.add(models.Dataset(**row, kind=kind, abbr=abbr, items=items))
        await session.flush()
        rows = [
            models.Item(
                dataset_id=dataset_id,
                position=position,
                source_id=name,
                sentences="a red car",
                image_ids=[f"IMG_{position}"],
                image_set=position + 1,
            )
            for position, name in enumerate(names)
        ]
        session.add_all(rows)
        await session.flush()
        return dataset_id, [row.id for row in rows]


async def order_export(
    client: httpx2.AsyncClient,
    job_id: int,
    *,
    file_format: str = "mimic-it",
    languages: Sequence[str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The queued export as it was answered."""
    body: dict[str, Any] = {"job_id": encode_id("job", job_id), "format": file_format, **more}
    if languages is not None:
        body["languages"] = list(languages)
    response = await client.post("/exports", json=body)
    assert response.status_code == 202, response.text
    export: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/exports/{export['id']}"
    assert export["state"] == "queued"
    return export


async def finish_export(client: httpx2.AsyncClient, resources: Resources, export: dict[str, Any]) -> dict[str, Any]:
    """The export after a worker saw to it."""
    await work_export(resources, decode_id("export", export["id"]), WORKER)
    finished: dict[str, Any] = (await client.get(f"/exports/{export['id']}")).json()
    assert finished["state"] == "completed", finished
    return finished


async def fetch_json(client: httpx2.AsyncClient, export: dict[str, Any], name: str) -> Any:
    """What a file of an export holds."""
    return orjson.loads(await fetch(client, export, name))


async def fetch(client: httpx2.AsyncClient, export: dict[str, Any], name: str) -> bytes:
    """The bytes of a file of an export."""
    response = await client.get(f"/exports/{export['id']}/files/{name}")
    assert response.status_code == 200, response.text
    return response.content
