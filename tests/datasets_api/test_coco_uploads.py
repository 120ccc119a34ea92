"""COCO publishes captions and instances as two files; they arrive as one upload."""

import io
import json
import zipfile
from pathlib import Path

import httpx2
import pytest

from tests.api.service import assert_problem

FIXTURE = Path(__file__).parents[1] / "datasets" / "fixtures" / "coco.json"


def zip_halves() -> bytes:
    """The fixture as COCO would publish it: a file of captions and a file of instances."""
    coco = json.loads(FIXTURE.read_text())
    captions = [annotation for annotation in coco["annotations"] if "caption" in annotation]
    instances = [annotation for annotation in coco["annotations"] if "bbox" in annotation]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("captions.json", json.dumps(coco | {"annotations": captions}))
        archive.writestr("instances.json", json.dumps(coco | {"annotations": instances}))
    return packed.getvalue()


@pytest.mark.parametrize("content_type", ["", "application/zip", "application/octet-stream"])
async def test_a_zip_of_captions_and_instances_becomes_a_dataset(client: httpx2.AsyncClient, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    path = "/datasets?kind=llava.DetailedDescription"
    response = await client.post(path, content=zip_halves(), headers=headers)
    assert response.status_code == 201, response.text
    dataset = response.json()
    assert (dataset["counts"]["items"], dataset["counts"]["images"]) == (3, 3)
    items = (await client.get(f"/datasets/{dataset['id']}/items")).json()["data"]
    assert items[0]["sentences"].split("\n")[0] == "A red bus turns a corner."
    assert items[0]["image_ids"] == ["LA_IMG_000000033471"]
    errors = (await client.get(f"/datasets/{dataset['id']}/errors")).json()["data"]
    assert any(error["message"].startswith("instances.json: ") for error in errors)


async def test_the_same_zip_is_paired_for_spotting_differences(client: httpx2.AsyncClient) -> None:
    files = {"file": ("coco.zip", zip_halves(), "application/zip")}
    response = await client.post("/datasets?kind=change.CocoSpotTheDifference", files=files)
    assert response.status_code == 201, response.text
    (item,) = (await client.get(f"/datasets/{response.json()['id']}/items")).json()["data"]
    assert item["source_id"] == "000000033471_000000000005"


async def test_a_kind_that_takes_no_zip_says_so(client: httpx2.AsyncClient) -> None:
    response = await client.post("/datasets?kind=change.SpotTheDifference", content=zip_halves())
    problem = assert_problem(response, 422, "invalid_upload", "")
    assert "zip" in problem["detail"]
