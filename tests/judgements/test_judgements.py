"""Judgements over HTTP: from an order to a report, through a judging job that leaves the judged one as it is."""

import orjson
from sqlalchemy import text as sql

from app.ids import decode_id
from app.store.session import Sessions
from tests.judgements.conftest import PAIRS, Bench
from tests.support.orders import counts_of
from tests.support.waiting import wait_until

CAP_USD = 0.0014
"""What a call may cost at most, and what a few calls do cost."""

WORDS = ("horse", "silk", "laptop", "What")


def entry(pair_id: str, score: object) -> dict[str, object]:
    return {"id": pair_id, "score": score}


async def test_a_judgement_goes_from_an_order_to_its_report(bench: Bench) -> None:
    before = await bench.house.get(f"/jobs/{bench.job['id']}")
    cat, horse, silk = await bench.pairs()
    await bench.say(entry(cat, 4), entry(horse, 0), entry(silk, 1))
    response = await bench.house.client.post(bench.path, json={"items": 5, "seed": 3})
    made = response.json()
    assert (response.status_code, made["report"], made["judged_job_id"]) == (202, None, bench.job["id"])
    assert response.headers["location"] == f"/v1{bench.path}/{made['id']}"
    judging = await bench.house.finish(f"/jobs/{made['job_id']}")
    assert (judging["metadata"]["judged_job_id"], judging["metadata"]["role"]) == (bench.job["id"], "judge")

    view = await bench.house.get(f"{bench.path}/{made['id']}")
    assert (view["state"], view["model"], view["seed"]) == ("completed", "gpt-4o-mini", 3)
    report = view["report"]
    assert (report["items"], report["pairs"], report["unjudged"], report["unusable_scores"]) == (1, 3, 0, 0)
    assert report["scores"] == {"0": 1, "1": 1, "4": 1}
    agreement = report["agreement"]
    assert agreement["rules_and_judge"] == {"holds/holds": 1, "holds/wrong": 1, "wrong/wrong": 1}
    assert (agreement["pairs"], round(agreement["observed"], 3), round(agreement["kappa"], 3)) == (3, 0.667, 0.4)
    assert report["agreement_by_class"]["object"]["rules_and_judge"] == {"holds/holds": 1, "wrong/wrong": 1}
    assert report["disputed"] == [silk]
    assert (report["failed_calls"], report["changed_since"], report["deleted_since"]) == ({}, [], [])
    assert report["usage"] == view["usage"] == judging["usage"]
    assert report["cost_usd"] == judging["cost_usd"] > 0
    assert (await bench.house.endpoint.stats())["accepted"] == 1
    assert not [word for word in WORDS if word in orjson.dumps(report).decode()]
    assert await bench.house.get(f"/jobs/{bench.job['id']}") == before


async def test_what_a_judge_says_beside_its_scores_is_counted_and_never_told(bench: Bench) -> None:
    cat, horse, silk = await bench.pairs()
    strange = {"id": "pair_0000000000001", "score": 4}
    await bench.say(entry(cat, 3), entry(cat, 0), entry(horse, 5), entry(silk, "silk"), strange, "horse", None)
    report = (await bench.judge())["report"]
    assert (report["pairs"], report["unjudged"], report["unusable_scores"]) == (3, 2, 6)
    assert report["scores"] == {"3": 1}
    assert not [word for word in WORDS if word in orjson.dumps(report).decode()]


async def test_a_judge_that_says_no_score_leaves_all_unjudged(bench: Bench) -> None:
    await bench.house.endpoint.set_mode(says="I would rather speak of the horse.")
    view = await bench.judge()
    assert view["state"] == "failed"
    report = view["report"]
    assert (report["pairs"], report["unjudged"], report["failed_calls"]) == (3, 3, {"no_verdict": 1})
    assert report["agreement"]["observed"] is None
    rejections = await bench.house.get(f"/jobs/{view['job_id']}/rejections")
    assert "horse" not in orjson.dumps(rejections).decode()


async def test_an_endpoint_without_schemas_is_asked_in_plain_text(wide_bench: Bench) -> None:
    await wide_bench.house.endpoint.set_mode(refuse_response_format=True)
    report = (await wide_bench.judge())["report"]
    assert (report["items"], report["pairs"], report["unjudged"]) == (12, 36, 0)


async def test_a_budget_pauses_the_judging_job_and_the_report_tells_what_was_bought(wide_bench: Bench) -> None:
    house = wide_bench.house
    made = await house.post(wide_bench.path, {"limits": {"max_cost_usd": CAP_USD, "concurrency": 1}})

    async def is_paused() -> bool:
        state: str = (await house.get(f"/jobs/{made['job_id']}"))["state"]
        return state == "paused"

    await wait_until(is_paused, "the end of the budget")
    paused = await house.get(f"{wide_bench.path}/{made['id']}")
    assert (paused["state"], paused["reason"], paused["report"]) == ("paused", "budget", None)
    await house.post(f"/jobs/{made['job_id']}/cancel", {})
    await house.finish(f"/jobs/{made['job_id']}")
    view = await house.get(f"{wide_bench.path}/{made['id']}")
    report = view["report"]
    assert (view["state"], report["items"], report["pairs"]) == ("cancelled", 12, 36)
    bought = view["items"]["done"]
    assert 0 < bought == report["usage"]["calls"] < 12
    assert report["unjudged"] == 36 - 3 * bought
    assert 0 < report["cost_usd"] <= CAP_USD


async def test_pairs_are_judged_as_they_were_posed_and_later_changes_are_named(
    bench: Bench, sessions: Sessions
) -> None:
    cat, horse, silk = await bench.pairs()
    await bench.say(entry(cat, 4), entry(horse, 0), entry(silk, 4))
    before = await bench.judge()
    client = bench.house.client
    shown = await bench.house.get(f"/pairs/{horse}")
    edit = {"status": "edited", "response": "There is a laptop in the picture."}
    edited = await client.patch(f"/pairs/{horse}", json=edit, headers={"If-Match": f'"{shown["etag"]}"'})
    assert edited.status_code == 200, edited.text
    shown = await bench.house.get(f"/pairs/{silk}")
    gone = await client.delete(f"/pairs/{silk}", headers={"If-Match": f'"{shown["etag"]}"'})
    assert gone.status_code == 204, gone.text
    after = await bench.house.get(f"{bench.path}/{before['id']}")
    named = {"changed_since": [horse], "deleted_since": [silk]}
    assert after["report"] == {**before["report"], **named}
    again = (await bench.judge(seed=1))["report"]
    assert (again["pairs"], again["changed_since"], again["deleted_since"]) == (2, [], [])
    assert again["agreement"]["rules_and_judge"] == {"holds/holds": 1, "holds/wrong": 1}


async def test_a_judging_job_makes_no_pair_and_no_statistics(wide_bench: Bench, sessions: Sessions) -> None:
    house = wide_bench.house
    view = await wide_bench.judge()
    number = decode_id("job", view["job_id"])
    counts = await counts_of(sessions, number)
    assert (counts["items.done"], counts.get("pairs", 0), counts.get("rejected", 0)) == (12, 0, 0)
    async with sessions() as session:
        for table, column in (("statistic_run", "scope_id"), ("statistic", "scope_id"), ("pair", "job_id")):
            query = sql(f"SELECT count(*) FROM {table} WHERE {column} = :job")  # names of this test
            assert (await session.execute(query, {"job": number})).scalar_one() == 0, table
    everything = await house.get("/stats")
    assert [row["dataset"] for row in everything["table"]] == ["pictures"]
    assert everything["yield"]["items"]["total"] == 12
    assert everything["usage"]["calls"] == 24
    refused = await house.client.delete(f"/datasets/{view['dataset_id']}")
    assert refused.status_code == 409


async def test_judgements_are_listed_the_newest_first(bench: Bench) -> None:
    first, second = [(await bench.judge(seed=seed))["id"] for seed in (1, 2)]
    page = await bench.house.get(f"{bench.path}?limit=1")
    assert ([each["id"] for each in page["data"]], page["has_more"]) == ([second], True)
    rest = await bench.house.get(f"{bench.path}?limit=1&cursor={page['next_cursor']}")
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == ([first], False)
    assert "report" not in rest["data"][0]
    etag = (await bench.house.client.get(f"{bench.path}/{first}")).headers["etag"]
    wishes = {"If-None-Match": etag, "Prefer": "wait=5"}
    unchanged = await bench.house.client.get(f"{bench.path}/{first}", headers=wishes)
    assert (unchanged.status_code, unchanged.headers["preference-applied"]) == (304, "wait=5")
    assert (
        PAIRS[0]["response"]
        in orjson.dumps(await bench.house.get(f"/datasets/{page['data'][0]['dataset_id']}/items")).decode()
    )
