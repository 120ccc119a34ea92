"""Reviews of single pairs: what they do, what they refuse, what is kept of them."""

import httpx2
import pytest

from app.ids import encode_id
from app.store.session import Sessions
from tests.api.service import assert_problem
from tests.review.desk import ReviewJob, check_queues, flag_pair, read_pair, review, translation_of


async def test_an_accepted_pair_has_passed_and_keeps_what_was_found(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    await flag_pair(sessions, job, 0, "vague")
    pair = await review(client, job.pair(0), status="accepted", reviewer="ann", note="fine")
    assert (pair["status"], pair["flags"]) == ("accepted", ["vague"])
    found = (await read_pair(client, job.pair(0), "review"))["review"]
    assert found["score"] == 1
    assert found["reviewed_at"].endswith("Z")
    [said] = found["reviews"]
    assert (said["reviewer"], said["verdict"], said["note"], said["edit_id"]) == ("ann", "accept", "fine", None)
    await check_queues(sessions, job.number)


async def test_an_edit_changes_the_texts_and_keeps_what_the_model_wrote(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    before = await read_pair(client, job.pair(0))
    pair = await review(client, job.pair(0), response="  A blue car,\r\nfor certain. ", reviewer="ann")
    assert pair["response"] == "A blue car,\nfor certain."
    assert (pair["instruction"], pair["status"]) == (before["instruction"], "edited")
    assert pair["words"] == len(f"{pair['instruction']} {pair['response']}".split())
    [edit] = (await read_pair(client, job.pair(0), "provenance"))["provenance"]["edits"]
    assert (edit["kind"], edit["author"]) == ("edit", "ann")
    assert edit["before"] == {"instruction": before["instruction"], "response": before["response"]}
    assert edit["after"]["response"] == pair["response"]
    await check_queues(sessions, job.number)


async def test_a_rejected_pair_stays_readable_and_can_be_accepted_again(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    assert (await review(client, job.pair(0), status="rejected"))["status"] == "rejected"
    listed = (await client.get(f"/pairs?job_id={job.id}&status=rejected")).json()["data"]
    assert [pair["id"] for pair in listed] == [job.pair(0)]
    await check_queues(sessions, job.number)
    assert (await review(client, job.pair(0), status="accepted"))["status"] == "accepted"
    await check_queues(sessions, job.number)


async def test_a_review_names_the_version_it_speaks_of(client: httpx2.AsyncClient, job: ReviewJob) -> None:
    old = (await read_pair(client, job.pair(0)))["etag"]
    response = await client.patch(f"/pairs/{job.pair(0)}", json={"status": "accepted"})
    assert_problem(response, 428, "precondition_required", mend="If-Match")
    await review(client, job.pair(0), response="Something else.")
    response = await client.patch(f"/pairs/{job.pair(0)}", json={"status": "rejected"}, headers={"If-Match": old})
    assert_problem(response, 412, "precondition_failed", mend="Read it again")
    assert (await read_pair(client, job.pair(0)))["status"] == "edited"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/status", "missing"),
        ({"note": "hm"}, "/status", "missing"),
        ({"status": "edited"}, "/status", "no_texts"),
        ({"status": "rejected", "response": "No."}, "/status", "contradiction"),
        ({"instruction": " \n "}, "/instruction", "empty"),
        ({"response": "x" * 32_001}, "/response", "too_long"),
        ({"status": "flagged"}, "/status", "literal_error"),
        ({"verdict": "accept"}, "/verdict", "unknown_field"),
        ({"status": "accepted", "reviewer": ""}, "/reviewer", "string_too_short"),
    ],
)
async def test_a_review_that_says_nothing_sensible_is_refused(
    client: httpx2.AsyncClient, job: ReviewJob, body: dict[str, str], pointer: str, code: str
) -> None:
    etag = (await read_pair(client, job.pair(0)))["etag"]
    response = await client.patch(f"/pairs/{job.pair(0)}", json=body, headers={"If-Match": etag})
    [fault] = assert_problem(response, 422, "invalid_request", pointer)["errors"]
    assert fault["code"] == code
    assert (await read_pair(client, job.pair(0)))["etag"] == etag


async def test_an_edit_that_changes_nothing_is_refused(client: httpx2.AsyncClient, job: ReviewJob) -> None:
    pair = await read_pair(client, job.pair(0))
    body = {"instruction": pair["instruction"] + " ", "response": pair["response"]}
    response = await client.patch(f"/pairs/{pair['id']}", json=body, headers={"If-Match": pair["etag"]})
    assert_problem(response, 422, "invalid_request", "/instruction", mend="accept it")


async def test_a_pair_that_is_not_there_is_a_404(client: httpx2.AsyncClient, job: ReviewJob) -> None:
    missing = encode_id("pair", 10_000)
    for method, path, body in (
        ("PATCH", "", {"status": "accepted"}),
        ("DELETE", "", None),
        ("PUT", "/translations/zh", {"instruction": "a", "response": "b"}),
    ):
        response = await client.request(method, f"/pairs/{missing}{path}", json=body, headers={"If-Match": "*"})
        assert_problem(response, 404, "not_found", mend=missing)


async def test_queues_are_lists_with_filters(client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob) -> None:
    await flag_pair(sessions, job, 0, "vague")
    await flag_pair(sessions, job, 1, "vague", "long")
    await review(client, job.pair(1), status="accepted", reviewer="ann")
    await review(client, job.pair(2), status="rejected", reviewer="ben")

    async def ask(query: str) -> list[int]:
        found = (await client.get(f"/pairs?job_id={job.id}&{query}")).json()["data"]
        return [
            job.pairs.index(number) for number in job.pairs if encode_id("pair", number) in {p["id"] for p in found}
        ]

    assert await ask("status=flagged") == [0]
    assert await ask("flag=vague") == [0, 1]
    assert await ask("flag=vague&reviewed=false") == [0]
    assert await ask("min_score=2") == [1]
    assert await ask("min_score=0") == [0, 1, 2, 3, 4, 5]
    assert await ask("reviewed=true") == [1, 2]
    assert await ask("reviewed=false") == [0, 3, 4, 5]
    assert await ask("reviewer=ann") == [1]
    assert await ask("reviewed=true&not_reviewer=ann") == [2]
    item = encode_id("item", job.items[0])
    assert await ask(f"item_id={item}&flag=long&language=*") == [1]


async def test_the_summary_says_how_many_wait(client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob) -> None:
    await flag_pair(sessions, job, 0, "vague")
    await flag_pair(sessions, job, 1, "vague")
    await review(client, job.pair(1), status="accepted")
    await review(client, job.pair(2), response="New.")
    shown = (await client.get(f"/jobs/{job.id}/review")).json()
    assert (shown["object"], shown["pairs"], shown["reviewed"], shown["waiting"]) == ("job.review", 18, 2, 16)
    english, chinese, _ = shown["languages"]
    assert english["language"] == "en"
    assert english["by_status"] == {"accepted": 4, "flagged": 1, "rejected": 0, "edited": 1}
    assert english["waiting_by_status"] == {"accepted": 3, "flagged": 1, "rejected": 0, "edited": 0}
    assert english["waiting_by_flag"] == {"vague": 1}
    assert chinese["waiting_by_flag"] == {"stale": 1}
    assert_problem(await client.get(f"/jobs/{encode_id('job', 7)}/review"), 404, "not_found")


async def test_translations_of_an_edited_pair_go_stale_and_come_back_with_its_words(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    before = await read_pair(client, job.pair(0))
    chinese = await translation_of(client, job.pair(0), "zh")
    await review(client, chinese["id"], status="accepted")
    await review(client, job.pair(0), response="Something else.")
    stale = await translation_of(client, job.pair(0), "zh")
    assert (stale["flags"], stale["status"]) == (["stale"], "accepted")
    assert (await read_pair(client, stale["id"], "review"))["review"]["reviewed_at"] is None
    await check_queues(sessions, job.number)
    await review(client, job.pair(0), response=before["response"])
    assert (await translation_of(client, job.pair(0), "zh"))["flags"] == []
    await check_queues(sessions, job.number)


async def test_a_person_who_accepts_or_edits_a_stale_translation_stands_in_for_it(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    await review(client, job.pair(0), response="Something else.")
    chinese, french = [await translation_of(client, job.pair(0), code) for code in ("zh", "fr")]
    assert (await review(client, chinese["id"], status="accepted"))["flags"] == []
    assert (await review(client, french["id"], response="Autre chose."))["flags"] == []
    await review(client, job.pair(0), response="A third thing.")
    assert (await translation_of(client, job.pair(0), "zh"))["flags"] == ["stale"]
    await check_queues(sessions, job.number)


async def test_a_deleted_pair_takes_its_translations_and_links_along(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    pair = await read_pair(client, job.pair(0))
    assert (await read_pair(client, job.pair(1)))["related_pair_ids"] == [pair["id"]]
    await review(client, pair["id"], response="Changed.", reviewer="ann")
    assert_problem(await client.delete(f"/pairs/{pair['id']}"), 428, "precondition_required")
    response = await client.delete(f"/pairs/{pair['id']}", headers={"If-Match": pair["etag"]})
    assert_problem(response, 412, "precondition_failed")
    etag = (await read_pair(client, pair["id"]))["etag"]
    gone = await client.delete(f"/pairs/{pair['id']}", headers={"If-Match": f'"{etag}"'})
    assert (gone.status_code, gone.content) == (204, b"")
    assert_problem(await client.get(f"/pairs/{pair['id']}"), 404, "not_found")
    left = (await client.get(f"/pairs?job_id={job.id}&language=*")).json()["data"]
    assert len(left) == 15
    assert all(pair["id"] not in other["related_pair_ids"] for other in left)
    await check_queues(sessions, job.number)


async def test_a_deleted_translation_leaves_its_pair(
    client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob
) -> None:
    chinese = await translation_of(client, job.pair(0), "zh")
    gone = await client.delete(f"/pairs/{chinese['id']}", headers={"If-Match": chinese["etag"]})
    assert gone.status_code == 204
    listed = (await client.get(f"/pairs/{job.pair(0)}/translations")).json()["data"]
    assert [pair["language"] for pair in listed] == ["fr"]
    await check_queues(sessions, job.number)


async def test_a_translation_is_written_by_hand(client: httpx2.AsyncClient, sessions: Sessions, job: ReviewJob) -> None:
    chinese = await translation_of(client, job.pair(0), "zh")
    path = f"/pairs/{job.pair(0)}/translations/zh"
    texts = {"instruction": "这里有什么？", "response": "一辆红色的汽车。", "reviewer": "ann"}
    assert_problem(await client.put(path, json=texts), 428, "precondition_required")
    response = await client.put(path, json=texts, headers={"If-Match": chinese["etag"]})
    assert (response.status_code, response.json()["response"]) == (200, "一辆红色的汽车。")
    again = await client.put(path, json=texts, headers={"If-Match": response.headers["etag"]})
    assert (again.status_code, again.json()["status"]) == (200, "accepted")
    gone = await client.delete(f"/pairs/{chinese['id']}", headers={"If-Match": again.headers["etag"]})
    assert gone.status_code == 204
    new = await client.put(path, json=texts)
    assert (new.status_code, new.json()["status"]) == (201, "edited")
    assert new.headers["location"] == f"/v1/pairs/{new.json()['id']}"
    assert new.json()["translation_of"] == job.pair(0)
    await check_queues(sessions, job.number)
    response = await client.put(f"/pairs/{job.pair(0)}/translations/ja", json=texts)
    assert_problem(response, 422, "invalid_request", "language", mend="zh, fr")


async def test_provenance_tells_all_that_a_pair_went_through(client: httpx2.AsyncClient, job: ReviewJob) -> None:
    await review(client, job.pair(0), response="Changed.", reviewer="ann", note="colour")
    told = (await read_pair(client, job.pair(0), "provenance"))["provenance"]
    assert told["annotation"] == {"position": 0, "sentences": "a red car number 0"}
    assert (told["prompt"]["version"], told["examples"], told["parameters"]) == (1, [], {})
    assert told["filters"] == {"policies": {}, "findings": []}
    assert [edit["note"] for edit in told["edits"]] == ["colour"]
    assert [said["verdict"] for said in told["reviews"]] == ["edit"]
