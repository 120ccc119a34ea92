"""Kinds of conversations: titles and reasons stay with the rounds, from the reply to the frozen prompt."""

import json

from tests.api.service import assert_problem
from tests.cold_starts.conftest import Desk, upload
from tests.support.house import House

SCENES = {
    f"scene000{number}_00": {
        "description": [
            [str(part), f"the {thing} number {number} stands {part} steps from the window"]
            for part, thing in enumerate(("chair", "table", "lamp", "shelf"))
        ]
    }
    for number in range(4)
}
RULE = {"examples": 2, "coverage": 0, "held_out_score": None, "improvement": None}


async def test_a_conversation_is_an_example_with_its_title_and_reason(house: House) -> None:
    desk = Desk(house, await upload(house, "rooms", SCENES, "scenes.SceneNavigation"))
    cold_start = await desk.begin(name="rooms", items=4, held_out=1, stop_rule=RULE)
    await desk.run_round(cold_start)
    first, second = (await desk.candidates(cold_start, "&held_out=false"))[:2]
    assert [len(each["rounds"]) for each in first["conversations"]] == [3, 3, 3]
    assert all(each["title"].startswith("Looking after the") for each in first["conversations"])
    assert all(each["reason"].startswith("There is room") for each in first["conversations"])
    assert len(first["pairs"]) == 9

    assert (await desk.decide(first, "accepted")).status_code == 200
    assert_problem(await desk.decide(second, None, pairs=second["pairs"]), 422, "invalid_request", "/conversations")
    edited = json.loads(json.dumps(second["conversations"]))
    edited[0]["title"] = "A quiet afternoon"
    assert (await desk.decide(second, None, conversations=edited)).json()["status"] == "edited"

    prompt = await house.post(f"/cold-starts/{cold_start['id']}/freeze", {})
    contents = [turn["content"] for turn in prompt["in_context"] if turn["role"] == "assistant"]
    assert sorted(contents, key=str) == sorted([first["conversations"], edited], key=str)
    job = await house.post("/jobs", {"dataset_id": desk.dataset_id, "prompt_id": prompt["id"], "slice": {"end": 1}})
    rendered = await house.post(f"/prompts/{prompt['id']}/render", {"item_id": first["item_id"]})
    assert "A quiet afternoon" in str(rendered["messages"])
    assert (await house.finish(f"/jobs/{job['id']}"))["prompt_id"] == prompt["id"]
