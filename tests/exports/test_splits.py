"""Splits over the API: files per split, nothing that leaks, links that stay on their side."""

from typing import Any

import httpx2
import orjson
import pytest
from sqlalchemy import text

from app.ids import encode_id
from app.resources import Resources
from app.store.session import Sessions
from tests.api.service import add_job, add_pairs, assert_problem
from tests.exports.orders import add_kind_dataset, fetch, fetch_json, finish_export, order_export
from tests.exports.pictures import add_picture, draw_picture

SPLIT = {"train": 0.8, "validation": 0.2, "seed": 1}


async def make_job(sessions: Sessions, items: int = 20, *, source_ids: str = "") -> tuple[int, int, list[int]]:
    dataset_id, item_ids = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", items, source_ids)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, item_ids, languages=["zh"])
    return dataset_id, job_id, item_ids


async def read_lines(client: httpx2.AsyncClient, export: dict[str, Any], split: str) -> list[dict[str, Any]]:
    content = await fetch(client, export, f"DC_pairs.{split}.jsonl")
    return [orjson.loads(line) for line in content.splitlines()]


async def test_each_split_has_files_of_its_own_and_no_item_is_in_two(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    _, job_id, _ = await make_job(sessions)
    order = await order_export(client, job_id, split=SPLIT, languages=["en", "zh"])
    export = await finish_export(client, resources, order)
    assert export["counts"]["items_by_split"] == {"train": 16, "validation": 4}
    assert {(file["role"], file["split"], file["language"]) for file in export["files"]} == {
        (role, split, language)
        for role in ("instructions", "train")
        for split in ("train", "validation")
        for language in ("en", "zh")
    } | {("manifest", None, None)}
    train = (await fetch_json(client, export, "DC_instructions.train.json"))["data"]
    validation = (await fetch_json(client, export, "DC_instructions.validation.json"))["data"]
    assert (len(train), len(validation)) == (32, 8)
    assert not set(train) & set(validation)
    chinese = (await fetch_json(client, export, "DC_instructions.validation.zh.json"))["data"]
    assert set(chinese) == set(validation)


async def test_items_that_share_an_image_a_source_or_a_picture_go_together(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    sources = " ".join(f"s{number}" for number in range(18)) + " s0 s17"
    dataset_id, job_id, items = await make_job(sessions, 20, source_ids=sources)
    async with sessions.begin() as session:
        for item in (items[1], items[2]):
            statement = text("UPDATE item SET image_ids = image_ids || 'SHARED'::text WHERE id = :id")
            await session.execute(statement, {"id": item})
    for image in ("IMG_3", "IMG_4"):
        await add_picture(resources, sessions, dataset_id, image, draw_picture(7))
    for seed in range(6):
        split = {"train": 0.5, "validation": 0.5, "seed": seed}
        order = await order_export(client, job_id, file_format="jsonl", split=split, languages=["en"])
        export = await finish_export(client, resources, order)
        sides: dict[str, str] = {}
        for name in ("train", "validation"):
            for line in await read_lines(client, export, name):
                for key in (line["source_id"], *line["image_ids"]):
                    assert sides.setdefault(key, name) == name
        assert sides["IMG_3"] == sides["IMG_4"]


async def test_links_never_lead_to_another_side(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    _, job_id, _ = await make_job(sessions, 6)
    async with sessions.begin() as session:
        everyone = "(SELECT array_agg(id ORDER BY id) FROM pair WHERE job_id = :job AND language = 'en')"
        statement = f"UPDATE relation SET related_pair_ids = array_remove({everyone}, pair_id) WHERE job_id = :job"
        await session.execute(text(statement), {"job": job_id})
    split = {"train": 0.5, "test": 0.5}
    order = await order_export(client, job_id, file_format="jsonl", split=split, languages=["en"])
    export = await finish_export(client, resources, order)
    for name in ("train", "test"):
        lines = await read_lines(client, export, name)
        ids = {line["id"] for line in lines}
        assert all(set(line["related_pair_ids"]) == ids - {line["id"]} for line in lines)


@pytest.mark.parametrize(
    ("split", "pointer"),
    [
        ({"train": 0.9, "validation": 0.2}, "/split"),
        ({"train": 1.5}, "/split/train"),
        ({"train": 0, "test": 1}, "/split/train"),
        ({"seed": 3}, "/split"),
        ({"dev": 0.1, "train": 0.9}, "/split/dev"),
    ],
)
async def test_shares_that_do_not_add_up_are_refused(
    client: httpx2.AsyncClient, sessions: Sessions, split: dict[str, float], pointer: str
) -> None:
    _, job_id, _ = await make_job(sessions, 1)
    body = {"job_id": encode_id("job", job_id), "format": "jsonl", "split": split}
    assert_problem(await client.post("/exports", json=body), 422, "invalid_request", pointer)
