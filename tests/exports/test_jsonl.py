"""JSON lines: a pair a line."""

from typing import Any

import httpx2
import orjson
from sqlalchemy import text

from app.ids import encode_id
from app.resources import Resources
from app.store.session import Sessions
from tests.api.service import add_job, add_pairs, pair_ids
from tests.exports.orders import add_kind_dataset, finish_export, order_export


async def fetch_lines(client: httpx2.AsyncClient, export: dict[str, Any]) -> list[dict[str, Any]]:
    file, _ = export["files"]
    response = await client.get(file["url"].removeprefix("/v1"))
    assert response.headers["content-type"] == "application/x-ndjson"
    return [orjson.loads(line) for line in response.content.split(b"\n") if line]


async def test_each_pair_is_a_line_and_its_translations_follow_it(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 2)
    job_id = await add_job(sessions, dataset_id)
    pairs = await add_pairs(sessions, job_id, items, languages=["zh", "fr"])
    export = await finish_export(client, resources, await order_export(client, job_id, file_format="jsonl"))
    assert export["files"][0]["name"] == "DC_pairs.jsonl"
    lines = await fetch_lines(client, export)
    assert [line["language"] for line in lines] == ["en", "fr", "zh"] * 4
    english = [line for line in lines if line["language"] == "en"]
    assert [line["id"] for line in english] == pair_ids(pairs)
    assert english[0] == {
        "id": encode_id("pair", pairs[0]),
        "source_id": "source-0",
        "ordinal": 0,
        "conversation": 0,
        "round": 0,
        "language": "en",
        "translation_of": None,
        "instruction": f"[en] What stands at place {items[0]}, question 0?",
        "response": "A Red car, 100% sure_0.",
        "status": "accepted",
        "flags": [],
        "image_ids": ["IMG_0"],
        "related_pair_ids": [encode_id("pair", pairs[1])],
    }
    assert lines[1]["translation_of"] == english[0]["id"]
    assert lines[1]["related_pair_ids"] == english[0]["related_pair_ids"]
    for line in lines:
        shown = (await client.get(f"/pairs/{line['id']}")).json()
        assert (shown["instruction"], shown["language"]) == (line["instruction"], line["language"])
    assert export["counts"]["pairs"] == 4
    assert export["counts"]["translations"] == {"zh": 4, "fr": 4}


async def test_languages_choose_the_lines(client: httpx2.AsyncClient, resources: Resources, sessions: Sessions) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 1)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items, languages=["zh", "fr"])
    order = await order_export(client, job_id, file_format="jsonl", languages=["zh"])
    lines = await fetch_lines(client, await finish_export(client, resources, order))
    assert [line["language"] for line in lines] == ["zh", "zh"]


async def test_a_status_chooses_the_pairs(client: httpx2.AsyncClient, resources: Resources, sessions: Sessions) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 1)
    job_id = await add_job(sessions, dataset_id)
    pairs = await add_pairs(sessions, job_id, items, per_item=3)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE pair SET status = 'rejected' WHERE id = :id"), {"id": pairs[0]})
        await session.execute(text("UPDATE pair SET status = 'edited' WHERE id = :id"), {"id": pairs[1]})
    for status, expected in ((None, pairs[1:]), ("edited", [pairs[1]]), (["rejected", "edited"], pairs[:2])):
        filters: dict[str, Any] = {} if status is None else {"filters": {"status": status}}
        order = await order_export(client, job_id, file_format="jsonl", **filters)
        lines = await fetch_lines(client, await finish_export(client, resources, order))
        assert [line["id"] for line in lines] == pair_ids(expected)


async def test_texts_of_every_kind_come_out_as_they_went_in(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 1)
    job_id = await add_job(sessions, dataset_id)
    (pair_id,) = await add_pairs(sessions, job_id, items, per_item=1)
    wild = 'Line one\nline\ttwo \\n "quoted" \x01\x02\x1f \u2028 \\. ,\r\n{"a": 1} 熊猫 😀'
    async with sessions.begin() as session:
        await session.execute(text("UPDATE pair SET response = :wild WHERE id = :id"), {"wild": wild, "id": pair_id})
    export = await finish_export(client, resources, await order_export(client, job_id, file_format="jsonl"))
    (line,) = await fetch_lines(client, export)
    assert line["response"] == wild
