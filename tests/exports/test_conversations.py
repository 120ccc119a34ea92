"""LLaVA, sharegpt and OpenAI: turns, marks, rounds that are one conversation."""

from typing import Any

import httpx2
import orjson
from sqlalchemy import text

from app.ids import encode_id
from app.resources import Resources
from app.store.session import Sessions
from tests.api.service import add_job, add_pairs
from tests.exports.orders import add_kind_dataset, fetch, fetch_json, finish_export, order_export


async def make_job(sessions: Sessions, kind: str = "change.SpotTheDifference", **pairs: Any) -> tuple[int, list[int]]:
    """A job over two items with two images each; the pairs of the first."""
    dataset_id, items = await add_kind_dataset(sessions, kind, "XX", 2)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE item SET image_ids = ARRAY['b' || position, 'a' || position]"))
    job_id = await add_job(sessions, dataset_id)
    return job_id, await add_pairs(sessions, job_id, items, **pairs)


async def export_talks(
    client: httpx2.AsyncClient, resources: Resources, job_id: int, file_format: str, **order: Any
) -> list[dict[str, Any]]:
    order = {"languages": ["en"], **order}
    export = await finish_export(
        client, resources, await order_export(client, job_id, file_format=file_format, **order)
    )
    name = next(file["name"] for file in export["files"] if file["role"] == "conversations")
    content = await fetch(client, export, name)
    if file_format == "openai":
        return [orjson.loads(line) for line in content.splitlines()]
    talks: list[dict[str, Any]] = orjson.loads(content)
    return talks


async def test_llava_marks_each_image_in_the_first_turn(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id, pairs = await make_job(sessions, per_item=1)
    talks = await export_talks(client, resources, job_id, "llava")
    question = talks[0]["conversations"][0]["value"]
    assert question.startswith("<image>\n<image>\n[en] What stands at place")
    assert talks[0] == {
        "id": encode_id("pair", pairs[0]),
        "images": ["b0", "a0"],
        "conversations": [
            {"from": "human", "value": question},
            {"from": "gpt", "value": "A Red car, 100% sure_0."},
        ],
    }


async def test_one_image_is_called_image(client: httpx2.AsyncClient, resources: Resources, sessions: Sessions) -> None:
    job_id, _ = await make_job(sessions, per_item=1)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE item SET image_ids = ARRAY[image_ids[1]]"))
    talks = await export_talks(client, resources, job_id, "llava")
    assert [talk["image"] for talk in talks] == ["b0", "b1"]
    assert "images" not in talks[0]


async def test_rounds_are_one_conversation_where_the_kind_trains_on_the_last(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id, pairs = await make_job(sessions, "llava.Conversation", per_item=4, conversations=2)
    talks = await export_talks(client, resources, job_id, "sharegpt")
    assert len(talks) == 4
    assert [turn["role"] for turn in talks[0]["messages"]] == ["user", "assistant"] * 2
    said = [turn["content"] for turn in talks[1]["messages"]]
    assert [line.count("<image>") for line in said] == [2, 0, 0, 0]
    assert said[1::2] == ["A Red car, 100% sure_2.", "A Red car, 100% sure_3."]
    ids = [talk["id"] for talk in await export_talks(client, resources, job_id, "llava")]
    assert ids == [encode_id("pair", pairs[place]) for place in (0, 2, 4, 6)]


async def test_pairs_of_other_kinds_are_conversations_by_themselves(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id, _ = await make_job(sessions, per_item=3)
    talks = await export_talks(client, resources, job_id, "openai")
    assert [len(talk["messages"]) for talk in talks] == [2] * 6
    assert [part["type"] for part in talks[0]["messages"][0]["content"]] == ["image_url", "image_url", "text"]
    assert talks[0]["messages"][0]["content"][0]["image_url"]["url"] == "b0"


async def test_without_images_there_is_no_mark(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id, _ = await make_job(sessions, per_item=1)
    (llava, _), (sharegpt, _), (openai, _) = [
        await export_talks(client, resources, job_id, name, images="none") for name in ("llava", "sharegpt", "openai")
    ]
    assert set(llava) == {"id", "conversations"}
    assert sharegpt["images"] == []
    assert openai["messages"][0]["content"] == sharegpt["messages"][0]["content"]
    assert llava["conversations"][0]["value"] == openai["messages"][0]["content"]


async def test_a_text_that_holds_a_mark_adds_no_image(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id, _ = await make_job(sessions, per_item=1)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE pair SET response = 'The sign says <image> and <video>.'"))
    talks = await export_talks(client, resources, job_id, "llava")
    assert talks[0]["conversations"][1]["value"] == "The sign says [image] and [video]."
    lines = await export_talks(client, resources, job_id, "openai")
    assert lines[0]["messages"][1]["content"] == "The sign says <image> and <video>."


async def test_sharegpt_comes_with_what_llama_factory_looks_up(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    job_id, _ = await make_job(sessions, per_item=1, languages=["zh", "fr"])
    export = await finish_export(client, resources, await order_export(client, job_id, file_format="sharegpt"))
    info = await fetch_json(client, export, "dataset_info.json")
    assert [entry["file_name"] for entry in info.values()] == [
        "XX_sharegpt.json",
        "XX_sharegpt.zh.json",
        "XX_sharegpt.fr.json",
    ]
    assert info["XX_sharegpt"]["tags"]["user_tag"] == "user"
