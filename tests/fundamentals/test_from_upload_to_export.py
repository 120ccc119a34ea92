"""The main job, a step a test. Read it from top to bottom to know what the service is for."""

import hashlib
import json

import orjson

from tests.support.house import House

ANNOTATIONS = [
    {"img_id": "7", "sentences": ["the red car is gone", "a man stands at the door"]},
    {"img_id": "8", "sentences": ["there are two more people by the fence"]},
    {"img_id": "8", "sentences": ["a white van has appeared"]},
]
ITEMS = {"name": "yard", "items": [{"id": "a", "sentences": "a cat sleeps"}, {"id": "b", "sentences": "a dog runs"}]}


async def upload(house: House) -> str:
    """Spot-the-Diff annotations, in the format in which they were published."""
    answer = await house.client.post(
        "/datasets?name=yard&kind=change.SpotTheDifference", content=orjson.dumps(ANNOTATIONS)
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_1_an_upload_becomes_a_dataset_of_items(house: House) -> None:
    dataset = await house.get(f"/datasets/{await upload(house)}")
    assert (dataset["state"], dataset["abbr"]) == ("ready", "SD")
    assert dataset["counts"] == {"items": 3, "unique_source_ids": 2, "images": 4, "errors": 0}
    items = (await house.get(f"/datasets/{dataset['id']}/items"))["data"]
    assert items[0]["sentences"] == "the red car is gone\na man stands at the door"
    assert items[0]["image_ids"] == ["SD_IMG_00007_1", "SD_IMG_00007_2"]


async def test_2_a_bad_record_is_reported_and_takes_no_good_one_with_it(house: House) -> None:
    lines = b'{"id": "a", "sentences": "a cat sleeps"}\n{"id": "b"}\n{"id": "c", "sentences": "a dog runs"}\n'
    dataset = (await house.client.post("/datasets?name=plain&format=jsonl", content=lines)).json()
    assert dataset["counts"]["items"] == 2
    (error,) = (await house.get(f"/datasets/{dataset['id']}/errors"))["data"]
    assert (error["line"], error["pointer"]) == (2, "/sentences")


async def test_3_a_job_makes_pairs_of_every_item(house: House) -> None:
    job = await house.post("/jobs", {"dataset_id": await upload(house)})
    job = await house.finish(f"/jobs/{job['id']}")
    assert (job["state"], job["reason"]) == ("completed", None)
    assert job["counts"]["items"] == {"total": 3, "pending": 0, "done": 3, "failed": 0, "poison": 0, "skipped": 0}
    assert job["counts"]["pairs"] == 9
    assert job["usage"]["calls"] == (await house.endpoint.stats())["requests"] == 3


async def test_4_pairs_are_paged_by_a_cursor(house: House) -> None:
    job = await house.post("/jobs", {"dataset_id": await upload(house)})
    await house.finish(f"/jobs/{job['id']}")
    page = await house.get(f"/pairs?job_id={job['id']}&limit=5")
    rest = await house.get(f"/pairs?job_id={job['id']}&limit=5&cursor={page['next_cursor']}")
    assert [len(page["data"]), len(rest["data"])] == [5, 4]
    assert rest["has_more"] is False
    assert len({pair["id"] for pair in page["data"] + rest["data"]}) == 9


async def test_5_pairs_of_the_same_images_are_related(house: House) -> None:
    job = await house.post("/jobs", {"dataset_id": await upload(house), "relation_rule": "same_images"})
    await house.finish(f"/jobs/{job['id']}")
    pairs = (await house.get(f"/pairs?job_id={job['id']}"))["data"]
    by_source = {pair["source_id"]: len(pair["related_pair_ids"]) for pair in pairs}
    assert by_source == {"7": 2, "8": 5}  # two records share the images of 8


async def test_6_each_pair_is_translated_by_one_call_into_all_languages(house: House) -> None:
    dataset = await house.post("/datasets", ITEMS)
    job = await house.post("/jobs", {"dataset_id": dataset["id"], "languages": ["zh", "ar", "de"]})
    job = await house.finish(f"/jobs/{job['id']}")
    assert job["counts"]["translations"] == {"zh": 6, "ar": 6, "de": 6}
    assert job["usage"]["calls"] == 2 + 6
    pair = (await house.get(f"/pairs?job_id={job['id']}&language=zh"))["data"][0]
    english = await house.get(f"/pairs/{pair['translation_of']}")
    assert (english["language"], english["ordinal"]) == ("en", pair["ordinal"])


async def test_7_what_is_refused_is_kept_with_its_reason_and_the_job_does_not_read_as_clean(house: House) -> None:
    await house.endpoint.set_mode(refusal=1.0)
    dataset = await house.post("/datasets", ITEMS)
    job = await house.post("/jobs", {"dataset_id": dataset["id"]})
    job = await house.finish(f"/jobs/{job['id']}")
    assert (job["state"], job["counts"]["pairs"]) == ("failed", 0)
    assert job["reason"] == "2 items failed"
    rejections = (await house.get(f"/jobs/{job['id']}/rejections"))["data"]
    assert {rejection["reason"] for rejection in rejections} <= {"refusal", "unparseable"}


async def test_8_the_same_order_under_one_key_is_one_job(house: House) -> None:
    dataset = await house.post("/datasets", ITEMS)
    headers = {"Idempotency-Key": "order-1"}
    first = await house.client.post("/jobs", json={"dataset_id": dataset["id"]}, headers=headers)
    again = await house.client.post("/jobs", json={"dataset_id": dataset["id"]}, headers=headers)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    await house.finish(f"/jobs/{first.json()['id']}")


async def test_9_an_export_holds_every_pair_and_every_id_in_it_resolves(house: House) -> None:
    job = await house.post("/jobs", {"dataset_id": await upload(house), "languages": ["fr"]})
    await house.finish(f"/jobs/{job['id']}")
    export = await house.post("/exports", {"job_id": job["id"], "format": "mimic-it"})
    export = await house.finish(f"/exports/{export['id']}")
    assert export["state"] == "completed", export
    files = {}
    for file in export["files"]:
        content = (await house.client.get(f"/exports/{export['id']}/files/{file['name']}")).content
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        files[file["name"]] = json.loads(content)
    english, french = files["SD_instructions.json"]["data"], files["SD_instructions.fr.json"]["data"]
    assert len(english) == 9
    assert set(french) == set(english)
    for entry in english.values():
        assert set(entry) == {"instruction", "answer", "image_ids", "rel_ins_ids"}
        assert set(entry["rel_ins_ids"]) <= set(english)
    assert set(files["SD_train.json"]) == set(english)
