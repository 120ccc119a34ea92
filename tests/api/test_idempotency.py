"""The same POST twice has one effect and one answer."""

import asyncio

import httpx2

from app.ids import encode_id
from app.main import create_app
from app.settings import Settings
from app.store.idempotency import lock_key
from app.store.session import Sessions
from tests.api.service import add_dataset, assert_problem, open_client


async def test_a_repeated_key_gets_the_stored_answer(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    body = {"dataset_id": encode_id("dataset", (await add_dataset(sessions))[0]), "languages": ["zh"]}
    headers = {"Idempotency-Key": "order-1"}
    first = await client.post("/v1/jobs", json=body, headers=headers)
    respelled = dict(reversed(body.items()))
    again = await client.post("/v1/jobs", json=respelled, headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["content-type"] == "application/json"
    assert "idempotent-replayed" not in first.headers
    assert len((await client.get("/v1/jobs")).json()["data"]) == 1


async def test_a_key_with_another_body_is_refused(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    body = {"dataset_id": encode_id("dataset", (await add_dataset(sessions))[0])}
    headers = {"Idempotency-Key": "order-1"}
    await client.post("/v1/jobs", json=body, headers=headers)
    response = await client.post("/v1/jobs", json={**body, "languages": ["fr"]}, headers=headers)
    assert_problem(response, 422, "idempotency_key_reused", "Idempotency-Key", mend="a new key")


async def test_a_key_whose_first_request_still_runs_is_a_conflict_to_retry(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    body = {"dataset_id": encode_id("dataset", (await add_dataset(sessions))[0])}
    async with sessions.begin() as session:
        assert await lock_key(session, "order-1", ":POST /v1/jobs")
        response = await client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "order-1"})
    problem = assert_problem(response, 409, "idempotency_key_in_use", mend="repeat")
    assert problem["retryable"]
    assert response.headers["retry-after"] == "1"


async def test_a_failed_request_leaves_its_key_free(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    headers = {"Idempotency-Key": "order-1"}
    refused = await client.post("/v1/jobs", json={"dataset_id": encode_id("dataset", 5)}, headers=headers)
    assert refused.status_code == 404
    body = {"dataset_id": encode_id("dataset", (await add_dataset(sessions))[0])}
    assert (await client.post("/v1/jobs", json=body, headers=headers)).status_code == 202


async def test_one_key_may_serve_different_paths(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    body = {"dataset_id": encode_id("dataset", (await add_dataset(sessions))[0])}
    headers = {"Idempotency-Key": "same"}
    job = (await client.post("/v1/jobs", json=body, headers=headers)).json()
    paused = await client.post(f"/v1/jobs/{job['id']}/pause", headers=headers)
    assert paused.json()["state"] == "paused"
    again = await client.post(f"/v1/jobs/{job['id']}/pause", headers=headers)
    assert again.headers["idempotent-replayed"] == "true"


async def test_five_hundred_posts_at_once_with_one_key_make_one_job(
    client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    body = {"dataset_id": encode_id("dataset", (await add_dataset(sessions))[0])}
    posts = [client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "storm"}) for _ in range(500)]
    responses = await asyncio.gather(*posts)
    statuses = {response.status_code for response in responses}
    assert statuses <= {202, 409}
    accepted = [response for response in responses if response.status_code == 202]
    assert len({response.json()["id"] for response in accepted}) == 1
    assert sum("idempotent-replayed" not in response.headers for response in accepted) == 1
    assert len((await client.get("/v1/jobs")).json()["data"]) == 1


async def test_where_money_is_spent_a_key_can_be_a_must(settings: Settings, sessions: Sessions) -> None:
    body = {"dataset_id": encode_id("dataset", (await add_dataset(sessions))[0])}
    async with open_client(create_app(settings.model_copy(update={"idempotency": "required"}))) as client:
        response = await client.post("/v1/jobs", json=body)
        assert_problem(response, 400, "idempotency_key_required", "Idempotency-Key", mend="UUID")
        checked = await client.post("/v1/jobs?validate_only=true", json=body)
        keyed = await client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k"})
        assert (checked.status_code, keyed.status_code) == (200, 202)


async def test_a_key_that_is_no_visible_text_is_refused(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    body = {"dataset_id": encode_id("dataset", (await add_dataset(sessions))[0])}
    response = await client.post("/v1/jobs", json=body, headers={"Idempotency-Key": " "})
    assert_problem(response, 400, "idempotency_key_invalid", "Idempotency-Key", mend="255")
