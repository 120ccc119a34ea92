"""What is counted, over the API: known pairs give known figures."""

import httpx2
from sqlalchemy import text

from app.resources import Resources
from app.store.session import Sessions
from app.store.statistics import Scope
from tests.api.service import add_dataset, assert_problem
from tests.statistics.jobs import PAIRS, add_counted_job, count_due, get_statistics, path_of


async def test_a_first_look_answers_what_the_roll_ups_know_and_has_the_rest_counted(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    _, job_id = await add_counted_job(sessions)
    first = await get_statistics(client, Scope("job", job_id))
    assert (first["state"], first["as_of"], first["is_being_counted"]) == ("none", None, True)
    assert first["yield"]["pairs"] == 4
    assert first["yield"]["accepted_share"] == 0.8
    assert first["rejections"]["pairs"] == {"total": 1, "by_reason": {"duplicate": 1}}
    assert first["usage"]["per_pair"]["prompt_tokens"] == 250
    assert (first["roots"], first["images_per_pair"]) == (None, None)
    assert first["languages"] == [
        {
            "language": "en",
            "unit": "words",
            "pairs": 4,
            "unique_instructions": None,
            "instruction": None,
            "response": None,
        }
    ]
    await count_due(resources)
    second = await get_statistics(client, Scope("job", job_id))
    assert (second["state"], second["is_being_counted"]) == ("current", False)
    assert second["as_of"] is not None


async def test_figures_of_a_job_are_those_of_its_pairs(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    _, job_id = await add_counted_job(sessions, chinese=True)
    await get_statistics(client, Scope("job", job_id))
    await count_due(resources)
    found = await get_statistics(client, Scope("job", job_id))
    english, chinese = found["languages"]
    assert (english["pairs"], english["unique_instructions"]) == (4, 3)
    lengths = english["instruction"]
    assert (lengths["n"], lengths["mean"], lengths["min"], lengths["median"], lengths["max"]) == (4, 5.0, 4, 4, 7)
    assert (chinese["language"], chinese["unit"], chinese["unique_instructions"]) == ("zh", "characters", 1)
    assert chinese["instruction"]["mean"] == 9
    assert chinese["response"]["mean"] == 4
    assert (found["images_per_pair"]["mean"], found["related_pairs_per_pair"]["mean"]) == (1, 3)
    (row,) = found["table"]
    assert (row["abbreviation"], row["images"], row["instructions"], row["unique_instructions"]) == ("SET", 1, 4, 3)


async def test_verbs_and_nouns_come_from_a_parser(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    _, job_id = await add_counted_job(sessions)
    await get_statistics(client, Scope("job", job_id))
    await count_due(resources)
    roots = (await get_statistics(client, Scope("job", job_id)))["roots"]["instruction"]
    assert (roots["texts"], roots["parsed"], roots["sampled"], roots["with_verb"]) == (4, 4, False, 4)
    assert [(verb["verb"], verb["n"], verb["nouns"]) for verb in roots["verbs"]] == [
        ("describe", 2, [{"noun": "car", "n": 2}]),
        ("find", 1, [{"noun": "difference", "n": 1}]),
        ("leave", 1, [{"noun": "room", "n": 1}]),
    ]


async def test_a_dataset_and_everything_are_added_up_but_for_what_does_not_add_up(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, _ = await add_counted_job(sessions)
    await add_counted_job(sessions, [*PAIRS[:1], ("Open the door.", "It is open now.")], dataset_id=dataset_id)
    await add_counted_job(sessions, [("Count the birds.", "There are nine birds.")])
    dataset = Scope("dataset", dataset_id)
    assert (await get_statistics(client, dataset))["state"] == "none"
    await count_due(resources)
    found = await get_statistics(client, dataset)
    assert (found["state"], found["jobs"]) == ("current", 2)
    assert (found["languages"][0]["pairs"], found["languages"][0]["unique_instructions"]) == (6, 4)
    assert found["roots"]["instruction"]["texts"] == 6
    assert found["table"][0]["unique_instructions"] == 4

    await get_statistics(client, Scope("all"))
    await count_due(resources)
    await client.post("/stats/refresh")  # the first one found a job that had not been counted
    await count_due(resources)
    everything = await get_statistics(client, Scope("all"))
    assert (everything["state"], everything["jobs"], everything["id"]) == ("current", 3, None)
    assert (everything["languages"][0]["pairs"], everything["languages"][0]["unique_instructions"]) == (7, 5)
    assert [row["instructions"] for row in everything["table"]] == [6, 1]
    assert [row["unique_instructions"] for row in everything["table"]] == [4, 1]


async def test_rejected_pairs_are_left_out_of_what_is_counted(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    _, job_id = await add_counted_job(sessions)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE pair SET status = 'rejected' WHERE instruction LIKE 'Why%'"))
    await get_statistics(client, Scope("job", job_id))
    await count_due(resources)
    found = await get_statistics(client, Scope("job", job_id))
    assert found["state"] == "current"
    assert found["languages"][0]["instruction"]["n"] == 3
    assert found["languages"][0]["unique_instructions"] == 2


async def test_what_has_no_pairs_is_current_and_never_counted(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    dataset_id, _ = await add_dataset(sessions, 3)
    for scope in (Scope("dataset", dataset_id), Scope("all")):
        found = await get_statistics(client, scope)
        assert (found["state"], found["as_of"], found["is_being_counted"]) == ("current", None, False)
        assert [row["items"] for row in found["table"]] == [3]
    assert await count_due(resources) == 0


async def test_etags_waits_and_refusals(client: httpx2.AsyncClient, resources: Resources, sessions: Sessions) -> None:
    _, job_id = await add_counted_job(sessions)
    path = path_of(Scope("job", job_id))
    assert (await client.get(path)).headers["retry-after"] == "1"
    await count_due(resources)
    waited = await client.get(path, headers={"Prefer": "wait=30"})
    assert (waited.headers["preference-applied"], waited.json()["state"]) == ("wait=30", "current")
    assert (await client.get(path, headers={"If-None-Match": waited.headers["etag"]})).status_code == 304
    assert_problem(await client.get("/jobs/job_0000000000009/stats"), 404, "not_found")
    assert_problem(await client.post("/datasets/ds_0000000000009/stats/refresh"), 404, "not_found")
    assert_problem(await client.get(path, headers={"Accept": "text/csv"}), 406, "not_acceptable")


async def test_a_refresh_asked_for_twice_is_one_run_and_keeps_its_key(
    client: httpx2.AsyncClient, resources: Resources, sessions: Sessions
) -> None:
    _, job_id = await add_counted_job(sessions)
    path = f"{path_of(Scope('job', job_id))}/refresh"
    first, again, replayed = [
        await client.post(path, headers=headers)
        for headers in ({"Idempotency-Key": "count-1"}, {}, {"Idempotency-Key": "count-1"})
    ]
    assert {answer.status_code for answer in (first, again, replayed)} == {202}
    assert first.headers["location"] == f"/v1{path.removesuffix('/refresh')}"
    assert replayed.headers["idempotent-replayed"] == "true"
    assert await count_due(resources) == 2  # the job, and its dataset after it
    assert (await client.post(path)).json()["is_being_counted"] is True
