"""Dry runs and undoing over HTTP: what would change is told page by page, and a repair can be taken back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest_asyncio

from app.store.session import Sessions
from tests.api.service import assert_problem
from tests.support.house import House, open_house

POLICY = {"rules": {"banned_word": "reject"}, "banned_words": ["red", "blue", "kite", "ladder", "bicycle"]}


@pytest_asyncio.fixture
async def house(database_url: str, redis_url: str, sessions: Sessions, tmp_path: Path) -> AsyncIterator[House]:
    """The whole service with a worker; `sessions` is the clean database beneath it."""
    async with open_house(database_url, redis_url, tmp_path) as house:
        yield house


async def run_job(house: House, items: int, **order: Any) -> str:
    """The path of a job that has ended."""
    records = [
        {"id": f"i{number}", "sentences": f"a street corner, seen from window {number}"} for number in range(items)
    ]
    dataset = await house.post("/datasets", {"name": "corners", "items": records})
    job = await house.post("/jobs", {"dataset_id": dataset["id"], "stages": ["generate", "relate"], **order})
    await house.finish(f"/jobs/{job['id']}")
    return f"/jobs/{job['id']}"


async def test_a_dry_run_answers_with_counts_and_pages_of_examples(house: House) -> None:
    path = await run_job(house, 40)
    before = await house.get(path)
    asked = (await house.endpoint.stats())["requests"]
    body = {"from": "filter", "filters": POLICY}
    told = await house.post(f"{path}/rerun?dry_run=true&limit=1000", body)
    assert (told["object"], told["calls"], told["filters"]) == ("rerun.preview", 0, POLICY)
    gone = told["counts"]["newly_refused"]
    assert gone > 10
    assert len(told["examples"]["data"]) == gone
    assert {example["direction"] for example in told["examples"]["data"]} == {"newly_refused"}
    assert await house.get(path) == before
    assert (await house.endpoint.stats())["requests"] == asked
    walked: list[Any] = []
    page = await house.post(f"{path}/rerun?dry_run=true&limit=7", body)
    while True:
        walked += page["examples"]["data"]
        assert page["counts"] == told["counts"]
        if not page["examples"]["has_more"]:
            break
        page = await house.post(f"{path}/rerun?dry_run=true&limit=7&cursor={page['examples']['next_cursor']}", body)
    assert walked == told["examples"]["data"]
    done = await house.post(f"{path}/rerun", body)
    assert done["policies"] == {"filters": POLICY}
    job = await house.finish(path)
    assert job["counts"]["pairs"] == told["counts"]["pairs_after"]
    assert job["counts"]["rejected_by_reason"] == {"banned_word": gone}
    assert (await house.endpoint.stats())["requests"] == asked


async def test_examples_can_be_chosen_by_rule_and_direction(house: House) -> None:
    path = await run_job(house, 12)
    filters = {**POLICY, "rules": {"banned_word": "flag", "wrong_length": "reject"}, "response_words": [1, 20]}
    body = {"from": "filter", "filters": filters}
    told = await house.post(f"{path}/rerun?dry_run=true&limit=1000&rule=wrong_length", body)
    assert {example["rule"] for example in told["examples"]["data"]} == {"wrong_length"}
    flagged = await house.post(f"{path}/rerun?dry_run=true&limit=1000&direction=newly_flagged", body)
    assert {example["direction"] for example in flagged["examples"]["data"]} == {"newly_flagged"}
    assert len(flagged["examples"]["data"]) == told["counts"]["newly_flagged"]
    example = flagged["examples"]["data"][0]
    assert (example["before"]["flags"], example["after"]["flags"]) == ([], ["banned_word"])


async def test_what_rules_of_the_whole_job_would_do_is_told_page_by_page_with_what_pairs_are_like(house: House) -> None:
    same = {"instruction": "What colour is the bicycle beside the wall?", "response": "It is green."}
    await house.endpoint.set_mode(says=orjson.dumps({"pairs": [same]}).decode())
    path = await run_job(house, 6)
    pairs = (await house.get(f"/pairs?job_id={path.removeprefix('/jobs/')}"))["data"]
    body = {"from": "filter", "filters": {"rules": {"similar_in_dataset": "reject", "url": "off"}}}
    url = f"{path}/rerun?dry_run=true&limit=2&rule=similar_in_dataset&direction=newly_refused"
    page = await house.post(url, body)
    assert (page["counts"]["newly_refused"], page["counts"]["items_changed"]) == (5, 5)
    walked = page["examples"]["data"]
    while page["examples"]["has_more"]:
        page = await house.post(f"{url}&cursor={page['examples']['next_cursor']}", body)
        walked += page["examples"]["data"]
    first, *others = sorted(pairs, key=lambda pair: str(pair["item_id"]))
    assert [example["pair_id"] for example in walked] == [pair["id"] for pair in others]
    known = {"pair_id": first["id"], "item_id": first["item_id"], "instruction": same["instruction"], "likeness": 1.0}
    assert all(example["other"] == known for example in walked)
    assert {example["after"]["status"] for example in walked} == {"rejected"}
    await house.post(f"{path}/rerun", body)
    await house.finish(path)
    shown = await house.get(f"/pairs/{others[0]['id']}?expand=provenance")
    [finding] = shown["provenance"]["filters"]["findings"]
    assert finding["evidence"] == {"pair_id": first["id"], "likeness": 1.0, "severity": "reject"}


async def test_a_dry_run_is_refused_like_the_rerun(house: House) -> None:
    path = await run_job(house, 2, pairs_per_item=2)
    client = house.client
    wrong = {"from": "filter", "filters": {"rules": {"urls": "off"}}}
    for query in ("", "?dry_run=true"):
        assert_problem(
            await client.post(f"{path}/rerun{query}", json=wrong), 422, "invalid_request", "/filters/rules/urls"
        )
        late = {"from": "relate", "filters": {}}
        assert_problem(await client.post(f"{path}/rerun{query}", json=late), 422, "invalid_request", "/filters")
    relate = await client.post(f"{path}/rerun?dry_run=true", json={"from": "relate"})
    assert_problem(relate, 422, "invalid_request", "/from")
    told = await house.post(f"{path}/rerun?dry_run=true", {"from": "filter"})
    assert (told["object"], told["counts"]["replies"], told["counts"]["items_changed"]) == ("rerun.preview", 2, 0)
    missing = await client.post("/jobs/job_0000000000000/rerun?dry_run=true", json={"from": "filter"})
    assert_problem(missing, 404, "not_found")


async def test_a_repair_is_shown_as_a_difference_and_taken_back_once(house: House) -> None:
    pair = {"instruction": "Question: What stands there?", "response": "A  tall lamp stands there."}
    await house.endpoint.set_mode(says=orjson.dumps({"pairs": [pair]}).decode())
    path = await run_job(house, 1)
    [shown] = (await house.get(f"/pairs?job_id={path.removeprefix('/jobs/')}"))["data"]
    assert (shown["instruction"], shown["response"]) == ("What stands there?", "A tall lamp stands there.")
    edits = (await house.get(f"/pairs/{shown['id']}/edits"))["data"]
    assert [(edit["kind"], edit["rule"]) for edit in edits] == [("repair", "leftover_label"), ("repair", "white_space")]
    assert edits[0]["before"] == pair
    assert edits[1]["diff"]["response"] == [
        {"op": "equal", "text": "A"},
        {"op": "delete", "text": "  "},
        {"op": "insert", "text": " "},
        {"op": "equal", "text": "tall lamp stands there."},
    ]
    undo = f"/pairs/{shown['id']}/edits/{edits[1]['id']}/undo"
    assert_problem(await house.client.post(undo), 428, "precondition_required")
    assert_problem(await house.client.post(undo, headers={"If-Match": '"0-0"'}), 412, "precondition_failed")
    first = f"/pairs/{shown['id']}/edits/{edits[0]['id']}/undo"
    match = {"If-Match": f'"{shown["etag"]}"'}
    assert_problem(await house.client.post(first, headers=match), 409, "changed_since")
    answer = await house.client.post(undo, headers=match, json={"reviewer": "ann", "note": "two lamps"})
    assert answer.status_code == 200, answer.text
    undone = answer.json()
    assert (undone["response"], undone["status"]) == (pair["response"], "edited")
    assert answer.headers["etag"] == f'"{undone["etag"]}"' != match["If-Match"]
    history = (await house.get(f"/pairs/{shown['id']}/edits"))["data"]
    assert (history[2]["kind"], history[2]["author"], history[2]["note"]) == ("undo", "ann", "two lamps")
    assert (history[2]["undoes"], history[1]["undone_by"]) == (edits[1]["id"], history[2]["id"])
    again = await house.client.post(undo, headers={"If-Match": answer.headers["etag"]})
    assert_problem(again, 409, "already_undone")
    await house.post(f"{path}/rerun", {"from": "filter"})
    await house.finish(path)
    assert (await house.get(f"/pairs/{shown['id']}"))["response"] == pair["response"]
    assert_problem(await house.client.get("/pairs/pair_00000000zzzzz/edits"), 404, "not_found")
