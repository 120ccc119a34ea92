"""Exports with pictures: every format, complete and with some that were never uploaded."""

import tarfile
from base64 import b64decode
from io import BytesIO
from typing import Any

import httpx2
import orjson
import pyarrow.parquet as pq
import pytest
from PIL import Image

from app.ids import decode_id
from app.resources import Resources
from app.services.exporting.work import work_export
from app.store.session import Sessions
from tests.api.service import add_job, add_pairs
from tests.exports.orders import WORKER, add_kind_dataset, fetch, fetch_json, finish_export, order_export
from tests.exports.pictures import add_picture, draw_picture


async def make_job(resources: Resources, sessions: Sessions, *, pictures: int = 3) -> int:
    """A job over three items with a picture each; the first so many are uploaded, the second as JPEG."""
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 3)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items, languages=["zh", "fr"])
    for number in range(pictures):
        media_type = "image/jpeg" if number == 1 else "image/png"
        data = draw_picture(number, media_type)
        await add_picture(resources, sessions, dataset_id, f"IMG_{number}", data, media_type)
    return job_id


async def test_mimic_it_has_them_as_parquet_and_as_json(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id = await make_job(resources, sessions)
    export = await finish_export(client, resources, await order_export(client, job_id, images="base64"))
    assert export["certificate"]["images"] == 3
    assert export["counts"]["images"] == 3
    table = pq.read_table(BytesIO(await fetch(client, export, "DC.parquet")))
    assert table.column("id").to_pylist() == ["IMG_0", "IMG_1", "IMG_2"]
    assert orjson.loads(table.schema.metadata[b"pandas"])["index_columns"] == ["id"]
    whole = await fetch_json(client, export, "DC.json")
    assert whole == dict(zip(table.column("id").to_pylist(), table.column("base64").to_pylist(), strict=True))
    with Image.open(BytesIO(b64decode(whole["IMG_1"]))) as image:
        assert (image.mode, image.size, image.format) == ("RGB", (224, 224), "PNG")


@pytest.mark.parametrize("file_format", ["jsonl", "csv", "parquet"])
async def test_tables_have_them_as_parquet(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, file_format: str
) -> None:
    job_id = await make_job(resources, sessions)
    order = await order_export(client, job_id, file_format=file_format, images="base64")
    export = await finish_export(client, resources, order)
    names = [file["name"] for file in export["files"]]
    assert names == [f"DC_pairs.{file_format}", "DC.parquet", "manifest.json"]


@pytest.mark.parametrize("file_format", ["llava", "sharegpt"])
async def test_conversations_name_the_files_of_a_tar(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, file_format: str
) -> None:
    job_id = await make_job(resources, sessions)
    order = await order_export(client, job_id, file_format=file_format, images="base64", languages=["en"])
    export = await finish_export(client, resources, order)
    talks = await fetch_json(client, export, f"DC_{file_format}.json")
    named = {talk["image"] if file_format == "llava" else talk["images"][0] for talk in talks}
    assert named == {"IMG_0.png", "IMG_1.jpg", "IMG_2.png"}
    with tarfile.open(fileobj=BytesIO(await fetch(client, export, "DC_images.tar"))) as archive:
        assert set(archive.getnames()) == named
        member = archive.extractfile("IMG_1.jpg")
        assert member is not None
        assert member.read() == draw_picture(1, "image/jpeg")


async def test_openai_has_them_in_the_lines(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id = await make_job(resources, sessions)
    order = await order_export(client, job_id, file_format="openai", images="base64", languages=["en"])
    export = await finish_export(client, resources, order)
    lines = (await fetch(client, export, "DC_openai.jsonl")).splitlines()
    parts: list[dict[str, Any]] = orjson.loads(lines[0])["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_url", "text"]
    assert parts[0]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert export["certificate"]["images"] == 6


@pytest.mark.parametrize("file_format", ["mimic-it", "llava", "sharegpt", "openai", "jsonl", "csv", "parquet"])
async def test_a_missing_picture_fails_the_certificate_or_drops_its_pairs(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions, file_format: str
) -> None:
    job_id = await make_job(resources, sessions, pictures=2)
    refused = await order_export(client, job_id, file_format=file_format, images="base64")
    await work_export(resources, decode_id("export", refused["id"]), WORKER)
    shown = (await client.get(f"/exports/{refused['id']}")).json()
    assert (shown["state"], shown["reason"], shown["files"]) == ("failed", "certificate_failed", [])
    assert set(shown["certificate"]["faults"]) == {"missing_image"}
    assert all("IMG_2" in problem["message"] for problem in shown["certificate"]["problems"])
    order = await order_export(client, job_id, file_format=file_format, images="base64", on_missing_images="drop_pairs")
    export = await finish_export(client, resources, order)
    assert (export["counts"]["pairs"], export["counts"]["pairs_dropped"]) == (4, 2)
