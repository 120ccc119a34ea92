"""A kind's published file and its pictures go in over HTTP; an export comes out whose every id resolves."""

import json
import re
import zipfile
from base64 import urlsafe_b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from datasets.registry import find_kind, list_kinds
from tests.kinds.cases import CASES, KindCase
from tests.pictures.files import encode, scene
from tests.support.house import House

FIXTURES = Path(__file__).parents[1] / "datasets" / "fixtures"


def test_every_kind_has_a_row() -> None:
    assert [case.kind for case in CASES] == [kind.name for kind in list_kinds()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
async def test_a_file_of_the_kind_becomes_an_export(house: House, case: KindCase) -> None:
    await house.endpoint.set_mode(says=case.says)
    items = await add_pictures(house, case, await upload(house, case))
    job = await house.post("/jobs", {"dataset_id": items[0]["dataset_id"]})
    job = await house.finish(f"/jobs/{job['id']}")
    assert (job["state"], job["reason"], job["counts"]["items"]["done"]) == ("completed", None, case.items)

    files = await export(house, job["id"], images="base64")
    abbr = find_kind(case.kind).abbr
    pairs = files[f"{abbr}_instructions.json"]["data"]
    assert len(pairs) == job["counts"]["pairs"] >= case.items
    listed = {tuple(item["image_ids"]) for item in items}
    for name, pair in pairs.items():
        assert name.startswith(f"{abbr}_INS_")
        assert pair["instruction"]
        assert pair["answer"]
        assert tuple(pair["image_ids"]) in listed
        assert name not in pair["rel_ins_ids"]
        assert set(pair["rel_ins_ids"]) <= set(pairs)
    train = files[f"{abbr}_train.json"]
    assert train
    images = files[f"{abbr}.json"]
    assert set(images) == {image for pair in pairs.values() for image in pair["image_ids"]}
    for image in images.values():
        with Image.open(BytesIO(urlsafe_b64decode(image))) as picture:
            assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (224, 224))
    assert set(train) | {name for related in train.values() for name in related} <= set(pairs)


async def upload(house: House, case: KindCase) -> list[dict[str, Any]]:
    """The items of the dataset that the fixture became, after a look at what was refused."""
    content = (FIXTURES / case.fixture).read_bytes()
    answer = await house.client.post(f"/datasets?kind={case.kind}", content=content)
    assert answer.status_code == 201, answer.text
    dataset = answer.json()
    assert (dataset["kind"], dataset["counts"]["items"], dataset["counts"]["errors"]) == (
        case.kind,
        case.items,
        case.errors,
    )
    errors = (await house.get(f"/datasets/{dataset['id']}/errors?limit=100"))["data"]
    assert len(errors) == case.errors
    assert all(error["code"] and error["message"].endswith(".") for error in errors)
    items: list[dict[str, Any]] = (await house.get(f"/datasets/{dataset['id']}/items?limit=100"))["data"]
    images = [image for item in items for image in item["image_ids"]]
    assert bool(images) == bool(case.images)
    assert [image for image in images if not re.fullmatch(case.images, image)] == []
    return items


async def add_pictures(house: House, case: KindCase, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items, once a picture was uploaded for every image id; two frames each where an annotation lists none."""
    dataset_id, cls = items[0]["dataset_id"], find_kind(case.kind).cls
    wanted = {image for item in items for image in item["image_ids"]}
    for item in items:
        prefix = cls.image_prefix(item["source_id"])
        if not item["image_ids"] and prefix is not None:
            wanted |= {f"{prefix}{number:06d}" for number in range(2)}
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for seed, image_id in enumerate(sorted(wanted)):
            archive.writestr(f"pictures/{image_id}.png", encode(scene(64, 48, seed)))
    answer = await house.client.put(f"/datasets/{dataset_id}/images", content=packed.getvalue())
    assert answer.status_code in {200, 201}, answer.text
    report = answer.json()
    assert (report["counts"]["refused"], report["missing"]["count"], report["surplus"]["count"]) == (0, 0, 0), report
    found: list[dict[str, Any]] = (await house.get(f"/datasets/{dataset_id}/items?limit=100"))["data"]
    named = {item["id"] for item in items if item["image_ids"] or cls.image_prefix(item["source_id"])}
    assert all(item["image_ids"] for item in found if item["id"] in named)
    return found


async def export(house: House, job_id: str, images: str = "ids") -> dict[str, Any]:
    """The JSON files of the job's MIMIC-IT export by name, the pictures among them where `images` is base64."""
    order = await house.post("/exports", {"job_id": job_id, "format": "mimic-it", "images": images})
    done = await house.finish(f"/exports/{order['id']}")
    assert done["state"] == "completed", done
    assert done["certificate"]["valid"] is True
    names = [file["name"] for file in done["files"] if file["name"].endswith(".json")]
    return {name: json.loads((await house.client.get(f"/exports/{done['id']}/files/{name}")).content) for name in names}
