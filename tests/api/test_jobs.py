"""Jobs over HTTP: order, watch, act, and what each left behind."""

import asyncio
from typing import Any

import httpx2
import pytest

from app.clock import utc_now
from app.ids import encode_id
from app.store import models
from app.store.jobs import get_job, move_job
from app.store.session import Sessions
from app.store.tallies import add_tallies
from tests.api.service import add_dataset, add_job, assert_problem


async def order_body(sessions: Sessions, **more: Any) -> dict[str, Any]:
    dataset_id, _ = await add_dataset(sessions)
    return {"dataset_id": encode_id("dataset", dataset_id), **more}


async def test_an_order_is_accepted_with_where_to_look_and_when(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    body = await order_body(sessions, languages=["zh"], metadata={"team": "blue"}, slice={"start": 1})
    response = await client.post("/v1/jobs", json=body)
    assert response.status_code == 202, response.text
    job = response.json()
    assert response.headers["location"] == f"/v1/jobs/{job['id']}"
    assert response.headers["retry-after"] == "1"
    assert (job["object"], job["state"], job["languages"], job["metadata"]) == (
        "job",
        "queued",
        ["zh"],
        {"team": "blue"},
    )
    assert job["counts"]["items"] == {"total": 3, "pending": 3, "done": 0, "failed": 0, "poison": 0, "skipped": 0}
    assert (await client.get(response.headers["location"])).json() == job


async def test_an_order_can_be_checked_without_placing_it(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    body = await order_body(sessions, languages=["zh", "fr"])
    checked = await client.post("/v1/jobs?validate_only=true", json=body)
    assert (checked.status_code, checked.json()["items"], checked.json()["valid"]) == (200, 4, True)
    assert (await client.get("/v1/jobs")).json()["data"] == []


async def test_an_order_for_what_is_not_there_points_at_the_field(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    unknown = {"dataset_id": encode_id("dataset", 5)}
    for query in ("", "?validate_only=true"):
        response = await client.post(f"/v1/jobs{query}", json=unknown)
        assert_problem(response, 404, "not_found", "/dataset_id", mend="GET /v1/datasets")
    body = await order_body(sessions, prompt_id=encode_id("prompt", 5))
    assert_problem(await client.post("/v1/jobs", json=body), 404, "not_found", "/prompt_id", mend="GET /v1/prompts")


async def test_everything_wrong_with_an_order_is_told_at_once(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    body = await order_body(sessions, stages=["dream"], limits={"deadline_at": "soon"})
    response = await client.post("/v1/jobs", json=body)
    assert response.status_code == 422
    pointers = {fault["pointer"] for fault in response.json()["errors"]}
    assert {"/stages/0", "/limits/deadline_at"} <= pointers


@pytest.mark.parametrize(
    ("moment", "mend"),
    [
        ("1999-12-31T23:59:59Z", "lies in the past"),
        ("9999-12-31T23:59:59-23:00", "RFC 3339"),
        ("0001-01-01T00:00:00+14:00", "RFC 3339"),
    ],
)
async def test_a_deadline_that_cannot_be_kept_is_refused(
    client: httpx2.AsyncClient, sessions: Sessions, moment: str, mend: str
) -> None:
    body = await order_body(sessions, limits={"deadline_at": moment})
    assert_problem(await client.post("/v1/jobs", json=body), 422, "invalid_request", "/limits/deadline_at", mend=mend)


async def test_a_dataset_that_is_not_ready_takes_no_order(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions, state="validating")
    response = await client.post("/v1/jobs", json={"dataset_id": encode_id("dataset", dataset_id)})
    assert_problem(response, 409, "conflict", mend="ready")


async def test_an_estimate_says_calls_tokens_and_cost_and_orders_nothing(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    body = await order_body(sessions, languages=["zh", "fr"])
    response = await client.post("/v1/jobs/estimate", json=body)
    assert response.status_code == 200, response.text
    estimate = response.json()
    assert estimate["calls"]["generate"] == 4
    assert estimate["calls"]["total"] == 4 + estimate["calls"]["translate"]
    for family in (estimate["tokens"]["prompt"], estimate["tokens"]["completion"], estimate["cost_usd"]):
        assert 0 < family["p50"] <= family["p95"]
    assert (await client.get("/v1/jobs")).json()["data"] == []


async def test_the_newest_job_is_listed_first_and_filters_narrow(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, _ = await add_dataset(sessions)
    jobs = [await add_job(sessions, dataset_id, state=state) for state in ("completed", "queued", "completed")]
    other, _ = await add_dataset(sessions)
    await add_job(sessions, other)

    async def ask(query: str) -> list[str]:
        seen, url = [], f"/v1/jobs?limit=1{query}"
        while url:
            response = await client.get(url)
            seen += [job["id"] for job in response.json()["data"]]
            url = response.links.get("next", {}).get("url", "")
        return seen

    own = f"&dataset_id={encode_id('dataset', dataset_id)}"
    assert await ask(own) == [encode_id("job", job) for job in reversed(jobs)]
    assert await ask(f"{own}&state=queued") == [encode_id("job", jobs[1])]
    assert len(await ask("")) == 4


async def test_a_poll_of_a_job_that_did_not_change_is_a_304(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id, state="queued")
    path = f"/v1/jobs/{encode_id('job', job_id)}"
    first = await client.get(path)
    assert first.headers["retry-after"] == "1"
    headers = {"If-None-Match": first.headers["etag"]}
    assert (await client.get(path, headers=headers)).status_code == 304
    async with sessions.begin() as session:
        await add_tallies(session, {(job_id, "items.done"): 1}, 0)
    assert (await client.get(path, headers=headers)).json()["counts"]["items"]["done"] == 1


async def test_a_waiting_poll_answers_when_the_state_changes(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id, state="queued")
    path = f"/v1/jobs/{encode_id('job', job_id)}"
    polling = asyncio.create_task(client.get(path, headers={"Prefer": "respond-async, wait=50"}))
    done, _ = await asyncio.wait({polling}, timeout=0.5)
    assert not done
    async with sessions.begin() as session:
        await move_job(session, await get_job(session, job_id, lock=True), "paused", "user")
    response = await polling
    assert response.json()["state"] == "paused"
    assert response.headers["preference-applied"] == "wait=50"


async def test_a_wait_ends_and_a_final_job_is_not_waited_for(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    jobs = [encode_id("job", await add_job(sessions, dataset_id, state=state)) for state in ("queued", "completed")]
    waited = await client.get(f"/v1/jobs/{jobs[0]}", headers={"Prefer": "wait=1"})
    assert (waited.json()["state"], waited.headers["preference-applied"]) == ("queued", "wait=1")
    final = await client.get(f"/v1/jobs/{jobs[1]}", headers={"Prefer": "wait=600"})
    assert final.headers["preference-applied"] == "wait=60"
    assert "retry-after" not in final.headers


async def test_actions_are_idempotent_and_say_what_forbids_them(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id, state="queued")
    path = f"/v1/jobs/{encode_id('job', job_id)}"
    for action, state in (("pause", "paused"), ("pause", "paused"), ("resume", "queued"), ("cancel", "cancelling")):
        response = await client.post(f"{path}/{action}")
        assert (response.status_code, response.json()["state"]) == (202, state)
    problem = assert_problem(await client.post(f"{path}/pause"), 409, "conflict", mend="cancelling")
    assert problem["state"] == "cancelling"
    assert_problem(await client.post(f"{path}/explode"), 404, "not_found")


async def test_a_rerun_names_where_to_start(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    path = f"/v1/jobs/{encode_id('job', await add_job(sessions, dataset_id))}/rerun"
    assert_problem(await client.post(path, json={"from": "start"}), 422, "invalid_request", "/from", mend="'parse'")
    assert_problem(await client.post(path), 422, "invalid_request", "", mend="required")
    response = await client.post(path, json={"from": "parse"})
    assert (response.status_code, response.json()["state"]) == (202, "queued")


async def test_items_tell_how_they_ended_and_why(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, items = await add_dataset(sessions, 6)
    job_id = await add_job(sessions, dataset_id, state="in_progress", items=6)
    ended: list[tuple[str, int, int, str, str | None]] = [
        ("generate", items[0], 0, "done", None),
        ("generate", items[1], 0, "failed", "content_filter"),
        ("generate", items[2], 0, "poison", "lost_worker"),
        ("generate", items[3], 0, "failed", "truncated"),
        ("translate", items[0], 0, "failed", "missing"),
        ("translate", items[0], 1, "failed", "missing"),
    ]
    async with sessions.begin() as session:
        for stage, item_id, sample, state, code in ended:
            row: dict[str, Any] = {"job_id": job_id, "stage": stage, "item_id": item_id, "sample": sample}
            session.add(models.ItemState(**row, state=state, code=code, detail=code, created_at=utc_now()))
        shard: dict[str, Any] = {"job_id": job_id, "seq": 1, "stage": "generate", "state": "ready"}
        session.add(models.Shard(**shard, positions=list(range(6))))
    path = f"/v1/jobs/{encode_id('job', job_id)}/items"

    async def ask(query: str) -> list[tuple[int, int, str]]:
        seen, url = [], f"{path}?limit=1{query}"
        while url:
            response = await client.get(url)
            seen += [(item["position"], item["ordinal"], item["state"]) for item in response.json()["data"]]
            url = response.links.get("next", {}).get("url", "")
        return seen

    assert await ask("") == [(0, 0, "done"), (1, 0, "failed"), (2, 0, "poison"), (3, 0, "failed")]
    assert await ask("&state=failed") == [(1, 0, "failed"), (3, 0, "failed")]
    assert await ask("&state=pending") == [(4, 0, "pending"), (5, 0, "pending")]
    assert await ask("&stage=translate&state=failed") == [(0, 0, "failed"), (0, 1, "failed")]
    first = (await client.get(f"{path}?state=failed")).json()["data"][0]
    assert (first["source_id"], first["code"], first["detail"]) == ("source-1", "content_filter", "content_filter")
    refused = await client.get(f"{path}?state=pending&stage=translate")
    assert_problem(refused, 422, "invalid_request", "state", mend="stage=generate")


async def test_rejections_and_calls_are_listed_with_their_reasons_and_bills(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    dataset_id, items = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id)
    async with sessions.begin() as session:
        for reason, language in (("empty", "en"), ("duplicate", "en"), ("wrong_language", "zh")):
            row: dict[str, Any] = {"job_id": job_id, "item_id": items[0], "stage": "generate", "sample": 0}
            session.add(
                models.Rejection(
                    **row, language=language, reason=reason, detail="why", text="raw", created_at=utc_now()
                )
            )
        for state in ("ok", "failed"):
            call: dict[str, Any] = {"job_id": job_id, "shard_id": 1, "fence": 1, "worker": "w", "item_id": items[0]}
            bill: dict[str, Any] = {
                "stage": "generate",
                "prompt_tokens": 70,
                "completion_tokens": 30,
                "cost_micros": 1500,
                "latency_ms": 210,
            }
            session.add(models.Call(**call, **bill, sample=0, languages=[], state=state, started_at=utc_now()))
    path = f"/v1/jobs/{encode_id('job', job_id)}"
    rejections = (await client.get(f"{path}/rejections")).json()["data"]
    assert [entry["reason"] for entry in rejections] == ["empty", "duplicate", "wrong_language"]
    assert (rejections[0]["text"], rejections[0]["source_id"]) == ("raw", "source-0")
    chosen = (await client.get(f"{path}/rejections?reason=duplicate&language=en")).json()["data"]
    assert [entry["reason"] for entry in chosen] == ["duplicate"]
    calls = (await client.get(f"{path}/calls")).json()["data"]
    assert [call["state"] for call in calls] == ["ok", "failed"]
    assert (calls[0]["prompt_tokens"], calls[0]["cost_usd"], calls[0]["latency_ms"]) == (70, 0.0015, 210)
    assert len((await client.get(f"{path}/calls?state=failed")).json()["data"]) == 1


@pytest.mark.parametrize("part", ["", "/items", "/rejections", "/calls", "/events"])
async def test_a_job_that_is_not_there_is_a_404_everywhere(client: httpx2.AsyncClient, part: str) -> None:
    response = await client.get(f"/v1/jobs/{encode_id('job', 77)}{part}")
    assert_problem(response, 404, "not_found", mend=encode_id("job", 77))


async def test_a_rule_of_relations_is_the_kind_s_or_the_order_s_and_an_unknown_one_is_refused(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    body = await order_body(sessions)
    assert (await client.post("/v1/jobs", json=body)).json()["relation_rule"] == "same_images"
    ordered = await client.post("/v1/jobs", json=body | {"relation_rule": "similar_texts"})
    assert ordered.json()["relation_rule"] == "similar_texts"
    refused = await client.post("/v1/jobs", json=body | {"relation_rule": "nearest"})
    assert_problem(refused, 422, "invalid_request", "/relation_rule", mend="similar_texts")


async def test_a_rerun_from_relate_may_name_another_rule(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    dataset_id, _ = await add_dataset(sessions)
    path = f"/v1/jobs/{encode_id('job', await add_job(sessions, dataset_id))}"
    asked = {"from": "relate", "relation_rule": "earlier_rounds", "keep_manual": False}
    rerun = await client.post(f"{path}/rerun", json=asked)
    assert (rerun.status_code, rerun.json()["relation_rule"]) == (202, "earlier_rounds")
    events = (await client.get(f"{path}/events?after=2", headers={"Accept": "application/json"})).json()["data"]
    assert events[-1]["data"]["relation_rule"] == "earlier_rounds"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"from": "relate", "relation_rule": "nearest"}, "/relation_rule"),
        ({"from": "translate", "relation_rule": "none"}, "/relation_rule"),
        ({"from": "translate", "keep_manual": False}, "/keep_manual"),
    ],
)
async def test_a_rerun_that_relates_nothing_or_by_no_known_rule_is_refused(
    client: httpx2.AsyncClient, sessions: Sessions, body: dict[str, Any], pointer: str
) -> None:
    dataset_id, _ = await add_dataset(sessions)
    job_id = await add_job(sessions, dataset_id)
    refused = await client.post(f"/v1/jobs/{encode_id('job', job_id)}/rerun", json=body)
    assert_problem(refused, 422, "invalid_request", pointer)
