"""Jobs that check what their pairs claim: flagged with the evidence, rejected, or mended by one further call."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.errors import InvalidRequestError
from app.services.jobs import act_on_job
from app.services.reruns import Rerun
from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, working

ANNOTATION = "A cat beside a laptop.\ncat: [0, 0, 0.2, 0.2]\nlaptop: [0.5, 0, 0.4, 0.4]"
RIGHT = {"instruction": "What lies on the left?", "response": "A cat lies to the left of the laptop."}
WRONG = {"instruction": "What else is there?", "response": "There is a horse in the picture."}
MENDED = {"instruction": "What else is there?", "response": "There is a laptop in the picture."}


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(says=orjson.dumps({"pairs": [RIGHT, WRONG]}).decode()) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


async def test_a_wrong_claim_flags_its_pair_and_points_to_the_evidence(sessions: Sessions, settings: Settings) -> None:
    job_id = await run(sessions, settings, {"policy": "flag"})
    assert await list_pairs(sessions, job_id) == [
        (0, "accepted", [], RIGHT["response"]),
        (1, "flagged", ["ungrounded_object"], WRONG["response"]),
    ]
    async with sessions() as session:
        query = text("SELECT evidence FROM pair_finding WHERE job_id = :job")
        (evidence,) = (await session.execute(query, {"job": job_id})).scalars()
    start, end = evidence["span"]
    assert WRONG["response"][start:end] == evidence["claim"] == "a horse"


async def test_a_wrong_claim_rejects_its_pair_and_keeps_the_others(sessions: Sessions, settings: Settings) -> None:
    job_id = await run(sessions, settings, {"policy": "reject"})
    assert [row[3] for row in await list_pairs(sessions, job_id)] == [RIGHT["response"]]
    assert (await counts_of(sessions, job_id))["rejected.ungrounded_object"] == 1


async def test_an_item_without_a_pair_that_holds_fails(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(says=orjson.dumps({"pairs": [WRONG]}).decode())
    job_id = await run(sessions, settings, {"policy": "reject"})
    assert (await counts_of(sessions, job_id))["items.failed"] == 1


async def test_a_wrong_pair_is_asked_for_once_more_and_replaced(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(mends=orjson.dumps({"pairs": [MENDED]}).decode())
    job_id = await run(sessions, settings, {"policy": "repair"})
    assert await list_pairs(sessions, job_id) == [
        (0, "accepted", [], RIGHT["response"]),
        (1, "accepted", [], MENDED["response"]),
    ]
    assert (await counts_of(sessions, job_id))["usage.calls"] == 2
    async with sessions() as session:
        edits = text("SELECT kind, rule, response_before, response_after FROM pair_edit WHERE job_id = :job")
        assert [tuple(row) for row in await session.execute(edits, {"job": job_id})] == [
            ("repair", "grounding", WRONG["response"], MENDED["response"])
        ]


@pytest.mark.parametrize(("then", "kept"), [("flag", ["accepted", "flagged"]), ("reject", ["accepted"])])
async def test_what_is_wrong_after_its_repair_is_flagged_or_rejected(
    sessions: Sessions, settings: Settings, then: str, kept: list[str]
) -> None:
    job_id = await run(sessions, settings, {"policy": "repair", "then": then})
    assert [row[1] for row in await list_pairs(sessions, job_id)] == kept
    assert (await counts_of(sessions, job_id))["usage.calls"] == 2


async def test_a_reply_stays_as_it_was_where_the_repair_brings_nothing(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(mends="Nothing to add.")
    job_id = await run(sessions, settings, {"policy": "repair"})
    assert [row[1] for row in await list_pairs(sessions, job_id)] == ["accepted", "flagged"]


async def test_a_rerun_takes_up_the_repair_and_asks_nobody(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(mends=orjson.dumps({"pairs": [MENDED]}).decode())
    job_id = await run(sessions, settings, {"policy": "repair"})
    before = await list_pairs(sessions, job_id)
    await rerun(sessions, settings, job_id)
    assert await list_pairs(sessions, job_id) == before
    assert (await endpoint.stats())["requests"] == 2


async def test_a_rerun_that_finds_new_faults_flags_them_and_asks_nobody(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await run(sessions, settings, {"policy": "off"})
    async with sessions.begin() as session:
        await session.execute(text("""UPDATE job SET policies = '{"grounding": {"policy": "repair"}}'"""))
    await rerun(sessions, settings, job_id)
    assert [row[1] for row in await list_pairs(sessions, job_id)] == ["accepted", "flagged"]
    assert (await endpoint.stats())["requests"] == 1


async def test_exact_counts_hold_over_a_repair(sessions: Sessions, settings: Settings, endpoint: Endpoint) -> None:
    await endpoint.set_mode(mends=orjson.dumps({"pairs": [MENDED, RIGHT]}).decode())
    job_id = await run(sessions, settings, {"policy": "repair", "then": "reject"}, pairs_per_item=2)
    assert [(row[0], row[3]) for row in await list_pairs(sessions, job_id)] == [
        (0, RIGHT["response"]),
        (1, MENDED["response"]),
    ]


async def test_a_target_of_pairs_holds_over_a_repair_and_its_rerun(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(mends=orjson.dumps({"pairs": [MENDED]}).decode())
    job_id = await run(sessions, settings, {"policy": "repair"}, target_pairs=1)
    kept = await list_pairs(sessions, job_id)
    assert [row[3] for row in kept] == [RIGHT["response"]]
    await rerun(sessions, settings, job_id)
    assert await list_pairs(sessions, job_id) == kept


@pytest.mark.parametrize("grounding", [None, {"policy": "off"}, {"policy": "flag", "classes": ["count"]}])
async def test_what_is_not_to_be_checked_is_left_alone(
    sessions: Sessions, settings: Settings, grounding: dict[str, Any] | None
) -> None:
    job_id = await run(sessions, settings, grounding)
    assert [row[1] for row in await list_pairs(sessions, job_id)] == ["accepted", "accepted"]


async def test_an_order_with_a_faulty_policy_is_refused(sessions: Sessions, settings: Settings) -> None:
    dataset_id = await add_dataset(sessions, 1)
    with pytest.raises(InvalidRequestError) as refused:
        await order(sessions, settings, dataset_id, policies={"grounding": {"policy": "maybe"}})
    assert [fault.pointer for fault in refused.value.errors] == ["/grounding/policy"]


async def rerun(sessions: Sessions, settings: Settings, job_id: int) -> None:
    async with sessions.begin() as session:
        await act_on_job(session, job_id, "rerun", Rerun("filter"))
    async with working(settings, "another-worker"):
        await finish(sessions, job_id)


async def run(sessions: Sessions, settings: Settings, grounding: dict[str, Any] | None, **policies: Any) -> int:
    """The id of a finished job about one item."""
    dataset_id = await add_dataset(sessions, 1)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE item SET sentences = :text"), {"text": ANNOTATION})
    policies |= {} if grounding is None else {"grounding": grounding}
    job_id = await order(sessions, settings, dataset_id, policies=policies)
    async with working(settings):
        await finish(sessions, job_id)
    return job_id


async def list_pairs(sessions: Sessions, job_id: int) -> list[tuple[Any, ...]]:
    async with sessions() as session:
        query = text("SELECT ordinal, status, flags, response FROM pair WHERE job_id = :job ORDER BY ordinal")
        return [tuple(row) for row in await session.execute(query, {"job": job_id})]
