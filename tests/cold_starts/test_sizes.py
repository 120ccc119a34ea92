"""Small datasets, pictures in rounds, and cold starts that go."""

from collections.abc import Callable
from pathlib import Path

from tests.api.service import assert_problem
from tests.cold_starts.conftest import Desk, read_records, upload
from tests.images.archives import make_zip, pair_files
from tests.support.house import House
from tests.support.waiting import wait_until


async def test_a_dataset_of_three_items_gives_two_examples_and_says_what_cannot_be_met(
    house: House, shared_data: Callable[[str], Path]
) -> None:
    desk = Desk(house, await upload(house, "three", read_records(shared_data)[:3]))
    body = {"dataset_id": desk.dataset_id, "name": "three"}
    view = await house.post("/cold-starts", body)
    assert view["counts"] == {"items": 3, "working": 2, "held_out": 1, "clusters": 2}
    examples = next(each for each in view["conditions"] if each["code"] == "examples")
    assert "only 2 items can give one" in examples["message"]
    refused = await house.client.post("/cold-starts", json={**body, "items": 40, "held_out": 3})
    assert_problem(refused, 422, "invalid_request", "/held_out", mend="fewer than all 3")

    rule = {"examples": 2, "held_out_score": None, "improvement": None}
    changed = await house.client.patch(
        f"/cold-starts/{view['id']}", json={"stop_rule": rule}, headers={"If-Match": f'"{view["etag"]}"'}
    )
    assert changed.status_code == 200, changed.text
    await desk.run_round(view)
    for each in await desk.candidates(view, "&held_out=false"):
        assert (await desk.decide(each, "accepted")).status_code == 200
    assert (await house.client.post(f"/cold-starts/{view['id']}/freeze")).status_code == 201


async def test_rounds_show_pictures_where_the_cold_start_says_so(house: House) -> None:
    records = [{"img_id": str(number), "sentences": [f"The red car {number} is gone."]} for number in (1, 2)]
    desk = Desk(house, await upload(house, "seen", records))
    refused = await house.client.post(
        "/cold-starts", json={"dataset_id": desk.dataset_id, "name": "seen", "vision": True}
    )
    assert_problem(refused, 422, "invalid_request", "/vision", mend="no picture")
    pictures = make_zip({**pair_files(1), **pair_files(2)})
    sent = await house.client.post(f"/datasets/{desk.dataset_id}/images", content=pictures)
    assert sent.status_code < 300, sent.text
    view = await desk.begin(name="seen", items=2, held_out=1, vision={"tokens": 300})
    assert view["vision"]["tokens"] == 300
    made = await desk.run_round(view)
    job = await house.get(f"/jobs/{made['job_id']}")
    assert (job["state"], job["vision"]["tokens"], job["counts"]["items"]["done"]) == ("completed", 300, 2)
    layouts = (await house.endpoint.stats())["shown"]
    assert [layout.count("<image/jpeg") for layout in layouts] == [2, 2]


async def test_a_cold_start_is_deleted_between_rounds_and_what_was_paid_for_stays(desk: Desk) -> None:
    await desk.house.endpoint.set_mode(answers=0)
    cold_start = await desk.begin(items=4, held_out=1)
    path = f"/cold-starts/{cold_start['id']}"
    made = await desk.house.post(f"{path}/generate", {})
    refused = await desk.house.client.delete(path)
    assert_problem(refused, 409, "conflict", mend=made["job_id"])
    await desk.house.endpoint.set_mode(answers=-1)
    await desk.house.finish(f"/jobs/{made['job_id']}")
    candidate = (await desk.candidates(cold_start))[0]
    assert (await desk.house.client.delete(path)).status_code == 204
    for gone in (path, f"{path}/rounds", f"/candidates/{candidate['id']}"):
        assert_problem(await desk.house.client.get(gone), 404, "not_found")
    assert_problem(await desk.house.client.delete(path), 404, "not_found", mend="cold start")
    assert (await desk.house.get("/cold-starts"))["data"] == []
    job = await desk.house.get(f"/jobs/{made['job_id']}")
    assert (job["state"], job["counts"]["pairs"]) == ("completed", 12)
    assert (await desk.house.get(f"/prompts/{made['prompt_id']}"))["id"] == made["prompt_id"]


async def test_a_frozen_prompt_outlives_its_cold_start(desk: Desk) -> None:
    rule = {"examples": 1, "coverage": 0, "held_out_score": None, "improvement": None}
    cold_start = await desk.begin(items=2, held_out=1, stop_rule=rule)
    await desk.run_round(cold_start)
    await desk.decide((await desk.candidates(cold_start, "&held_out=false"))[0], "accepted")
    path = f"/cold-starts/{cold_start['id']}"
    key = {"Idempotency-Key": "freeze-1"}
    prompt = (await desk.house.client.post(f"{path}/freeze", headers=key)).json()
    assert (await desk.house.client.delete(path)).status_code == 204
    assert (await desk.house.get(f"/prompts/{prompt['id']}"))["provenance"]["cold_start_id"] == cold_start["id"]
    again = await desk.house.client.post(f"{path}/freeze", headers=key)
    assert (again.status_code, again.json()) == (201, prompt)
    order = {"dataset_id": desk.dataset_id, "prompt_id": prompt["id"], "slice": {"end": 1}}
    assert (await desk.house.post("/jobs", order))["prompt_id"] == prompt["id"]


async def test_a_note_alone_decides_nothing(desk: Desk) -> None:
    cold_start = await desk.begin(items=4, held_out=1)
    await desk.run_round(cold_start)
    candidate = (await desk.candidates(cold_start))[0]
    noted = (await desk.decide(candidate, None, note="look again")).json()
    assert (noted["note"], noted["status"], noted["decided_by"]) == ("look again", "open", None)
    assert noted["etag"] != candidate["etag"]
    assert_problem(await desk.decide(noted, None), 422, "invalid_request", "/status")
    assert_problem(await desk.decide(noted, None, pairs=[]), 422, "invalid_request", "/pairs", mend="at least one")
    assert (await desk.decide(noted, None, note="")).json()["note"] is None


async def test_cold_starts_that_nobody_began_hold_no_other_back(desk: Desk) -> None:
    for _ in range(20):
        await desk.begin(items=2, held_out=1, automatic={})
    rule = {"examples": 1, "coverage": 0, "held_out_score": None, "improvement": None}
    cold_start = await desk.begin(items=2, held_out=1, automatic={"accept_score": 0}, stop_rule=rule)
    await desk.run_round(cold_start)

    async def is_frozen() -> bool:
        return bool((await desk.house.get(f"/cold-starts/{cold_start['id']}"))["state"] == "frozen")

    await wait_until(is_frozen, "the frozen prompt", timeout_s=60)
