"""Every way pictures come in: what is stored, what the report says, what is missing and too much afterwards."""

import base64
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from app.settings import Settings
from tests.images.archives import make_tar, make_zip, pair_files
from tests.images.conftest import MakeDataset
from tests.pictures.files import decode, encode, scene

ALL_IDS = ["SD_IMG_00001_1", "SD_IMG_00001_2", "SD_IMG_00002_1", "SD_IMG_00002_2"]
FILES = pair_files(1, 2)


async def upload(client: httpx2.AsyncClient, dataset: str, data: bytes, query: str = "", status: int = 200) -> Any:
    response = await client.put(f"/datasets/{dataset}/images{query}", content=data)
    assert response.status_code == status, response.text
    return response.json()


async def image_ids(client: httpx2.AsyncClient, dataset: str, query: str = "") -> list[str]:
    rows = (await client.get(f"/datasets/{dataset}/images{query}")).json()["data"]
    return sorted(row["image_id"] for row in rows)


def as_json(names: dict[str, bytes], encoder: Callable[[bytes], bytes] = base64.b64encode) -> bytes:
    return orjson.dumps({name: encoder(data).decode() for name, data in names.items()})


def as_parquet(names: dict[str, bytes], *, is_binary: bool = False) -> bytes:
    texts = [base64.urlsafe_b64encode(data) for data in names.values()]
    column = pa.array(texts, pa.binary()) if is_binary else pa.array([text.decode() for text in texts])
    table = pa.table({"base64": column, "__index_level_0__": list(names)})
    output = io.BytesIO()
    pq.write_table(table, output)
    return output.getvalue()


BY_ID = dict(zip(ALL_IDS, FILES.values(), strict=True))


@pytest.mark.parametrize(
    "data",
    [
        make_zip(FILES),
        make_zip(FILES, zipfile.ZIP_STORED),
        make_zip({f"deep/er/{name}": data for name, data in FILES.items()}),
        make_tar(FILES),
        make_tar(FILES, "w:gz"),
        make_tar(FILES, format_=tarfile.PAX_FORMAT),
        make_tar({f"{'long/' * 40}{name}": data for name, data in FILES.items()}),
        make_tar({f"{'länge/' * 40}{name}": data for name, data in FILES.items()}, format_=tarfile.PAX_FORMAT),
        make_tar({f"{'u/' * 60}{name}": data for name, data in FILES.items()}, format_=tarfile.USTAR_FORMAT),
        as_json(BY_ID),
        as_json(BY_ID, base64.urlsafe_b64encode),
        as_json(BY_ID, lambda data: b"data:image/png;base64," + base64.b64encode(data)),
        orjson.dumps(orjson.loads(as_json(BY_ID)), option=orjson.OPT_INDENT_2),
        as_parquet(BY_ID),
        as_parquet(BY_ID, is_binary=True),
    ],
    ids=[
        *("zip", "stored", "folders", "tar", "targz", "pax", "gnulong", "paxlong", "ustar"),
        *("json", "urlsafe", "dataurl", "indented", "parquet", "binary"),
    ],
)
async def test_containers_of_pictures_fill_a_dataset(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, incoming: Path, data: bytes
) -> None:
    dataset = await make_dataset()
    report = await upload(client, dataset, data)
    assert report["counts"] == dict.fromkeys(report["counts"], 0) | {"stored": 4}
    assert (report["missing"]["count"], report["surplus"]["count"], report["refused"]) == (0, 0, [])
    assert await image_ids(client, dataset) == ALL_IDS
    body = (await client.get(f"/datasets/{dataset}")).json()
    assert (body["counts"]["images"], body["images"]) == (4, {"uploaded": 4, "missing": 0, "surplus": 0})
    again = await upload(client, dataset, data)
    assert (again["counts"]["stored"], again["counts"]["already_there"]) == (0, 4)
    assert list(incoming.iterdir()) == []


async def test_a_single_picture_by_name_by_image_id_and_by_address(
    client: httpx2.AsyncClient, make_dataset: MakeDataset
) -> None:
    dataset = await make_dataset()
    await upload(client, dataset, FILES["1.png"], "?name=1.png")
    await upload(client, dataset, FILES["1_2.png"], "?image_id=SD_IMG_00001_2")
    await upload(client, dataset, FILES["2_2.png"], "/2_2.png")
    assert await image_ids(client, dataset) == ["SD_IMG_00001_1", "SD_IMG_00001_2", "SD_IMG_00002_2"]
    missing = (await client.get(f"/datasets/{dataset}/images?state=missing")).json()["data"]
    assert [(row["object"], row["image_id"], row["source_id"]) for row in missing] == [
        ("missing_image", "SD_IMG_00002_1", "2")
    ]
    problem = await upload(client, dataset, FILES["2.png"], status=422)
    assert problem["errors"][0]["pointer"] == "name"


async def test_a_form_of_several_files(client: httpx2.AsyncClient, make_dataset: MakeDataset) -> None:
    dataset = await make_dataset()
    parts = [("file", ("1.png", FILES["1.png"])), ("file", ("rest.zip", make_zip(pair_files(2))))]
    response = await client.post(f"/datasets/{dataset}/images", files=[*parts, ("file", ("empty.png", b""))])
    report = response.json()
    assert report["counts"]["stored"] == 3
    assert [refusal["name"] for refusal in report["refused"]] == ["empty.png"]
    assert report["missing"] == {"count": 1, "first": ["SD_IMG_00001_2"]}
    many = [("file", (f"{number}.png", b"x")) for number in range(6)]
    response = await client.post(f"/datasets/{dataset}/images", files=many)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "too_many_files")


async def test_bad_pictures_never_take_good_ones_with_them(
    client: httpx2.AsyncClient, make_dataset: MakeDataset
) -> None:
    dataset = await make_dataset()
    files = {
        **FILES,
        "3.png": FILES["1.png"][:-100],
        "readme.txt": b"hello",
        "__MACOSX/._1.png": b"junk",
        ".DS_Store": b"junk",
        "1_diff.jpg": encode(scene(), "JPEG"),
        "4.png": encode(Image.new("1", (6000, 6000))),
        "folder/1.png": encode(scene(seed=99)),
        "inner.zip": make_zip(FILES),
        "large.bmp": encode(scene(1000, 900), "BMP"),
    }
    report = await upload(client, dataset, make_zip(files))
    assert report["counts"] == {
        "stored": 4,
        "already_there": 0,
        "replaced": 0,
        "refused": 6,
        "ignored": 3,
        "frames": 0,
    }
    codes = {refusal["name"]: refusal["code"] for refusal in report["refused"]}
    assert codes == {
        "3.png": "truncated",
        "readme.txt": "unknown_format",
        "4.png": "too_many_pixels",
        "folder/1.png": "id_taken",
        "inner.zip": "nested_archive",
        "large.bmp": "too_many_bytes",
    }


async def test_an_image_id_keeps_its_picture_unless_it_is_to_be_replaced(
    client: httpx2.AsyncClient, make_dataset: MakeDataset
) -> None:
    dataset = await make_dataset()
    await upload(client, dataset, FILES["1.png"], "?name=1.png")
    problem = await upload(client, dataset, FILES["2.png"], "?name=1.png", status=422)
    assert problem["errors"][0]["code"] == "id_taken"
    report = await upload(client, dataset, FILES["2.png"], "?name=1.png&replace=true")
    assert (report["counts"]["replaced"], report["counts"]["stored"]) == (1, 0)
    (row,) = (await client.get(f"/datasets/{dataset}/images?image_id=SD_IMG_00001_1")).json()["data"]
    body = (await client.get(f"/images/{row['id']}")).content
    assert decode(body).tobytes() == decode(FILES["2.png"]).tobytes()


async def test_surplus_pictures_are_told_and_listed(client: httpx2.AsyncClient, make_dataset: MakeDataset) -> None:
    dataset = await make_dataset()
    report = await upload(client, dataset, make_zip(pair_files(1, 7, 8)))
    assert report["surplus"]["count"] == 4
    assert sorted(report["surplus"]["first"])[0] == "SD_IMG_00007_1"
    assert report["missing"] == {"count": 2, "first": ["SD_IMG_00002_1", "SD_IMG_00002_2"]}
    assert await image_ids(client, dataset, "?state=surplus") == sorted(report["surplus"]["first"])
    images = (await client.get(f"/datasets/{dataset}")).json()["images"]
    assert images == {"uploaded": 6, "missing": 2, "surplus": 4}


@pytest.mark.parametrize("state", ["uploaded", "missing", "surplus"])
async def test_lists_are_paged_to_their_end(client: httpx2.AsyncClient, make_dataset: MakeDataset, state: str) -> None:
    records = [{"img_id": str(number), "sentences": ["Nothing."]} for number in range(1, 6)]
    dataset = await make_dataset(records=records)
    if state != "missing":
        await upload(client, dataset, make_zip(pair_files(*range(11, 16) if state == "surplus" else range(1, 6))))
    seen: list[str] = []
    address = f"/datasets/{dataset}/images?state={state}&limit=3"
    cursor = ""
    while True:
        page = (await client.get(address + cursor)).json()
        seen += [row["image_id"] for row in page["data"]]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 10


async def test_a_repeat_under_the_same_key_gets_the_first_report(
    client: httpx2.AsyncClient, make_dataset: MakeDataset
) -> None:
    dataset = await make_dataset()
    address, headers = f"/datasets/{dataset}/images?name=1.png", {"Idempotency-Key": "k1"}
    first = await client.post(address, content=FILES["1.png"], headers=headers)
    second = await client.post(address, content=FILES["1.png"], headers=headers)
    assert (second.json(), second.headers["idempotent-replayed"]) == (first.json(), "true")
    other = await client.post(address, content=FILES["2.png"], headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_dataset_that_is_not_there_is_told_before_the_body_is_read(client: httpx2.AsyncClient) -> None:
    problem = await upload(client, "ds_0000000000001", FILES["1.png"], "?name=1.png", status=404)
    assert problem["code"] == "not_found"


@pytest.mark.parametrize("query", ["?fps=0", "?fps=1&frames=2", "?frames=0", "?fps=61", "?frams=2"])
async def test_a_plan_that_cannot_be_is_refused(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, query: str
) -> None:
    await upload(client, await make_dataset(), FILES["1.png"], f"{query}&name=1.png", status=422)


async def test_real_photographs_come_in_whatever_their_name_says(
    client: httpx2.AsyncClient, make_dataset: MakeDataset, shared_data: Callable[[str], Path], settings: Settings
) -> None:
    dataset = await make_dataset("plain.PlainItems", [{"id": "1", "sentences": "x", "image_ids": ["retina"]}])
    folder = shared_data("images/retina.jpg").parent
    files = {f"{path.stem}.dat": path.read_bytes() for path in sorted(folder.iterdir())}
    report = await upload(client, dataset, make_tar(files))
    assert report["counts"]["stored"] == len(files) == 10
    (row,) = (await client.get(f"/datasets/{dataset}/images?image_id=retina")).json()["data"]
    assert (row["width"], row["height"], row["media_type"]) == (1411, 1411, "image/jpeg")
