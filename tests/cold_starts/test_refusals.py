"""What a cold start refuses, and how it says so."""

import pytest

from tests.api.service import assert_problem
from tests.cold_starts.conftest import Desk


async def test_a_round_under_way_lets_no_other_begin(desk: Desk) -> None:
    await desk.house.endpoint.set_mode(answers=0)
    cold_start = await desk.begin(items=4, held_out=1)
    path = f"/cold-starts/{cold_start['id']}"
    made = await desk.house.post(f"{path}/generate", {})
    refused = await desk.house.client.post(f"{path}/generate", json={})
    assert_problem(refused, 409, "conflict", mend="cancel")
    await desk.house.client.post(f"/jobs/{made['job_id']}/cancel")
    await desk.house.endpoint.set_mode(answers=-1)
    await desk.house.finish(f"/jobs/{made['job_id']}")
    assert (await desk.house.client.post(f"{path}/generate", json={})).status_code == 202


async def test_examples_cannot_be_shown_before_there_are_any(desk: Desk) -> None:
    cold_start = await desk.begin(items=4, held_out=1)
    refused = await desk.house.client.post(f"/cold-starts/{cold_start['id']}/generate", json={"with_examples": True})
    assert_problem(refused, 409, "conflict", mend="accepted")


async def test_a_held_out_candidate_is_no_example_and_counts_nothing_once_rejected(desk: Desk) -> None:
    cold_start = await desk.begin(items=6, held_out=2)
    await desk.run_round(cold_start)
    aside = await desk.candidates(cold_start, "&held_out=true")
    assert len(aside) == 2
    assert_problem(await desk.decide(aside[0], "accepted"), 409, "conflict", mend="held out")
    before = (await desk.house.get(f"/cold-starts/{cold_start['id']}/rounds"))["data"][0]["held_out"]["score"]
    assert (await desk.decide(aside[0], "rejected")).status_code == 200
    after = (await desk.house.get(f"/cold-starts/{cold_start['id']}/rounds"))["data"][0]["held_out"]["score"]
    assert after == pytest.approx(before - aside[0]["scores"]["overall"] / 2, abs=1e-3)


async def test_a_decision_names_the_version_it_is_about(desk: Desk) -> None:
    cold_start = await desk.begin(items=4, held_out=1)
    await desk.run_round(cold_start)
    candidate = (await desk.candidates(cold_start, "&held_out=false"))[0]
    path = f"/candidates/{candidate['id']}"
    missing = await desk.house.client.patch(path, json={"status": "accepted"})
    assert_problem(missing, 428, "precondition_required")
    assert (await desk.decide(candidate, "accepted")).status_code == 200
    assert_problem(await desk.decide(candidate, "rejected"), 412, "precondition_failed")
    fresh = await desk.house.get(path)
    assert (await desk.decide(fresh, "open")).json()["status"] == "open"


async def test_an_edit_that_breaks_a_rule_is_refused_where_it_does(desk: Desk) -> None:
    cold_start = await desk.begin(items=4, held_out=1)
    await desk.run_round(cold_start)
    candidate = (await desk.candidates(cold_start, "&held_out=false"))[0]
    good = {"instruction": "What has changed?", "response": "The car is gone."}
    leaking = {"instruction": "What do the captions say?", "response": "According to the captions a car is gone."}
    refused = await desk.decide(candidate, None, pairs=[good, leaking])
    assert_problem(refused, 422, "invalid_request", "/pairs/1")
    assert_problem(await desk.decide(candidate, "edited"), 422, "invalid_request", "/pairs")
    assert_problem(await desk.decide(candidate, "accepted", pairs=[good]), 422, "invalid_request", "/pairs")
    half = await desk.decide(candidate, None, pairs=[{"instruction": "What has changed?"}])
    assert_problem(half, 422, "invalid_request", "/pairs/0/response")


async def test_a_reply_without_pairs_scores_nothing_and_can_only_be_written_anew(desk: Desk) -> None:
    await desk.house.endpoint.set_mode(refusal=1.0)
    cold_start = await desk.begin(items=4, held_out=1)
    await desk.run_round(cold_start)
    candidate = (await desk.candidates(cold_start, "&held_out=false"))[0]
    assert (candidate["state"], candidate["scores"]["overall"]) == ("failed", 0)
    assert candidate["refused"][0]["reason"] in {"refusal", "unparseable"}
    assert_problem(await desk.decide(candidate, "accepted"), 409, "conflict", mend="edit")
    made_up = [{"instruction": "What has changed?", "response": "The red truck is gone."}]
    written = (await desk.decide(candidate, None, pairs=made_up)).json()
    assert (written["status"], written["pairs"], written["state"]) == ("edited", made_up, "ready")
    assert written["scores"]["grounding"] == 0
    assert written["contradicted"][0]["pair"] == 0
    own = [{"instruction": "What has changed?", "response": f"Now {candidate['sentences'].splitlines()[0]}."}]
    written = (await desk.decide(written, None, pairs=own)).json()
    assert written["contradicted"] == []
    assert written["scores"]["overall"] > 0.9


async def test_a_frozen_cold_start_changes_no_more(desk: Desk) -> None:
    rule = {"examples": 1, "coverage": 0, "held_out_score": None, "improvement": None}
    cold_start = await desk.begin(items=4, held_out=1, stop_rule=rule)
    await desk.run_round(cold_start)
    first, second = (await desk.candidates(cold_start, "&held_out=false"))[:2]
    await desk.decide(first, "accepted")
    path = f"/cold-starts/{cold_start['id']}"
    await desk.house.post(f"{path}/freeze", {})
    assert_problem(await desk.decide(second, "accepted"), 409, "conflict", mend="frozen")
    assert_problem(await desk.house.client.post(f"{path}/generate", json={}), 409, "conflict", mend="frozen")
    view = await desk.house.get(path)
    change = await desk.house.client.patch(path, json={"name": "other"}, headers={"If-Match": f'"{view["etag"]}"'})
    assert_problem(change, 409, "conflict", mend="frozen")


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"name": "no name!"}, "/name"),
        ({"items": 4, "held_out": 4}, "/held_out"),
        ({"system_message": " "}, "/system_message"),
        ({"parameters": {"temperature": "hot"}}, "/parameters/temperature"),
    ],
)
async def test_what_does_not_hold_is_pointed_at(desk: Desk, wrong: dict[str, object], pointer: str) -> None:
    body = {"dataset_id": desk.dataset_id, "name": "yard", **wrong}
    assert_problem(await desk.house.client.post("/cold-starts", json=body), 422, "invalid_request", pointer)


async def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    for path in (
        "/cold-starts/cs_0000000000001",
        "/candidates/cand_0000000000001",
        "/cold-starts/cs_0000000000001/rounds",
    ):
        assert_problem(await desk.house.client.get(path), 404, "not_found")
    body = {"dataset_id": "ds_0000000000001", "name": "yard"}
    assert_problem(await desk.house.client.post("/cold-starts", json=body), 404, "not_found", "/dataset_id")
