"""Batches of reviews: each row is judged by itself, as if it had come alone."""

from typing import Any

import httpx2

from app.ids import encode_id
from app.store.session import Sessions
from tests.api.service import assert_problem
from tests.review.desk import ReviewJob, check_queues, read_pair, translation_of

BATCH = "/pairs/batch-review"


async def send(client: httpx2.AsyncClient, rows: list[Any], **more: Any) -> dict[str, Any]:
    response = await client.post(BATCH, json={"rows": rows, **more})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert [result["index"] for result in body["results"]] == list(range(len(rows)))
    return body


async def row_of(client: httpx2.AsyncClient, pair_id: str, **review: Any) -> dict[str, Any]:
    return {"id": pair_id, "etag": (await read_pair(client, pair_id))["etag"], **review}


async def test_one_bad_row_loses_nothing_else(client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob) -> None:
    rows = [
        await row_of(client, job.pair(0), status="accepted"),
        await row_of(client, job.pair(1), status="wonderful"),
        {"id": job.pair(2), "status": "accepted"},
        {"id": job.pair(2), "etag": "0-00000000", "status": "accepted"},
        {"id": encode_id("pair", 99_999), "etag": "*", "status": "accepted"},
        "accept them all",
        {"id": "job_1", "etag": "*", "status": "accepted"},
        await row_of(client, job.pair(3), response=" "),
        await row_of(client, job.pair(4), response="Changed.", reviewer="ben"),
    ]
    body = await send(client, rows, reviewer="ann")
    assert [result["status"] for result in body["results"]] == [200, 422, 428, 412, 404, 422, 404, 422, 200]
    assert body["counts"] == {"rows": 9, "done": 2, "refused": 7}
    [fault] = body["results"][1]["error"]["errors"]
    assert fault["pointer"] == "/rows/1/status"
    assert body["results"][7]["error"]["errors"][0]["pointer"] == "/rows/7/response"
    assert body["results"][8]["pair"]["status"] == "edited"
    reviewers = [(await read_pair(client, job.pair(place), "review"))["review"]["reviews"] for place in (0, 4)]
    assert [[said["reviewer"] for said in reviews] for reviews in reviewers] == [["ann"], ["ben"]]
    await check_queues(sessions, job.number)


async def test_a_second_row_about_a_pair_speaks_of_an_older_version(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    rows = [
        await row_of(client, job.pair(0), status="accepted"),
        await row_of(client, job.pair(0), status="rejected"),
        {"id": job.pair(0), "etag": "*", "note": "any version", "response": "Changed."},
    ]
    results = (await send(client, rows))["results"]
    assert [result["status"] for result in results] == [200, 412, 200]
    assert (await read_pair(client, job.pair(0)))["status"] == "edited"
    await check_queues(sessions, job.number)


async def test_an_edit_makes_a_later_row_about_its_translation_out_of_date(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    chinese = await translation_of(client, job.pair(0), "zh")
    rows = [
        await row_of(client, job.pair(0), response="Changed."),
        {"id": chinese["id"], "etag": chinese["etag"], "status": "accepted"},
        await row_of(client, job.pair(1), status="accepted"),
    ]
    assert [result["status"] for result in (await send(client, rows))["results"]] == [200, 412, 200]
    assert (await translation_of(client, job.pair(0), "zh"))["flags"] == ["stale"]
    await check_queues(sessions, job.number)


async def test_a_thousand_rows_are_taken_and_one_more_is_refused(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    row = {"id": encode_id("pair", 99_999), "etag": "*", "status": "accepted"}
    good = await row_of(client, job.pair(5), status="accepted")
    body = await send(client, [row] * 999 + [good])
    assert body["counts"] == {"rows": 1000, "done": 1, "refused": 999}
    assert_problem(await client.post(BATCH, json={"rows": [row] * 1001}), 422, "invalid_request", "/rows")
    assert_problem(await client.post(BATCH, json={"rows": []}), 422, "invalid_request", "/rows")


async def test_the_same_batch_under_one_key_is_done_once(client: httpx2.AsyncClient, job: ReviewJob) -> None:
    rows = [await row_of(client, job.pair(0), response="Changed.")]
    headers = {"Idempotency-Key": "batch-1"}
    first = await client.post(BATCH, json={"rows": rows}, headers=headers)
    again = await client.post(BATCH, json={"rows": rows}, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"
    assert first.json() == again.json()
    assert len((await read_pair(client, job.pair(0), "review"))["review"]["edits"]) == 1
