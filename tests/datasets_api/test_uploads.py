"""Uploads in every form they come in, and what they leave behind."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest

from tests.datasets_api.files import in_chunks, list_leftovers, pack, plain_items, to_lines

LINES = to_lines(plain_items(5))


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_raw_body_becomes_a_dataset(client: httpx2.AsyncClient, incoming: Path, method: str) -> None:
    response = await client.request(method, "/datasets?name=herons", content=LINES)
    assert response.status_code == 201, response.text
    dataset = response.json()
    assert dataset["object"] == "dataset"
    assert (dataset["name"], dataset["state"], dataset["kind"], dataset["abbr"]) == ("herons", "ready", None, "PLAIN")
    assert dataset["counts"] == {"items": 5, "unique_source_ids": 5, "images": 3, "errors": 0}
    assert (dataset["bytes"], dataset["sha256"]) == (len(LINES), sha256(LINES).hexdigest())
    assert response.headers["location"] == f"/v1/datasets/{dataset['id']}"
    assert list_leftovers(incoming) == []


async def test_a_body_of_unknown_length_becomes_a_dataset(client: httpx2.AsyncClient) -> None:
    response = await client.put("/datasets?name=herons", content=in_chunks(LINES, 7))
    assert response.json()["counts"]["items"] == 5


async def test_a_form_with_a_file_and_fields_becomes_a_dataset(client: httpx2.AsyncClient) -> None:
    files = {"file": ("herons.jsonl", LINES)}
    response = await client.post("/datasets", data={"name": "herons", "kind": "plain.PlainItems"}, files=files)
    assert response.status_code == 201, response.text
    assert (response.json()["name"], response.json()["kind"]) == ("herons", "plain.PlainItems")
    assert response.json()["counts"]["items"] == 5


async def test_inline_items_become_a_dataset(client: httpx2.AsyncClient) -> None:
    response = await client.post("/datasets", json={"name": "herons", "items": plain_items(3)})
    assert response.status_code == 201, response.text
    assert (response.json()["name"], response.json()["counts"]["items"]) == ("herons", 3)


async def test_a_json_file_sent_as_json_with_a_name_in_the_query_is_a_file(client: httpx2.AsyncClient) -> None:
    by_id = {item["id"]: item for item in plain_items(3)}
    for name, body in (("list", plain_items(3)), ("mapping", by_id)):
        response = await client.post(f"/datasets?name={name}", json=body)
        assert response.status_code == 201, response.text
        assert response.json()["counts"]["items"] == 3


@pytest.mark.parametrize("layers", [1, 2])
async def test_gzip_is_unpacked_however_it_is_declared(client: httpx2.AsyncClient, layers: int) -> None:
    headers = {"Content-Encoding": "gzip"} if layers == 2 else {}
    body = pack(pack(LINES)) if layers == 2 else pack(LINES)
    response = await client.put("/datasets", content=body, headers=headers)
    assert response.status_code == 201, response.text
    assert (response.json()["counts"]["items"], response.json()["sha256"]) == (5, sha256(LINES).hexdigest())
    response = await client.put("/datasets", content=pack(LINES), headers={"Content-Encoding": "gzip"})
    assert response.json()["counts"]["items"] == 5
    response = await client.post("/datasets", files={"file": ("herons.jsonl.gz", pack(LINES))})
    assert response.json()["counts"]["items"] == 5


async def test_gzip_of_several_members_is_read_to_its_end(client: httpx2.AsyncClient) -> None:
    body = pack(LINES) + pack(to_lines(plain_items(2, 5))) + b"\0" * 512
    response = await client.put("/datasets", content=body)
    assert response.json()["counts"]["items"] == 7


async def test_without_a_name_one_is_made_up(client: httpx2.AsyncClient) -> None:
    names = {(await client.put("/datasets", content=LINES)).json()["name"] for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("plain-2") for name in names)


async def test_equal_source_ids_are_different_items(client: httpx2.AsyncClient) -> None:
    twins = [{"id": "twin", "sentences": f"Take {n}."} for n in range(3)]
    dataset = (await client.put("/datasets", content=to_lines(twins))).json()
    assert (dataset["counts"]["items"], dataset["counts"]["unique_source_ids"]) == (3, 1)
    items = (await client.get(f"/datasets/{dataset['id']}/items")).json()["data"]
    assert [(item["position"], item["source_id"], item["sentences"]) for item in items] == [
        (0, "twin", "Take 0."),
        (1, "twin", "Take 1."),
        (2, "twin", "Take 2."),
    ]


async def test_a_bad_record_is_reported_and_never_takes_the_good_ones_with_it(client: httpx2.AsyncClient) -> None:
    lines = [
        b'{"id": "1", "sentences": "Fine."}',
        b'{"id": "2"}',
        b'{"id": "3", "sentences": 5}',
        b'{"id": "4", "sentences": NaN}',
        b'{"id": "5", "id": "6", "sentences": "Twice."}',
        b'{"id": "7", "sentences": "A \\u0000 inside."}',
        b'{"id": "8", "sentences": "Half \\ud83d a pair."}',
        b"no json at all",
        b'{"id": "9", "sentences": "' + b"x" * (1 << 20) + b'"}',
        b'{"id": "10", "sentences": "Fine too."}',
    ]
    dataset = (await client.put("/datasets?name=mixed", content=b"\n".join(lines))).json()
    assert dataset["counts"] == {"items": 2, "unique_source_ids": 2, "images": 0, "errors": 8}
    page = (await client.get(f"/datasets/{dataset['id']}/errors")).json()
    assert [(error["line"], error["pointer"], error["code"]) for error in page["data"]] == [
        (2, "/sentences", "missing_field"),
        (3, "/sentences", "wrong_type"),
        (4, "/sentences", "not_finite"),
        (5, "/id", "duplicate_key"),
        (6, "/sentences", "nul_character"),
        (7, "/sentences", "lone_surrogate"),
        (8, "", "invalid_json"),
        (9, "", "record_too_large"),
    ]
    items = (await client.get(f"/datasets/{dataset['id']}/items")).json()["data"]
    assert [(item["position"], item["source_id"]) for item in items] == [(0, "1"), (1, "10")]


async def test_a_bad_inline_item_is_reported_with_a_pointer_into_the_body(client: httpx2.AsyncClient) -> None:
    items = [{"id": "a", "sentences": "Fine."}, {"id": "b"}, {"id": "c", "sentences": ["x", 5]}]
    dataset = (await client.post("/datasets", json={"items": items})).json()
    errors = (await client.get(f"/datasets/{dataset['id']}/errors")).json()["data"]
    assert [(error["line"], error["pointer"]) for error in errors] == [
        (None, "/items/1/sentences"),
        (None, "/items/2/sentences/1"),
    ]


async def test_a_large_file_arrives_whole_and_in_order(client: httpx2.AsyncClient) -> None:
    count = 20_000
    dataset = (await client.put("/datasets", content=pack(to_lines(plain_items(count))))).json()
    assert dataset["counts"] == {"items": count, "unique_source_ids": count, "images": count // 2, "errors": 0}
    seen: list[str] = []
    url: str | None = f"/datasets/{dataset['id']}/items?limit=1000"
    while url:
        page = (await client.get(url)).json()
        seen += [item["source_id"] for item in page["data"]]
        cursor = page["next_cursor"]
        url = f"/datasets/{dataset['id']}/items?limit=1000&cursor={cursor}" if cursor else None
    assert seen == [f"item-{n}" for n in range(count)]


async def test_the_same_key_uploads_once(client: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "upload-1"}
    first = await client.put("/datasets?name=herons", content=LINES, headers=headers)
    again = await client.put("/datasets?name=herons", content=LINES, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    other = await client.put("/datasets?name=herons", content=LINES + LINES, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_validation_reports_what_an_upload_would_bring_and_keeps_nothing(
    client: httpx2.AsyncClient, incoming: Path
) -> None:
    body = LINES + b'{"id": "x"}\n' + to_lines(plain_items(1))
    report = (await client.put("/datasets/validate", content=body)).json()
    assert report["valid"] is True
    assert report["counts"] == {"items": 6, "unique_source_ids": 5, "images": 3, "errors": 1}
    assert [(error["line"], error["code"]) for error in report["errors"]] == [(6, "missing_field")]
    assert [sample["source_id"] for sample in report["samples"]] == ["item-0", "item-1", "item-2"]
    strict = (await client.put("/datasets/validate?strict=true", content=body)).json()
    assert (strict["valid"], strict["counts"]["items"]) == (False, 6)
    assert (await client.get("/datasets")).json()["data"] == []
    assert list_leftovers(incoming) == []


@pytest.mark.parametrize(
    ("name", "kind", "items", "unique"),
    [
        ("spot_the_diff/train.json", "change.SpotTheDifference", 9477, 8529),
        ("activitynet_captions/train.json", "video.DenseCaptions", 10009, 10009),
        ("tvc/sample_val_predictions_first500.jsonl", "video.TVCaptions", 500, 457),
        ("coco/caps_boxes_coco2014_val_80.jsonl", "llava.Conversation", 80, 80),
    ],
)
async def test_real_files_arrive_whole(
    client: httpx2.AsyncClient, shared_data: Callable[[str], Path], name: str, kind: str, items: int, unique: int
) -> None:
    body = shared_data(name).read_bytes()
    dataset = (await client.put(f"/datasets?kind={kind}", content=body)).json()
    counts = dataset["counts"]
    assert (counts["items"], counts["unique_source_ids"]) == (items, unique)
    assert counts["items"] + counts["errors"] == (9524 if kind.endswith("SpotTheDifference") else items)
    assert counts["images"] > 0


async def test_a_file_of_json_values_over_many_lines_is_read(client: httpx2.AsyncClient) -> None:
    body = json.dumps(plain_items(4), indent=2).encode()
    assert (await client.put("/datasets", content=body)).json()["counts"]["items"] == 4
