"""Kinds and prompts: what a kind brings along, and versions that never change."""

from typing import Any

import httpx2
import pytest

from app.services.kinds import kind_of
from app.services.prompts import ensure_kind_prompt, to_prompt
from app.store.session import Sessions
from tests.api.service import assert_problem
from tests.datasets_api.files import plain_items

PROMPT: dict[str, Any] = {
    "name": "herons",
    "system_message": "Ask about birds.",
    "in_context": [
        {"role": "user", "content": "A heron stands still."},
        {"role": "assistant", "content": [{"instruction": "What stands still?", "response": "A heron."}]},
    ],
}


async def test_kinds_are_listed_with_what_people_need_to_know(client: httpx2.AsyncClient) -> None:
    body = (await client.get("/kinds")).json()
    kinds = {kind["id"]: kind for kind in body["data"]}
    assert {"change.SpotTheDifference", "video.DenseCaptions", "plain.PlainItems"} <= set(kinds)
    assert kinds["change.SpotTheDifference"]["abbr"] == "SD"
    assert all(kind["file_format"] and kind["image_id_pattern"] for kind in kinds.values())
    assert kinds["change.SpotTheDifference"]["picture_files"] == [
        {"file_name": "76.png", "image_id": "SD_IMG_00076_1"},
        {"file_name": "76_2.png", "image_id": "SD_IMG_00076_2"},
        {"file_name": "76_diff.jpg", "image_id": None},
    ]
    assert kinds["llava.DetailedDescription"]["doc_page"] == "docs/kinds/llava.DetailedDescription.md"
    assert (kinds["llava.ComplexReasoning"]["relation_rule"], kinds["llava.ComplexReasoning"]["train_rule"]) == (
        "similar_texts",
        "first_two",
    )
    assert body["broken"] == []


async def test_a_kind_shows_its_prompt_and_its_reversed_name_is_understood(client: httpx2.AsyncClient) -> None:
    kind = (await client.get("/kinds/SpotTheDifference.change")).json()
    assert kind["id"] == "change.SpotTheDifference"
    assert kind["prompt"]["system_message"]
    assert len(kind["prompt"]["in_context"]) >= 4
    assert kind["house_rules"]
    assert_problem(await client.get("/kinds/change.Spot"), 404, "not_found", mend="change.")


async def test_the_prompt_of_a_kind_is_stored_once(sessions: Sessions) -> None:
    for kind, name in (("change.SpotTheDifference", "change.SpotTheDifference"), (None, "plain")):
        rows = []
        for _ in range(2):
            async with sessions.begin() as session:
                rows.append(await ensure_kind_prompt(session, kind))
        assert rows[0].id == rows[1].id
        assert (rows[0].name, rows[0].version, rows[0].kind) == (name, 1, kind)
        assert to_prompt(rows[0]).system_message == kind_of(kind).load_prompt()["system_message"]
        assert len(to_prompt(rows[0]).in_context) >= 4


async def test_versions_are_numbered_and_equal_content_is_the_same_version(client: httpx2.AsyncClient) -> None:
    first = await client.post("/prompts", json=PROMPT)
    assert (first.status_code, first.json()["version"]) == (201, 1)
    same = await client.post("/prompts", json=PROMPT)
    assert (same.status_code, same.json()) == (200, first.json())
    other = await client.post("/prompts", json={**PROMPT, "system_message": "Ask about reeds."})
    assert (other.status_code, other.json()["version"]) == (201, 2)
    text = await client.post("/prompts", json={**PROMPT, "reply_format": "text"})
    assert text.json()["version"] == 3
    listed = (await client.get("/prompts?name=herons")).json()["data"]
    assert [prompt["version"] for prompt in listed] == [3, 2, 1]
    path = f"/prompts/{first.json()['id']}"
    read = await client.get(path)
    assert read.json() == first.json()
    assert (await client.get(path, headers={"If-None-Match": read.headers["etag"]})).status_code == 304


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "a b"}, "/name"),
        ({"system_message": " "}, "/system_message"),
        ({"reply_format": "xml"}, "/reply_format"),
        ({"in_context": [{"role": "robot", "content": "x"}]}, "/in_context/0/role"),
        ({"in_context": [{"role": "assistant", "content": "x"}]}, "/in_context/0/role"),
        ({"in_context": PROMPT["in_context"][:1]}, "/in_context/0"),
        ({"in_context": [PROMPT["in_context"][0], {"role": "assistant", "content": [{"q": "x"}]}]}, "/in_context/1"),
        ({"kind": "no.Such"}, "/kind"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_prompt_that_is_not_right_is_refused_with_a_pointer(
    client: httpx2.AsyncClient, change: dict[str, Any], pointer: str
) -> None:
    response = await client.post("/prompts", json={**PROMPT, **change})
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["pointer"].startswith(pointer)
    assert (await client.get("/prompts")).json()["data"] == []


async def test_a_rendering_shows_the_exact_messages(client: httpx2.AsyncClient) -> None:
    dataset = (await client.post("/datasets", json={"items": plain_items(1)})).json()
    (item,) = (await client.get(f"/datasets/{dataset['id']}/items")).json()["data"]
    prompt = (await client.post("/prompts", json=PROMPT)).json()
    response = await client.post(f"/prompts/{prompt['id']}/render", json={"item_id": item["id"]})
    assert response.status_code == 200, response.text
    rendering = response.json()
    assert [message["role"] for message in rendering["messages"]] == ["system", "user", "assistant", "user"]
    assert "Ask about birds." in rendering["messages"][0]["content"]
    assert item["sentences"] in rendering["messages"][-1]["content"]
    assert rendering["bytes"] / 5 < rendering["estimated_tokens"] < rendering["bytes"]
    missing = await client.post(f"/prompts/{prompt['id']}/render", json={"item_id": "item_7zzzzzzzzzzzz"})
    assert_problem(missing, 404, "not_found")
