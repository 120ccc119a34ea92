"""Orders for examples and numbers of pairs, over HTTP: checked, kept, estimated, rendered and told again."""

from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.ids import encode_id
from app.store.session import Sessions
from app.store.tallies import add_tallies
from tests.api.service import add_dataset, add_job, add_pairs, assert_problem


async def order_body(sessions: Sessions, **more: Any) -> dict[str, Any]:
    dataset_id, _ = await add_dataset(sessions)
    return {"dataset_id": encode_id("dataset", dataset_id), **more}


def make_prompt(*annotations: str) -> dict[str, Any]:
    turns: list[dict[str, Any]] = []
    for annotation in annotations:
        pairs = [{"Question": f"What is there of {annotation}?", "Answer": f"There is {annotation}."}]
        turns += [{"role": "user", "content": annotation}, {"role": "assistant", "content": pairs}]
    return {"name": "many", "system_message": "Ask about the picture.", "in_context": turns}


async def test_an_order_keeps_what_it_asks_for_and_shows_what_is_missing(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    body = await order_body(
        sessions, examples={"mode": "random", "k": 2}, pairs_per_item=3, target_pairs=7, slice={"seed": 11}
    )
    response = await client.post("/v1/jobs", json=body)
    assert response.status_code == 202, response.text
    job = response.json()
    assert job["policies"] == {
        "examples": {"mode": "random", "k": 2, "seed": 11},
        "pairs_per_item": 3,
        "target_pairs": 7,
    }
    assert (job["counts"]["missing_pairs"], job["counts"]["short_items"]) == (7, 0)
    plain = (await client.post("/v1/jobs", json=await order_body(sessions))).json()
    assert (plain["policies"], plain["counts"]["missing_pairs"]) == ({}, None)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"pairs_per_item": 0}, "/pairs_per_item"),
        ({"pairs_per_item": 33}, "/pairs_per_item"),
        ({"target_pairs": 0}, "/target_pairs"),
        ({"examples": {"mode": "best"}}, "/examples/mode"),
        ({"examples": {"k": -1}}, "/examples/k"),
        ({"examples": {"seeds": 1}}, "/examples/seeds"),
    ],
)
async def test_a_number_or_rule_that_is_none_is_refused_at_its_place(
    client: httpx2.AsyncClient, sessions: Sessions, more: dict[str, Any], pointer: str
) -> None:
    assert_problem(
        await client.post("/v1/jobs", json=await order_body(sessions, **more)), 422, "invalid_request", pointer
    )


async def test_the_name_of_a_grounding_policy_is_short_for_it(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    body = await order_body(sessions)
    for given in ("flag", {"policy": "flag"}):
        made = (await client.post("/v1/jobs", json={**body, "grounding": given})).json()
        assert made["policies"]["grounding"] == {"policy": "flag", "then": "flag"}
    refused = await client.post("/v1/jobs", json={**body, "grounding": "punish"})
    assert_problem(refused, 422, "invalid_request", "/grounding/policy", mend="'off', 'flag', 'reject' or 'repair'")
    assert_problem(await client.post("/v1/jobs", json={**body, "grounding": 3}), 422, "invalid_request", "/grounding")


async def test_a_kind_that_keeps_one_pair_refuses_an_order_for_two(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    body = await order_body(sessions, pairs_per_item=2)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE dataset SET kind = 'llava.DetailedDescription'"))
    response = await client.post("/v1/jobs", json=body)
    assert_problem(response, 422, "invalid_request", "/pairs_per_item", mend="at most 1")


async def test_an_estimate_counts_the_examples_the_pairs_and_the_target(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    prompt = (await client.post("/v1/prompts", json=make_prompt(*(f"a thing number {n}" for n in range(40))))).json()
    body = await order_body(sessions, prompt_id=prompt["id"], languages=["zh"])

    async def estimate(**more: Any) -> dict[str, Any]:
        response = await client.post("/v1/jobs/estimate", json={**body, **more})
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    whole, chosen = await estimate(), await estimate(examples={"mode": "coverage", "k": 3})
    assert chosen["tokens"]["prompt"]["p95"] < whole["tokens"]["prompt"]["p50"] / 2
    tight = await estimate(examples={"mode": "coverage", "k": 3, "max_tokens": 30})
    assert tight["tokens"]["prompt"]["p95"] < chosen["tokens"]["prompt"]["p95"]
    counted = await estimate(pairs_per_item=2, target_pairs=5)
    assert counted["calls"] == {"generate": 3, "translate": 5, "total": 8}
    assert counted["basis"]["pairs_per_item"] == 2


async def test_a_rendering_shows_which_examples_an_item_gets(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    pool = ("a dog in a park", "a red car on a street", "two cups on a table")
    prompt = (await client.post("/v1/prompts", json=make_prompt(*pool))).json()
    _, items = await add_dataset(sessions)
    path = f"/v1/prompts/{prompt['id']}/render"
    body: dict[str, Any] = {"item_id": encode_id("item", items[1])}
    whole = (await client.post(path, json=body)).json()
    assert (whole["examples"], len(whole["messages"])) == ([0, 1, 2], 8)
    asked = {**body, "examples": {"mode": "nearest", "k": 1}, "pairs_per_item": 2}
    nearest = (await client.post(path, json=asked)).json()
    assert nearest["examples"] == [1]
    assert "a red car on a street" in nearest["messages"][1]["content"]
    assert nearest["messages"][1]["content"].endswith("Write exactly 1 pair about this annotation.")
    assert nearest["messages"][-1]["content"].endswith("Write exactly 2 pairs about this annotation.")
    assert nearest["estimated_tokens"] < whole["estimated_tokens"]


async def test_a_pair_tells_which_examples_were_shown(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    pool = ("a dog in a park", "a red car on a street", "two cups on a table")
    prompt = (await client.post("/v1/prompts", json=make_prompt(*pool))).json()
    dataset_id, items = await add_dataset(sessions)
    body = {"dataset_id": encode_id("dataset", dataset_id), "prompt_id": prompt["id"], "languages": ["zh"]}
    job = (await client.post("/v1/jobs", json={**body, "examples": {"mode": "nearest", "k": 1}})).json()
    async with sessions() as session:
        job_id = (await session.execute(text("SELECT max(id) FROM job"))).scalar_one()
    await add_pairs(sessions, job_id, items[:1], languages=["zh"])
    listed = await client.get(f"/v1/pairs?job_id={job['id']}&expand=provenance&language=*")
    shown = [(pair["language"], pair["provenance"]["examples"]) for pair in listed.json()["data"]]
    assert sorted(shown) == [("en", [1]), ("en", [1]), ("zh", []), ("zh", [])]


async def test_the_time_left_is_that_of_the_target_and_not_of_all_items(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, _ = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id, state="in_progress", items=1_000_000)
    ordered = text(
        """
        UPDATE job SET started_at = now() - interval '10 seconds', stages = '{generate}',
            policies = '{"target_pairs": 100}' WHERE id = :job
        """
    )
    async with sessions.begin() as session:
        await session.execute(ordered, {"job": job_id})
        await add_tallies(session, {(job_id, "items.done"): 10, (job_id, "pairs"): 50}, 0)
    job = (await client.get(f"/v1/jobs/{encode_id('job', job_id)}")).json()
    assert job["counts"]["missing_pairs"] == 50
    assert 10 <= job["eta_seconds"] < 100_000  # half of the pairs are there; of the items a hundred thousandth
