"""The whole way: forty real records, two rounds, a frozen prompt, and a job that uses it."""

from collections.abc import Callable
from pathlib import Path

from app.pipeline.candidate_scores import WEIGHTS
from tests.api.service import assert_problem
from tests.cold_starts.conftest import ITEMS, Desk, read_records, upload

BETTER = "Write two question-answer pairs about what has changed between two pictures of one place. Be calm and exact."
EDITED = [{"instruction": "What has changed in the yard?", "response": "A person has left, and the car has moved."}]


async def test_forty_real_records_become_a_frozen_prompt_that_a_job_uses(
    desk: Desk, shared_data: Callable[[str], Path]
) -> None:
    house = desk.house
    cold_start = await desk.begin()
    path = f"/cold-starts/{cold_start['id']}"
    assert cold_start["counts"] == {"items": ITEMS, "working": 30, "held_out": 10, "clusters": 4}
    assert cold_start["system_message"].startswith("You write training conversations")

    first = await desk.run_round(cold_start)
    found = await desk.candidates(cold_start, "&round=1")
    assert len(found) == ITEMS
    assert {each["state"] for each in found} == {"ready"}
    assert all(set(each["scores"]) == {"overall", *WEIGHTS} for each in found)
    assert (await house.get(f"/prompts/{first['prompt_id']}"))["in_context"] == []

    refused = await house.client.post(f"{path}/freeze")
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["code"] == "not_satisfactory"
    assert [fault["code"] for fault in problem["errors"]] == ["examples", "coverage", "improvement"]

    accepted = await desk.accept_one_a_cluster(cold_start)
    assert len(accepted) == 4
    others = [each for each in found if not each["held_out"] and each["id"] not in {one["id"] for one in accepted}]
    assert (await desk.decide(others[0], None, pairs=EDITED, note="shorter")).json()["status"] == "edited"
    assert (await desk.decide(others[1], "rejected", note="it guesses")).json()["note"] == "it guesses"

    current = await house.get(path)
    changed = await house.client.patch(
        path, json={"system_message": BETTER}, headers={"If-Match": f'"{current["etag"]}"'}
    )
    assert changed.status_code == 200, changed.text
    assert [each["met"] for each in changed.json()["conditions"] if each["code"] == "round"] == [False]

    second = await desk.run_round(cold_start, with_examples=True)
    shown = {each["sentences"] for each in [*accepted, others[0]]}
    asked = sum(each["sentences"] not in shown for each in found)
    assert (second["number"], second["examples"], second["items"]["total"]) == (2, 5, asked)
    rounds = (await house.get(f"{path}/rounds"))["data"]
    assert [each["system_message"] == BETTER for each in rounds] == [False, True]
    assert rounds[0]["decisions"] == {"open": 34, "accepted": 4, "edited": 1, "rejected": 1}
    assert rounds[0]["yield"]["items_with_pairs_share"] == rounds[1]["yield"]["items_with_pairs_share"] == 1
    assert 0 < rounds[1]["held_out"]["items"] <= 10
    assert rounds[1]["improvement"] == round(rounds[1]["held_out"]["score"] - rounds[0]["held_out"]["score"], 4)
    assert all(each["cost_usd"] > 0 for each in rounds)

    view = await house.get(path)
    assert view["satisfactory"], view["conditions"]
    frozen = await house.client.post(f"{path}/freeze")
    assert frozen.status_code == 201, frozen.text
    prompt = frozen.json()
    assert (prompt["name"], prompt["version"], prompt["system_message"]) == ("yard", 1, BETTER)
    assert len(prompt["in_context"]) == 10
    assert EDITED in [turn["content"] for turn in prompt["in_context"]]
    assert (prompt["provenance"]["mode"], len(prompt["provenance"]["rounds"])) == ("person", 2)
    assert {each["item_id"] for each in prompt["provenance"]["examples"]} == {
        each["item_id"] for each in [*accepted, others[0]]
    }
    again = await house.client.post(f"{path}/freeze")
    assert (again.status_code, again.json()["id"]) == (200, prompt["id"])

    others_id = await upload(house, "square", read_records(shared_data)[ITEMS : ITEMS + 5])
    job = await house.post("/jobs", {"dataset_id": others_id, "prompt_id": prompt["id"]})
    job = await house.finish(f"/jobs/{job['id']}")
    assert (job["state"], job["prompt_id"], job["counts"]["items"]["done"]) == ("completed", prompt["id"], 5)
    assert (await house.endpoint.stats())["accepted"] == ITEMS + asked + 5


async def test_the_same_seed_chooses_the_same_items_and_another_one_others(desk: Desk) -> None:
    views = [await desk.begin(items=8, held_out=2, **more) for more in ({}, {}, {"seed": 8})]
    chosen = [[(each["position"], each["cluster"], each["held_out"]) for each in view["items"]] for view in views]
    assert chosen[0] == chosen[1] != chosen[2]


async def test_items_are_chosen_by_hand_too(desk: Desk) -> None:
    listed = (await desk.house.get(f"/datasets/{desk.dataset_id}/items?limit=3"))["data"]
    names = [each["id"] for each in listed]
    view = await desk.begin(items=6, held_out=2, item_ids=names)
    chosen = {each["item_id"]: each["held_out"] for each in view["items"]}
    assert len(chosen) == 6
    assert [chosen[name] for name in names] == [False, False, False]
    refused = await desk.house.client.post(
        "/cold-starts",
        json={"dataset_id": desk.dataset_id, "name": "yard", "item_ids": [names[0], "item_0000000000000", "no item"]},
    )
    assert_problem(refused, 422, "invalid_request", "/item_ids/1", "/item_ids/2")


async def test_the_same_order_of_a_round_under_one_key_is_one_round(desk: Desk) -> None:
    cold_start = await desk.begin(items=4, held_out=1)
    path = f"/cold-starts/{cold_start['id']}/generate"
    headers = {"Idempotency-Key": "round-1"}
    first = await desk.house.client.post(path, json={}, headers=headers)
    again = await desk.house.client.post(path, json={}, headers=headers)
    assert first.status_code == 202, first.text
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["job_id"] == first.json()["job_id"]
    await desk.house.finish(f"/jobs/{first.json()['job_id']}")
    assert len((await desk.house.get(f"/cold-starts/{cold_start['id']}/rounds"))["data"]) == 1


async def test_candidates_and_cold_starts_are_read_in_pages_by_filters_and_polled_by_etag(desk: Desk) -> None:
    cold_start = await desk.begin(items=6, held_out=2)
    other = await desk.begin(name="other", items=2, held_out=1)
    await desk.run_round(cold_start)
    path = f"/cold-starts/{cold_start['id']}"
    page = await desk.house.get(f"{path}/candidates?limit=4")
    rest = await desk.house.get(f"{path}/candidates?limit=4&cursor={page['next_cursor']}")
    seen = page["data"] + rest["data"]
    assert ([each["held_out"] for each in seen].count(True), len(seen), rest["has_more"]) == (2, 6, False)
    assert [each["position"] for each in seen] == sorted(each["position"] for each in seen)
    await desk.decide(seen[0], "rejected")
    assert [each["id"] for each in await desk.candidates(cold_start, "&status=rejected")] == [seen[0]["id"]]
    assert await desk.candidates(cold_start, "&round=2") == []

    listed = (await desk.house.get(f"/cold-starts?dataset_id={desk.dataset_id}&state=open"))["data"]
    assert [each["id"] for each in listed] == [other["id"], cold_start["id"]]
    for resource in (path, f"/candidates/{seen[1]['id']}"):
        first = await desk.house.client.get(resource)
        assert first.headers["etag"].removeprefix("W/") == f'"{first.json()["etag"]}"'  # gzip makes it a weak one
        again = await desk.house.client.get(resource, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
