"""Pictures on their way out: bytes by range, small copies, records, and what a deletion takes away."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.errors import NotFoundError
from app.ids import decode_id
from app.resources import Resources
from app.services.image_sweeping import sweep_orphans
from app.services.images import image_path, open_images, read_image
from app.settings import Settings
from app.store.session import Sessions
from app.wiring import open_resources
from tests.images.archives import make_zip, pair_files
from tests.images.conftest import MakeDataset
from tests.images.test_uploads import ALL_IDS, FILES, upload
from tests.pictures.files import decode, encode, scene


async def one_image(client: httpx2.AsyncClient, dataset: str) -> dict[str, Any]:
    rows = (await client.get(f"/datasets/{dataset}/images?limit=1")).json()["data"]
    return dict(rows[0])


async def test_bytes_come_whole_by_range_and_once(client: httpx2.AsyncClient, make_dataset: MakeDataset) -> None:
    dataset = await make_dataset()
    await upload(client, dataset, FILES["1.png"], "?name=1.png")
    row = await one_image(client, dataset)
    whole = await client.get(f"/images/{row['id']}")
    assert (whole.status_code, whole.content) == (200, FILES["1.png"])
    assert whole.headers["content-type"] == "image/png"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["etag"] == f'"{row["sha256"]}"'
    part = await client.get(f"/images/{row['id']}", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, FILES["1.png"][10:20])
    same = await client.get(f"/images/{row['id']}", headers={"If-None-Match": whole.headers["etag"]})
    assert same.status_code == 304
    beyond = await client.get(f"/images/{row['id']}", headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416
    head = await client.head(f"/images/{row['id']}")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(FILES["1.png"])))


async def test_a_record_by_format_or_by_accept(client: httpx2.AsyncClient, make_dataset: MakeDataset) -> None:
    dataset = await make_dataset()
    await upload(client, dataset, FILES["1.png"], "?name=1.png")
    row = await one_image(client, dataset)
    by_format = (await client.get(f"/images/{row['id']}?format=json")).json()
    by_accept = (await client.get(f"/images/{row['id']}", headers={"Accept": "application/json"})).json()
    assert by_format == by_accept == row
    assert (row["object"], row["image_id"], row["width"], row["source"]) == ("image", "SD_IMG_00001_1", 60, "1.png")
    assert (await client.get(f"/images/{row['id']}", headers={"Accept": "text/html"})).status_code == 406
    assert (await client.get("/images/img_0000000000009")).status_code == 404


@pytest.mark.parametrize("side", [128, 256])
async def test_small_copies_are_made_once(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, settings: Settings, side: int
) -> None:
    dataset = await make_dataset()
    await upload(client, dataset, encode(scene(600, 300)), "?name=1.png")
    row = await one_image(client, dataset)
    small = await client.get(f"/images/{row['id']}?thumbnail={side}")
    assert (decode(small.content).size, small.headers["content-type"]) == ((side, side // 2), "image/jpeg")
    assert len(list((settings.home / "blobs" / "thumbnails" / str(side)).rglob("*/*"))) == 1
    assert (await client.get(f"/images/{row['id']}?thumbnail={side}")).content == small.content
    assert (await client.get(f"/images/{row['id']}?thumbnail=100")).status_code == 422


async def test_others_read_pictures_by_image_id(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, settings: Settings
) -> None:
    dataset = await make_dataset()
    await upload(client, dataset, make_zip(FILES))
    number = decode_id("dataset", dataset)
    async with open_resources(settings) as resources:
        asked = [ALL_IDS[2], "SD_IMG_none", ALL_IDS[0]]
        found = [(image_id, data) async for image_id, data in open_images(resources, number, asked)]
        assert found == [(ALL_IDS[2], FILES["2.png"]), ("SD_IMG_none", None), (ALL_IDS[0], FILES["1.png"])]
        assert await read_image(resources, number, ALL_IDS[3]) == FILES["2_2.png"]
        with pytest.raises(NotFoundError):
            await read_image(resources, number, "SD_IMG_none")


async def test_deleting_a_dataset_sweeps_what_no_other_one_has(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, settings: Settings
) -> None:
    first = await make_dataset()
    await upload(client, first, make_zip(pair_files(1)))
    await client.get(f"/images/{(await one_image(client, first))['id']}?thumbnail=128")
    second = await make_dataset()
    await upload(client, second, make_zip({"1.png": FILES["1.png"]}))
    blobs = settings.home / "blobs"
    assert len(_files(blobs / "images")) == 2
    assert (await client.delete(f"/datasets/{first}")).status_code == 204
    assert len(_files(blobs / "images")) == 1
    assert (await client.get(f"/images/{(await one_image(client, second))['id']}")).content == FILES["1.png"]
    assert (await client.delete(f"/datasets/{second}")).status_code == 204
    assert _files(blobs / "images") == _files(blobs / "thumbnails") == _files(blobs / "swept") == []


async def test_a_sweep_and_uploads_of_the_same_pictures_leave_every_row_its_bytes(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, settings: Settings, sessions: Sessions
) -> None:
    async with open_resources(settings) as resources:
        for _ in range(5):
            old, new = await make_dataset(), await make_dataset()
            await upload(client, old, make_zip(FILES))
            await asyncio.gather(
                client.delete(f"/datasets/{old}"),
                upload(client, new, make_zip(FILES)),
                sweep_orphans(resources),
                sweep_orphans(resources),
            )
            await _check_bytes(resources, decode_id("dataset", new))
            await client.delete(f"/datasets/{new}")


async def _check_bytes(resources: Resources, number: int) -> None:
    found = [data async for _, data in open_images(resources, number, ALL_IDS)]
    assert found == list(FILES.values())
    assert image_path("abcd") == "images/ab/abcd"


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
