"""Judgements that cannot be: each refusal says what, where and how to mend it; a repeated order is one."""

from typing import Any

from tests.api.service import assert_problem
from tests.judgements.conftest import Bench

NOWHERE = "job_0000000000007"


async def test_a_job_that_is_not_there_has_no_judgements(bench: Bench) -> None:
    client = bench.house.client
    assert_problem(await client.post(f"/jobs/{NOWHERE}/judgements", json={}), 404, "not_found")
    assert_problem(await client.get(f"/jobs/{NOWHERE}/judgements"), 404, "not_found")
    assert_problem(await client.get(f"/jobs/{NOWHERE}/judgements/jdg_0000000000007"), 404, "not_found")


async def test_a_judgement_belongs_to_its_job(bench: Bench) -> None:
    made = await bench.judge()
    client = bench.house.client
    assert_problem(await client.get(f"/jobs/{made['job_id']}/judgements/{made['id']}"), 404, "not_found")
    assert_problem(await client.get(f"{bench.path}/jdg_0000000000007"), 404, "not_found")
    assert_problem(await client.get(f"{bench.path}/{made['job_id']}"), 404, "not_found")
    other = bench.job["id"].replace("job_", "jdg_")
    assert_problem(await client.get(f"{bench.path}/{other}"), 404, "not_found")


async def test_a_job_without_pairs_has_nothing_to_judge(bench: Bench) -> None:
    made = await bench.judge()
    answer = await bench.house.client.post(f"/jobs/{made['job_id']}/judgements", json={})
    assert_problem(answer, 409, "conflict", mend="has no pairs")


async def test_an_order_that_does_not_hold_is_pointed_at_and_leaves_nothing_behind(bench: Bench) -> None:
    orders: list[tuple[dict[str, Any], str]] = [
        ({"items": 0}, "/items"),
        ({"items": 501}, "/items"),
        ({"seed": -1}, "/seed"),
        ({"model": ""}, "/model"),
        ({"pairs": 3}, "/pairs"),
        ({"limits": {"max_cost_usd": 0}}, "/limits/max_cost_usd"),
        ({"model": "of-no-price", "limits": {"max_cost_usd": 1}}, "/limits/max_cost_usd"),
    ]
    for body, pointer in orders:
        answer = await bench.house.client.post(bench.path, json=body)
        assert answer.status_code == 422, (body, answer.text)
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert (await bench.house.get(bench.path))["data"] == []
    assert [each["name"] for each in (await bench.house.get("/datasets"))["data"]] == ["pictures"]


async def test_the_same_order_twice_is_one_judgement(bench: Bench) -> None:
    headers = {"Idempotency-Key": "one"}
    first = await bench.house.client.post(bench.path, json={"items": 2}, headers=headers)
    second = await bench.house.client.post(bench.path, json={"items": 2}, headers=headers)
    assert (first.json()["id"], second.headers["idempotent-replayed"]) == (second.json()["id"], "true")
    assert len((await bench.house.get(bench.path))["data"]) == 1
