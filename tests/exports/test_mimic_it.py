"""MIMIC-IT exports: what is in the files, and that every id in them resolves."""

from typing import Any

import httpx2
from sqlalchemy import text

from app.ids import encode_id
from app.resources import Resources
from app.store.session import Sessions
from tests.api.service import add_job, add_pairs
from tests.exports.orders import add_kind_dataset, fetch_json, finish_export, order_export


async def test_instructions_and_train_files_hold_each_pair_once(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 3)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items, per_item=2)
    export = await finish_export(client, resources, await order_export(client, job_id, languages=["en"]))
    assert [file["name"] for file in export["files"]] == ["DC_instructions.json", "DC_train.json", "manifest.json"]
    instructions = await fetch_json(client, export, "DC_instructions.json")
    assert sorted(instructions) == ["data", "meta"]
    assert list(instructions["data"]) == [f"DC_INS_0000{n}" for n in range(1, 7)]
    assert instructions["data"]["DC_INS_00002"] == {
        "instruction": f"[en] What stands at place {items[0]}, question 1?",
        "answer": "A Red car, 100% sure_1.",
        "image_ids": ["IMG_0"],
        "rel_ins_ids": ["DC_INS_00001"],
    }
    train = await fetch_json(client, export, "DC_train.json")
    assert train == {name: value["rel_ins_ids"] for name, value in instructions["data"].items()}
    assert export["counts"] == {"pairs": 6, "translations": {}, "links": 12, "is_partial": False}
    assert export["certificate"]["valid"] is True


async def test_a_language_has_its_own_files_with_the_same_ids(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 2)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items, per_item=2, languages=["zh", "fr"])
    async with sessions.begin() as session:
        await session.execute(text("DELETE FROM pair WHERE language = 'fr' AND ordinal = 1"))
    export = await finish_export(client, resources, await order_export(client, job_id))
    assert [file["name"] for file in export["files"]] == [
        "DC_instructions.json",
        "DC_train.json",
        "DC_instructions.zh.json",
        "DC_train.zh.json",
        "DC_instructions.fr.json",
        "DC_train.fr.json",
        "manifest.json",
    ]
    english = await fetch_json(client, export, "DC_instructions.json")
    chinese = await fetch_json(client, export, "DC_instructions.zh.json")
    assert list(chinese["data"]) == list(english["data"])
    assert chinese["data"]["DC_INS_00001"]["instruction"].startswith("[zh]")
    assert chinese["data"]["DC_INS_00001"]["rel_ins_ids"] == ["DC_INS_00002"]
    french = await fetch_json(client, export, "DC_instructions.fr.json")
    assert {name: entry["rel_ins_ids"] for name, entry in french["data"].items()} == {
        "DC_INS_00001": [],
        "DC_INS_00003": [],
    }
    assert export["counts"]["translations"] == {"zh": 4, "fr": 2}


async def test_a_language_with_a_region_names_its_files_by_its_code(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 2)
    job_id = await add_job(sessions, dataset_id)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE job SET languages = '{pt-BR,zh-Hant}' WHERE id = :id"), {"id": job_id})
    await add_pairs(sessions, job_id, items, per_item=1, languages=["pt-BR", "zh-Hant"])
    export = await finish_export(client, resources, await order_export(client, job_id, languages=["pt-BR", "en"]))
    assert [file["name"] for file in export["files"]] == [
        "DC_instructions.json",
        "DC_train.json",
        "DC_instructions.pt-BR.json",
        "DC_train.pt-BR.json",
        "manifest.json",
    ]
    assert export["certificate"]["valid"] is True
    lines = await finish_export(client, resources, await order_export(client, job_id, file_format="jsonl"))
    assert lines["state"] == "completed"
    assert lines["counts"]["translations"] == {"pt-BR": 2, "zh-Hant": 2}


async def test_links_lead_only_to_pairs_that_are_exported(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 1)
    job_id = await add_job(sessions, dataset_id)
    pairs = await add_pairs(sessions, job_id, items, per_item=3)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE pair SET status = 'rejected' WHERE id = :id"), {"id": pairs[1]})
    export = await finish_export(client, resources, await order_export(client, job_id))
    data = (await fetch_json(client, export, "DC_instructions.json"))["data"]
    assert {name: entry["rel_ins_ids"] for name, entry in data.items()} == {
        "DC_INS_00001": ["DC_INS_00002"],
        "DC_INS_00002": ["DC_INS_00001"],
    }


async def test_a_conversation_trains_on_its_last_round_with_the_two_before(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "llava.Conversation", "LACONV", 3, source_ids="33471 9 77")
    job_id = await add_job(sessions, dataset_id)
    for item, rounds in zip(items, (4, 2, 1), strict=True):
        await add_pairs(sessions, job_id, [item], per_item=rounds)
    export = await finish_export(client, resources, await order_export(client, job_id))
    stem = "LACONV_INS_000000033471"
    assert await fetch_json(client, export, "LACONV_train.json") == {
        f"{stem}_3": [f"{stem}_1", f"{stem}_2"],
        "LACONV_INS_000000000009_1": ["LACONV_INS_000000000009_0"] * 2,
        "LACONV_INS_000000000077_0": [],
    }


async def test_each_conversation_of_an_item_has_its_own_last_round(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "llava.Conversation", "LACONV", 1, source_ids="7")
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items, per_item=6, conversations=2)
    export = await finish_export(client, resources, await order_export(client, job_id))
    stem = "LACONV_INS_000000000007"
    assert await fetch_json(client, export, "LACONV_train.json") == {
        f"{stem}_2": [f"{stem}_0", f"{stem}_1"],
        f"{stem}_5": [f"{stem}_3", f"{stem}_4"],
    }


async def test_items_that_share_a_source_id_keep_apart(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "llava.Conversation", "LACONV", 3, source_ids="7 7 7")
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items, per_item=1)
    export = await finish_export(client, resources, await order_export(client, job_id))
    data = (await fetch_json(client, export, "LACONV_instructions.json"))["data"]
    name = "LACONV_INS_000000000007_0"
    assert list(data) == [name, f"{name}_dup2", f"{name}_dup3"]
    assert export["certificate"]["valid"] is True


async def test_the_same_pairs_make_the_same_bytes(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 2)
    job_id = await add_job(sessions, dataset_id)
    await add_pairs(sessions, job_id, items, languages=["zh"])
    exports = [await finish_export(client, resources, await order_export(client, job_id)) for _ in range(2)]
    digests = [[file["sha256"] for file in export["files"]] for export in exports]
    assert digests[0] == digests[1]


async def test_texts_of_every_kind_come_out_as_they_went_in(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 1)
    job_id = await add_job(sessions, dataset_id)
    (pair_id,) = await add_pairs(sessions, job_id, items, per_item=1)
    wild = 'Line one\nline\ttwo \\n "quoted" \x01\x02\x1f \u2028 \\. ,\r\n{"a": 1} 熊猫 😀'
    async with sessions.begin() as session:
        await session.execute(text("UPDATE pair SET response = :wild WHERE id = :id"), {"wild": wild, "id": pair_id})
    export = await finish_export(client, resources, await order_export(client, job_id))
    data: dict[str, Any] = (await fetch_json(client, export, "DC_instructions.json"))["data"]
    assert data["DC_INS_00001"]["answer"] == wild


async def test_an_export_of_a_running_job_says_that_it_is_partial(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, items = await add_kind_dataset(sessions, "video.DenseCaptions", "DC", 1)
    job_id = await add_job(sessions, dataset_id, state="in_progress")
    refused = await client.post("/exports", json={"job_id": encode_id("job", job_id), "format": "mimic-it"})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    await add_pairs(sessions, job_id, items)
    export = await finish_export(client, resources, await order_export(client, job_id))
    assert export["counts"]["is_partial"] is True
