"""Agreement of reviewers, over the API."""

import httpx2
import pytest

from tests.review.desk import ReviewJob, review


async def test_two_reviewers_are_compared_over_what_both_judged(client: httpx2.AsyncClient, job: ReviewJob) -> None:
    for place, (ann, ben) in enumerate([("accepted", "accepted"), ("accepted", "rejected"), ("rejected", "rejected")]):
        await review(client, job.pair(place), status=ann, reviewer="ann")
        await review(client, job.pair(place), status=ben, reviewer="ben")
    await review(client, job.pair(3), response="Changed.", reviewer="ann")
    await review(client, job.pair(4), status="accepted", reviewer="cleo")
    shown = (await client.get(f"/jobs/{job.id}/agreement")).json()
    assert shown["object"] == "job.agreement"
    assert [entry["reviewer"] for entry in shown["reviewers"]] == ["ann", "ben", "cleo"]
    assert shown["reviewers"][0]["verdicts"] == {"accept": 2, "edit": 1, "reject": 1}
    [both] = shown["data"]
    assert (both["reviewers"], both["pairs"]) == (["ann", "ben"], 3)
    # ann accepts 2 of 3, ben 1 of 3: by chance 2/3 * 1/3 + 1/3 * 2/3 = 4/9; they agree on 2/3
    assert both["agreement"] == pytest.approx(2 / 3)
    assert both["kappa"] == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))
    assert (await client.get(f"/jobs/{job.id}/agreement?language=zh")).json()["data"] == []


async def test_a_reviewers_last_word_counts(client: httpx2.AsyncClient, job: ReviewJob) -> None:
    await review(client, job.pair(0), status="rejected", reviewer="ann")
    await review(client, job.pair(0), status="accepted", reviewer="ann")
    await review(client, job.pair(0), status="accepted", reviewer="ben")
    [both] = (await client.get(f"/jobs/{job.id}/agreement")).json()["data"]
    assert both["table"] == [{"verdicts": ["accept", "accept"], "pairs": 1}]
    assert (both["agreement"], both["kappa"]) == (1.0, None)
