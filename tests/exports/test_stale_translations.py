"""Stale translations stay out of exports, in every format, unless the order says otherwise."""

from typing import Any

import httpx2
import orjson
import pytest

from app.pipeline.values import Pair
from app.resources import Resources
from app.services.editing import TextEdit, edit_texts
from app.store.session import Sessions
from tests.api.service import add_job, add_pairs, assert_problem
from tests.exports.orders import add_kind_dataset, fetch, finish_export, order_export


async def make_job(sessions: Sessions) -> int:
    """A job with two pairs in en, zh and fr; the first English one was edited."""
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 2)
    job_id = await add_job(sessions, dataset_id)
    first, _ = await add_pairs(sessions, job_id, items, per_item=1, languages=["zh", "fr"])
    async with sessions.begin() as session:
        assert await edit_texts(session, [TextEdit(first, Pair("What is new?", "Everything."))])
    return job_id


async def export(client: httpx2.AsyncClient, resources: Resources, job_id: int, **order: Any) -> dict[str, Any]:
    return await finish_export(client, resources, await order_export(client, job_id, **order))


@pytest.mark.parametrize("file_format", ["mimic-it", "llava", "sharegpt", "openai", "jsonl", "csv", "parquet"])
async def test_stale_translations_stay_out_of_every_format(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, file_format: str
) -> None:
    job_id = await make_job(sessions)
    left = await export(client, resources, job_id, file_format=file_format)
    kept = await export(client, resources, job_id, file_format=file_format, stale_translations="keep")
    assert (left["stale_translations"], kept["stale_translations"]) == ("leave_out", "keep")
    assert (left["counts"]["pairs"], kept["counts"]["pairs"]) == (2, 2)
    assert left["counts"]["translations"] == {"zh": 1, "fr": 1}
    assert kept["counts"]["translations"] == {"zh": 2, "fr": 2}
    rows = [sum(file["rows"] or 0 for file in made["files"] if file["role"] != "train") for made in (left, kept)]
    assert rows[1] - rows[0] == 2


async def test_a_line_that_is_kept_says_that_it_is_stale(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id = await make_job(sessions)
    made = await export(client, resources, job_id, file_format="jsonl", stale_translations="keep", languages=["zh"])
    lines = [orjson.loads(line) for line in (await fetch(client, made, "DC_pairs.jsonl")).splitlines()]
    assert [line["flags"] for line in lines] == [["stale"], []]


async def test_there_is_no_third_way(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    await make_job(sessions)
    body = {"job_id": (await client.get("/jobs")).json()["data"][0]["id"], "format": "jsonl"}
    response = await client.post("/exports", json=body | {"stale_translations": "hide"})
    assert_problem(response, 422, "invalid_request", "/stale_translations")
