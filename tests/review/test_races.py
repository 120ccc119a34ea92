"""Reviewers at the same time: one version is edited once, and nobody stands in another's way for good."""

import asyncio

import httpx2
from sqlalchemy import text

from app.store.session import Sessions
from tests.api.service import assert_problem
from tests.review.desk import ReviewJob, check_queues, read_pair, review, translation_of


async def test_of_two_who_edit_one_version_one_comes_too_late(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    etag = (await read_pair(client, job.pair(0)))["etag"]
    path, headers = f"/pairs/{job.pair(0)}", {"If-Match": etag}
    bodies = [{"response": f"Version {number}.", "reviewer": f"r{number}"} for number in range(8)]
    answers = await asyncio.gather(*(client.patch(path, json=body, headers=headers) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    assert len((await read_pair(client, job.pair(0), "review"))["review"]["edits"]) == 1
    await check_queues(sessions, job.number)


async def test_batches_in_any_order_end_all(client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob) -> None:
    chinese = [(await translation_of(client, job.pair(place), "zh"))["id"] for place in range(6)]
    ids = [job.pair(place) for place in range(6)] + chinese
    orders = [ids, ids[::-1], chinese + ids[:6], ids[6:] + ids[5::-1]]
    sent = [
        {"rows": [{"id": pair_id, "etag": "*", "response": f"Text {number}."} for pair_id in ordered]}
        for number, ordered in enumerate(orders)
    ]
    answers = await asyncio.gather(*(client.post("/pairs/batch-review", json=body) for body in sent))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sum(answer.json()["counts"]["done"] for answer in answers) == 48
    await check_queues(sessions, job.number)


async def test_a_rule_and_reviewers_at_once_lose_nothing(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    made = await client.post("/review-rules", json={"find": "Red", "replace": "blue", "job_id": job.id})
    rule = made.json()["id"]
    token = (await client.post(f"/review-rules/{rule}/preview")).json()["preview_token"]
    applying = asyncio.create_task(client.post(f"/review-rules/{rule}/apply", json={"preview_token": token}))
    await asyncio.gather(*(review_any(client, job.pair(place), f"Mine {place}.") for place in range(6)))
    run = await applying
    assert run.status_code in {200, 409}
    pairs = (await client.get(f"/pairs?job_id={job.id}")).json()["data"]
    assert [pair["response"] for pair in pairs] == [f"Mine {place}." for place in range(6)]
    await check_queues(sessions, job.number)


async def test_a_pair_of_a_job_at_work_is_rejected_rather_than_deleted(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    async with sessions.begin() as session:
        leased = (
            "INSERT INTO shard (job_id, seq, stage, state, positions) VALUES (:job, 0, 'generate', 'leased', '{0}')"
        )
        await session.execute(text(leased), {"job": job.number})
    response = await client.delete(f"/pairs/{job.pair(0)}", headers={"If-Match": "*"})
    assert_problem(response, 409, "conflict", mend="reject the pair")
    assert (await review(client, job.pair(0), status="rejected"))["status"] == "rejected"


async def review_any(client: httpx2.AsyncClient, pair_id: str, response: str) -> None:
    """Edit whatever version there is."""
    answer = await client.patch(f"/pairs/{pair_id}", json={"response": response}, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
