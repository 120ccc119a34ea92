"""Orders for examples and numbers of pairs, over HTTP: checked, kept, estimated, rendered and told again."""

from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.ids import decode_id, encode_id
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


async def test_an_estimate_foresees_repairs_and_at_worst_every_call_for_missing_pairs(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    prompt = (await client.post("/v1/prompts", json=make_prompt("a dog", "a cat"))).json()
    dataset_id, items = await add_dataset(sessions, 8)
    body = {"dataset_id": encode_id("dataset", dataset_id), "prompt_id": prompt["id"]}

    async def estimate(**more: Any) -> dict[str, Any]:
        response = await client.post("/v1/jobs/estimate", json={**body, **more})
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    plain, flagged = await estimate(), await estimate(grounding="flag")
    assert plain["extra_calls"] == {"repair": {"p50": 0, "p95": 0}, "missing_pairs": {"p50": 0, "p95": 0}}
    assert flagged == plain
    mended = await estimate(grounding="repair")
    assert mended["extra_calls"] == {"repair": {"p50": 2, "p95": 8}, "missing_pairs": {"p50": 0, "p95": 0}}
    assert (mended["basis"]["repair_share"], mended["basis"]["repair_share_from"]) == (0.25, "a default")
    assert mended["calls"] == plain["calls"]
    for family in ("prompt", "completion"):
        for case, factor in (("p50", 1.1), ("p95", 1.9)):
            assert mended["tokens"][family][case] > factor * plain["tokens"][family][case]
    assert mended["cost_usd"]["p95"] > 1.9 * plain["cost_usd"]["p95"]
    assert mended["duration_seconds"]["p95"] > plain["duration_seconds"]["p95"]

    exact = await estimate(pairs_per_item=1)
    assert exact["extra_calls"]["missing_pairs"] == {"p50": 0, "p95": 24}
    assert exact["tokens"]["completion"]["p95"] == 4 * (await estimate())["tokens"]["completion"]["p95"]
    both = await estimate(pairs_per_item=1, grounding="repair")
    assert both["extra_calls"] == {"repair": {"p50": 2, "p95": 8}, "missing_pairs": {"p50": 0, "p95": 16}}

    await add_mended_job(sessions, dataset_id, decode_id("prompt", prompt["id"]), items, mended=6)
    seen = await estimate(grounding="repair")
    assert seen["extra_calls"]["repair"] == {"p50": 6, "p95": 8}
    assert (seen["basis"]["repair_share"], seen["basis"]["repair_share_from"]) == (0.75, "an earlier job")
    elsewhere = await estimate(grounding="repair", model="gpt-4o")
    assert elsewhere["extra_calls"]["repair"]["p50"] == 2


async def add_mended_job(sessions: Sessions, dataset_id: int, prompt_id: int, items: list[int], *, mended: int) -> None:
    """A job that asked about each item, twice about so many of them, and had one refusal that was asked again."""
    job_id = await add_job(sessions, dataset_id)
    shape = text(
        """
        UPDATE job SET prompt_id = :prompt, policies = '{"grounding": {"policy": "repair", "then": "flag"}}'
        WHERE id = :job
        """
    )
    call = text(
        """
        INSERT INTO call (job_id, shard_id, fence, worker, stage, item_id, sample, fingerprint, state, raw)
        VALUES (:job, 1, 1, 'w', 'generate', :item, 0, 0, :state, 'raw')
        """
    )
    async with sessions.begin() as session:
        await session.execute(shape, {"prompt": prompt_id, "job": job_id})
        for place, item in enumerate(items):
            states = ["ok", "recovered"] if place < mended else ["failed", "ok"]
            for state in states:
                await session.execute(call, {"job": job_id, "item": item, "state": state})


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
