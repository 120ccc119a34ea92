"""Filters: which pairs go out."""

from typing import Any

import httpx2
import orjson
import pytest

from app.ids import encode_id
from app.resources import Resources
from app.store.session import Sessions
from tests.api.service import add_job, add_pairs, assert_problem
from tests.exports.orders import add_kind_dataset, fetch, finish_export, order_export


async def make_job(sessions: Sessions) -> tuple[int, list[int]]:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 3)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items, per_item=3, languages=["zh"])
    return job_id, items


async def export_lines(
    client: httpx2.AsyncClient, resources: Resources, job_id: int, **order: Any
) -> list[dict[str, Any]]:
    export = await finish_export(client, resources, await order_export(client, job_id, file_format="jsonl", **order))
    return [orjson.loads(line) for line in (await fetch(client, export, "DC_pairs.jsonl")).splitlines()]


async def test_short_pairs_stay_out_with_their_translations(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id, _ = await make_job(sessions)  # the pairs of an item have 10, 11 and 12 words
    lines = await export_lines(client, resources, job_id, filters={"min_words": 12})
    assert [(line["ordinal"], line["language"]) for line in lines] == [(2, "en"), (2, "zh")] * 3
    assert all(line["related_pair_ids"] == [] for line in lines)


async def test_chosen_items_alone_go_out(client: httpx2.AsyncClient, resources: Resources, sessions: Sessions) -> None:
    job_id, items = await make_job(sessions)
    chosen = [encode_id("item", items[2]), encode_id("item", items[0])]
    order = await order_export(client, job_id, file_format="jsonl", filters={"item_ids": chosen})
    assert order["filters"] == {"item_ids": sorted(chosen)}
    lines = await export_lines(client, resources, job_id, filters={"item_ids": chosen})
    assert {line["source_id"] for line in lines} == {"source-0", "source-2"}


async def test_the_filter_of_languages_is_the_choice_of_languages(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id, _ = await make_job(sessions)
    lines = await export_lines(client, resources, job_id, filters={"language": "zh"})
    assert {line["language"] for line in lines} == {"zh"}


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        ({"filters": {"score": 0.5}}, "/filters/score"),
        ({"filters": {"min_words": -1}}, "/filters/min_words"),
        ({"filters": {"item_ids": ["pair_0000000000001"]}}, "/filters/item_ids/0"),
        ({"filters": {"language": "zh"}, "languages": ["en"]}, "/filters/language"),
        ({"languages": []}, "/languages"),
        ({"images": "files"}, "/images"),
        ({"on_missing_images": "ignore"}, "/on_missing_images"),
    ],
)
async def test_what_cannot_be_chosen_is_refused_with_a_pointer(
    client: httpx2.AsyncClient, sessions: Sessions, order: dict[str, Any], pointer: str
) -> None:
    job_id, _ = await make_job(sessions)
    body = {"job_id": encode_id("job", job_id), "format": "jsonl", **order}
    assert_problem(await client.post("/exports", json=body), 422, "invalid_request", pointer)
