"""Cold starts that nobody watches: by score, or with a model as judge."""

from typing import Any

from tests.api.service import assert_problem
from tests.cold_starts.conftest import Desk
from tests.support.waiting import wait_until


async def run_to_the_end(desk: Desk, **automatic: Any) -> dict[str, Any]:
    cold_start = await desk.begin(items=16, held_out=4, automatic=automatic)
    path = f"/cold-starts/{cold_start['id']}"
    await desk.house.post(f"{path}/generate", {})

    async def has_ended() -> bool:
        view = await desk.house.get(path)
        return view["state"] == "frozen" or view["reason"] is not None

    await wait_until(has_ended, "the end of the cold start", timeout_s=90)
    return await desk.house.get(path)


async def test_it_goes_by_score_to_a_frozen_prompt_that_says_so(desk: Desk) -> None:
    view = await run_to_the_end(desk, accept_score=0.8)
    assert (view["state"], view["rounds"]) == ("frozen", 2), view
    prompt = await desk.house.get(f"/prompts/{view['prompt_id']}")
    told = prompt["provenance"]
    assert (told["mode"], told["frozen_by"], told["judge_model"]) == ("automatic", "automatic", None)
    assert {each["decided_by"] for each in told["examples"]} == {"score"}
    assert len(prompt["in_context"]) == 2 * view["stop_rule"]["examples"]
    job = await desk.house.post(
        "/jobs", {"dataset_id": desk.dataset_id, "prompt_id": prompt["id"], "slice": {"end": 2}}
    )
    assert (await desk.house.finish(f"/jobs/{job['id']}"))["state"] == "completed"


async def test_a_model_judges_every_candidate_once_through_a_job_of_its_own(desk: Desk) -> None:
    view = await run_to_the_end(desk, judge_model="gpt-4o", max_rounds=3)
    rounds = (await desk.house.get(f"/cold-starts/{view['id']}/rounds"))["data"]
    judge = await desk.house.get(f"/jobs/{rounds[0]['judge_job_id']}")
    assert (judge["model"], judge["state"], judge["metadata"]["role"]) == ("gpt-4o", "completed", "judge")
    assert judge["counts"]["items"]["done"] == rounds[0]["items"]["total"] == 16
    assert (judge["usage"]["calls"], judge["counts"]["pairs"], judge["counts"]["rejected"]) == (16, 0, 0)
    candidates = await desk.candidates(view, "&round=1")
    verdicts = {each["verdict"]["verdict"] for each in candidates}
    assert verdicts == {"accept", "reject"}
    for each in candidates:
        assert (each["verdict"]["verdict"] == "reject") == (each["status"] == "rejected")
        assert "description" in each["verdict"]["reason"]
    accepted = [each for each in candidates if each["status"] == "accepted"]
    assert {each["decided_by"] for each in accepted} == {"judge"}
    assert len(accepted) == view["stop_rule"]["examples"]
    if view["state"] == "frozen":
        told = (await desk.house.get(f"/prompts/{view['prompt_id']}"))["provenance"]
        assert (told["mode"], told["judge_model"]) == ("automatic", "gpt-4o")


async def test_a_judge_that_says_nothing_decides_nothing(desk: Desk) -> None:
    await desk.house.endpoint.set_mode(refuse_response_format=True)
    view = await run_to_the_end(desk, judge_model="gpt-4o", max_rounds=1)
    rounds = (await desk.house.get(f"/cold-starts/{view['id']}/rounds"))["data"]
    judge = await desk.house.get(f"/jobs/{rounds[0]['judge_job_id']}")
    assert (judge["state"], judge["counts"]["items"]["failed"]) == ("failed", 16)
    failed = (await desk.house.get(f"/jobs/{judge['id']}/items?state=failed"))["data"]
    assert {each["code"] for each in failed} == {"no_verdict"}
    assert rounds[0]["decisions"]["open"] == 16
    assert view["state"] == "open"


async def test_it_stops_after_its_rounds_and_says_what_is_missing(desk: Desk) -> None:
    view = await run_to_the_end(desk, accept_score=1.0, max_rounds=2)
    assert (view["state"], view["rounds"], view["accepted"]) == ("open", 2, 0)
    assert "0 of at least 4 examples" in view["reason"]
    candidate = (await desk.candidates(view, "&round=2&held_out=false"))[0]
    assert candidate["decided_by"] == "score"
    assert (await desk.decide(candidate, "accepted")).status_code == 200


async def test_a_round_that_fails_ends_it(desk: Desk) -> None:
    await desk.house.endpoint.set_mode(refusal=1.0)
    view = await run_to_the_end(desk)
    assert view["rounds"] == 1
    assert "failed" in view["reason"]
    assert_problem(
        await desk.house.client.post(f"/cold-starts/{view['id']}/freeze"),
        409,
        "not_satisfactory",
        "/stop_rule/examples",
        "/stop_rule/coverage",
        "/stop_rule/held_out_score",
        "/stop_rule/improvement",
    )
