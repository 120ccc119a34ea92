"""Review rules over the API: made of a fix, shown, applied to exactly what was shown, taken back."""

from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.ids import decode_id, encode_id
from app.services.review_rules import begin_run
from app.services.rule_runs import apply_batch
from app.store.session import Sessions
from tests.api.service import assert_problem
from tests.review.desk import ReviewJob, check_queues, read_pair, review, translation_of


async def make(client: httpx2.AsyncClient, **body: Any) -> str:
    response = await client.post("/review-rules", json=body)
    assert response.status_code == 201, response.text
    assert response.headers["location"] == f"/v1/review-rules/{response.json()['id']}"
    return str(response.json()["id"])


async def act(client: httpx2.AsyncClient, rule: str, action: str, **body: Any) -> dict[str, Any]:
    response = await client.post(f"/review-rules/{rule}/{action}", json=body or None)
    assert response.status_code == 200, response.text
    shown: dict[str, Any] = response.json()
    return shown


async def texts_of(client: httpx2.AsyncClient, job: ReviewJob) -> list[str]:
    pairs = (await client.get(f"/pairs?job_id={job.id}&language=*")).json()["data"]
    return [f"{pair['status']}: {pair['instruction']} {pair['response']}" for pair in pairs]


async def test_a_fix_becomes_a_rule_for_all_alike_pairs(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    first = await read_pair(client, job.pair(0))
    await review(client, job.pair(0), response=first["response"].replace("Red", "dark red"), reviewer="ann")
    before = await texts_of(client, job)
    rule = await make(client, pair_id=job.pair(0))
    shown = (await client.get(f"/review-rules/{rule}")).json()
    assert (shown["find"], shown["replace"], shown["side"]) == ("Red", "dark red", "response")
    assert (shown["job_id"], shown["language"]) == (job.id, "en")
    preview = await act(client, rule, "preview")
    assert preview["counts"] == {"pairs": 5, "by_status": {"accepted": 5}, "refused": 0}
    assert [diff["pair_id"] for diff in preview["data"]] == [job.pair(place) for place in range(1, 6)]
    [change] = preview["data"][0]["changes"]
    assert change == {"side": "response", "at": 2, "removed": "Red", "added": "dark red"}
    assert await texts_of(client, job) == before
    run = await act(client, rule, "apply", preview_token=preview["preview_token"])
    assert (run["state"], run["counts"]["changed"], run["counts"]["skipped"]) == ("applied", 5, 0)
    changed = await read_pair(client, job.pair(1), "review")
    assert changed["response"] == "A dark red car, 100% sure_1."
    assert (changed["status"], changed["review"]["reviewed_at"]) == ("edited", None)
    assert [(edit["kind"], edit["rule"]) for edit in changed["review"]["edits"]] == [("rule", rule)]
    assert (await translation_of(client, job.pair(1), "zh"))["flags"] == ["stale"]
    await check_queues(sessions, job.number)
    undone = await act(client, rule, "undo")
    assert (undone["state"], undone["counts"]["undone"], undone["left_alone"]) == ("undone", 5, [])
    assert await texts_of(client, job) == before
    assert (await translation_of(client, job.pair(1), "zh"))["flags"] == []
    await check_queues(sessions, job.number)


async def test_only_a_fresh_preview_can_be_applied(client: httpx2.AsyncClient, job: ReviewJob) -> None:
    rule = await make(client, find="Red", replace="blue", job_id=job.id)
    preview = await act(client, rule, "preview", **{})
    await review(client, job.pair(3), status="accepted")
    token = {"preview_token": preview["preview_token"]}
    before = await texts_of(client, job)
    response = await client.post(f"/review-rules/{rule}/apply", json=token)
    assert_problem(response, 409, "stale_preview", mend="Preview again")
    assert_problem(await client.post(f"/review-rules/{rule}/apply", json={}), 422, "invalid_request", "/preview_token")
    assert await texts_of(client, job) == before


async def test_applying_twice_is_applying_once(client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob) -> None:
    rule = await make(client, find="Red", replace="Red red", job_id=job.id)
    token = (await act(client, rule, "preview"))["preview_token"]
    first = await act(client, rule, "apply", preview_token=token)
    assert await act(client, rule, "apply", preview_token=token) == first
    assert (await read_pair(client, job.pair(0)))["response"].count("ed") == 2
    assert await act(client, rule, "undo") == await act(client, rule, "undo")


async def test_a_run_that_broke_off_goes_on_with_its_token(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    rule = await make(client, find="Red", replace="blue", job_id=job.id)
    token = (await act(client, rule, "preview"))["preview_token"]
    number = decode_id("rule", rule)
    async with sessions.begin() as session:
        await begin_run(session, number, token, "ann")
    await review(client, job.pair(2), status="rejected")
    response = await client.post(f"/review-rules/{rule}/apply", json={"preview_token": "0" * 32})
    assert_problem(response, 409, "run_unfinished", mend="its own token")
    run = await act(client, rule, "apply", preview_token=token)
    assert (run["counts"]["matched"], run["counts"]["changed"], run["counts"]["skipped"]) == (6, 5, 1)
    assert run["left_alone"] == [{"pair_id": job.pair(2), "reason": "changed_since"}]
    async with sessions.begin() as session:
        assert not await apply_batch(session, number)
    await check_queues(sessions, job.number)


async def test_undoing_leaves_what_people_touched_since(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    rule = await make(client, find="Red", replace="blue", job_id=job.id)
    await act(client, rule, "apply", preview_token=(await act(client, rule, "preview"))["preview_token"])
    await review(client, job.pair(0), response="My own words.")
    await review(client, job.pair(1), status="accepted")
    etag = (await read_pair(client, job.pair(2)))["etag"]
    await client.delete(f"/pairs/{job.pair(2)}", headers={"If-Match": etag})
    run = await act(client, rule, "undo")
    assert (run["counts"]["undone"], run["counts"]["left"]) == (3, 3)
    assert run["left_alone"] == [
        {"pair_id": job.pair(place), "reason": reason} for place, reason in enumerate(["edited", "reviewed", "gone"])
    ]
    assert (await read_pair(client, job.pair(1)))["response"].startswith("A blue car")
    assert (await read_pair(client, job.pair(3)))["status"] == "accepted"
    await check_queues(sessions, job.number)


async def test_a_preview_is_read_in_parts_of_one_whole(client: httpx2.AsyncClient, job: ReviewJob) -> None:
    rule = await make(client, find="Red", replace="blue", job_id=job.id)
    seen: list[str] = []
    path, tokens = f"/review-rules/{rule}/preview?limit=4", set()
    after = ""
    while True:
        part = (await client.post(path + after)).json()
        assert part["counts"]["pairs"] == 6
        tokens.add(part["preview_token"])
        seen += [diff["pair_id"] for diff in part["data"]]
        if not part["has_more"]:
            break
        after = f"&after={part['next_after']}"
    assert seen == [job.pair(place) for place in range(6)]
    assert len(tokens) == 1


async def test_a_rule_has_a_language_and_a_side_and_leaves_the_rejected(
    client: httpx2.AsyncClient, job: ReviewJob
) -> None:
    await review(client, (await translation_of(client, job.pair(0), "zh"))["id"], status="rejected")
    rule = await make(client, find="What", replace="Which", side="instruction", language="zh", job_id=job.id)
    preview = await act(client, rule, "preview")
    assert preview["counts"]["pairs"] == 5
    await act(client, rule, "apply", preview_token=preview["preview_token"])
    assert (await translation_of(client, job.pair(1), "zh"))["instruction"].startswith("[zh] Which")
    assert (await translation_of(client, job.pair(1), "fr"))["instruction"].startswith("[fr] What")


async def test_a_rule_never_leaves_a_pair_without_a_text(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    async with sessions.begin() as session:
        await session.execute(text("UPDATE pair SET response = 'Yes.' WHERE id = :id"), {"id": job.pairs[0]})
    rule = await make(client, find="Yes.", replace="", job_id=job.id)
    assert (await act(client, rule, "preview"))["counts"] == {"pairs": 0, "by_status": {}, "refused": 1}


async def test_a_rule_for_a_dataset_reaches_all_its_jobs(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    dataset = (await read_pair(client, job.pair(0)))["dataset_id"]
    rule = await make(client, find="red", replace="blue", ignore_case=True, dataset_id=dataset)
    assert (await act(client, rule, "preview"))["counts"]["pairs"] == 6
    assert [entry["id"] for entry in (await client.get("/review-rules")).json()["data"]] == [rule]
    assert (await client.get(f"/review-rules?job_id={job.id}")).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"find": "a", "replace": "b"}, ["/job_id"]),
        ({"replace": "b"}, ["/find"]),
        ({"find": "{thing} a", "match": "pattern"}, ["/find", "/job_id"]),
        ({"find": "a", "replace": "a", "job_id": "{job}"}, ["/replace"]),
        ({"find": "a", "job_id": "{job}", "dataset_id": "{dataset}"}, ["/dataset_id"]),
        ({"find": "a", "job_id": "{job}", "language": "xx"}, ["/language"]),
    ],
)
async def test_what_cannot_be_a_rule_is_refused(
    client: httpx2.AsyncClient, job: ReviewJob, body: dict[str, str], pointers: list[str]
) -> None:
    names = {"{job}": job.id, "{dataset}": (await read_pair(client, job.pair(0)))["dataset_id"]}
    given = {key: names.get(value, value) for key, value in body.items()}
    assert_problem(await client.post("/review-rules", json=given), 422, "invalid_request", *pointers)


async def test_what_is_not_there_is_a_404(client: httpx2.AsyncClient, job: ReviewJob) -> None:
    rule = encode_id("rule", 5)
    for response in (
        await client.get(f"/review-rules/{rule}"),
        await client.post(f"/review-rules/{rule}/preview"),
        await client.post(f"/review-rules/{rule}/undo"),
        await client.post(f"/review-rules/{rule}/apply", json={"preview_token": "0"}),
        await client.post("/review-rules", json={"pair_id": job.pair(0)}),
        await client.post("/review-rules", json={"edit_id": encode_id("edit", 77)}),
    ):
        assert_problem(response, 404, "not_found")


async def test_a_rule_that_was_never_applied_cannot_be_undone(client: httpx2.AsyncClient, job: ReviewJob) -> None:
    rule = await make(client, find="Red", replace="blue", job_id=job.id)
    assert_problem(await client.post(f"/review-rules/{rule}/undo"), 409, "conflict", mend="never applied")
