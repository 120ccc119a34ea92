"""Exactly as many pairs as were asked for, by a working engine: per item, per job, by several workers."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest_asyncio
from sqlalchemy import text

from app.pipeline.quotas import FURTHER_CALLS, SHORT, TARGET_REACHED
from app.services.fleet import release_worker
from app.services.jobs import act_on_job
from app.services.reruns import Rerun
from app.settings import Settings
from app.store.calls import Intent, RawAnswer, intend_calls, store_answers
from app.store.session import Sessions
from app.store.shards import claim_shard
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, working
from tests.support.waiting import wait_until

DEAD = "dead-worker"


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=3) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


async def order_pairs(sessions: Sessions, settings: Settings, items: int, **policies: Any) -> int:
    return await order(sessions, settings, await add_dataset(sessions, items), policies=policies)


async def pairs_by_item(sessions: Sessions, job_id: int) -> list[int]:
    """How many English pairs each item that has any has."""
    statement = text("SELECT count(*) FROM pair WHERE job_id = :job AND language = 'en' GROUP BY item_id")
    async with sessions() as session:
        return list((await session.execute(statement, {"job": job_id})).scalars())


async def texts_of(sessions: Sessions, job_id: int) -> list[tuple[Any, ...]]:
    statement = text(
        "SELECT item_id, ordinal, instruction, response, call_id FROM pair WHERE job_id = :job ORDER BY 1, 2"
    )
    async with sessions() as session:
        return [tuple(row) for row in await session.execute(statement, {"job": job_id})]


async def ends_of(sessions: Sessions, job_id: int) -> set[tuple[Any, ...]]:
    statement = text("SELECT DISTINCT state, code FROM item_state WHERE job_id = :job AND stage = 'generate'")
    async with sessions() as session:
        return {tuple(row) for row in await session.execute(statement, {"job": job_id})}


async def act(sessions: Sessions, job_id: int, action: Any, rerun: Rerun | None = None) -> None:
    async with sessions.begin() as session:
        await act_on_job(session, job_id, action, rerun)


async def test_an_item_is_asked_until_it_has_its_pairs_and_the_surplus_is_refused(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(pairs=2)
    job_id = await order_pairs(sessions, settings, 20, pairs_per_item=5)
    async with working(settings):
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert await pairs_by_item(sessions, job_id) == [5] * 20
    assert counts["rejected.surplus_pair"] == 20
    assert counts["usage.calls"] == (await endpoint.stats())["requests"] == 60
    assert set((await endpoint.keys()).values()) == {1}


async def test_what_an_item_cannot_give_is_explained_and_can_be_asked_for_again(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(pairs=1)
    job_id = await order_pairs(sessions, settings, 6, pairs_per_item=6)
    async with working(settings) as engine:
        job = await finish(sessions, job_id)
        counts = await counts_of(sessions, job_id)
        assert (job.state, job.reason) == ("completed", "6 items short of 6 pairs each")
        assert (counts["items.done"], counts[SHORT], counts["pairs"]) == (6, 6, 6 * (1 + FURTHER_CALLS))
        assert await ends_of(sessions, job_id) == {("done", SHORT)}
        kept = await texts_of(sessions, job_id)
        await endpoint.set_mode(pairs=3)
        await act(sessions, job_id, "retry-failed")
        engine.ring()
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, job.reason, counts.get(SHORT, 0)) == ("completed", None, 0)
    assert await pairs_by_item(sessions, job_id) == [6] * 6
    assert set(kept) < set(await texts_of(sessions, job_id))


async def test_a_rerun_of_items_that_took_several_replies_calls_nobody_and_gives_the_same_pairs(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(pairs=1)
    job_id = await order_pairs(sessions, settings, 10, pairs_per_item=3)
    short_id = await order_pairs(sessions, settings, 10, pairs_per_item=6)
    async with working(settings) as engine:
        for job in (job_id, short_id):
            await finish(sessions, job)
            before, counts = await texts_of(sessions, job), await counts_of(sessions, job)
            asked = (await endpoint.stats())["requests"]
            await act(sessions, job, "rerun", Rerun("parse"))
            engine.ring()
            await finish(sessions, job)
            assert await texts_of(sessions, job) == before
            assert await counts_of(sessions, job) == counts
            assert (await endpoint.stats())["requests"] == asked


async def test_a_job_stops_at_its_target_and_its_counts_add_up(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order_pairs(sessions, settings, 300, target_pairs=50)
    async with working(settings):
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert counts["pairs"] == 50
    assert counts["items.done"] + counts["items.skipped"] == 300
    asked = (await endpoint.stats())["requests"]
    assert counts["pairs"] + counts.get("rejected.surplus_pair", 0) == 3 * asked
    assert asked < 50


async def test_two_workers_keep_exactly_the_target_with_translations_and_numbers_per_item(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(latency_ms=20, pairs=2)
    dataset_id = await add_dataset(sessions, 200)
    policies = {"target_pairs": 100, "pairs_per_item": 3}
    job_id = await order(sessions, settings, dataset_id, policies=policies, languages=["zh"])
    async with working(settings, "worker-a"), working(settings, "worker-b"):
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert (counts["pairs"], counts["translations.zh"]) == (100, 100)
    assert max(await pairs_by_item(sessions, job_id)) == 3
    assert counts["items.done"] + counts["items.skipped"] == 200


async def test_a_target_that_the_items_do_not_give_says_so(sessions: Sessions, settings: Settings) -> None:
    job_id = await order_pairs(sessions, settings, 10, target_pairs=50)
    async with working(settings):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", "30 of 50 pairs, every item was asked")


async def test_a_rerun_of_a_job_with_a_target_keeps_the_same_pairs_and_calls_nobody(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order_pairs(sessions, settings, 100, target_pairs=50)
    async with working(settings) as engine:
        await finish(sessions, job_id)
        before, counts = await texts_of(sessions, job_id), await counts_of(sessions, job_id)
        asked = (await endpoint.stats())["requests"]
        await act(sessions, job_id, "rerun", Rerun("filter"))
        engine.ring()
        await finish(sessions, job_id)
    assert await texts_of(sessions, job_id) == before
    assert await counts_of(sessions, job_id) == counts
    assert (await endpoint.stats())["requests"] == asked


async def test_what_a_rerun_refuses_is_made_up_for_from_stored_surplus_and_then_by_asking(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order_pairs(sessions, settings, 100, target_pairs=50)
    async with working(settings) as engine:
        await finish(sessions, job_id)
        surplus = (await counts_of(sessions, job_id))["rejected.surplus_pair"]
        asked = (await endpoint.stats())["requests"]
        await forget_reply(sessions, job_id)
        await act(sessions, job_id, "rerun", Rerun("parse"))
        engine.ring()
        job = await finish(sessions, job_id)
        counts = await counts_of(sessions, job_id)
        assert counts["pairs"] == min(50, 47 + surplus)
        assert (await endpoint.stats())["requests"] == asked
        await act(sessions, job_id, "retry-failed")
        engine.ring()
        job = await finish(sessions, job_id)
    assert (await counts_of(sessions, job_id))["pairs"] == 50
    assert job.state == "completed"
    assert await ends_of(sessions, job_id) <= {("done", None), ("done", TARGET_REACHED), ("skipped", TARGET_REACHED)}


async def test_a_worker_that_dies_between_two_replies_costs_none_of_them(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(pairs=2)
    job_id = await order_pairs(sessions, settings, 4, pairs_per_item=5)
    await answer_once(sessions, job_id)
    await release_worker(sessions, DEAD)
    async with working(settings):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert await pairs_by_item(sessions, job_id) == [5] * 4
    assert (await endpoint.stats())["requests"] == 4 * 3 - 1
    assert ("Where is the first car?", "On the road beside the tree.") in [
        row[2:4] for row in await texts_of(sessions, job_id)
    ]


async def answer_once(sessions: Sessions, job_id: int) -> None:
    """The first item was asked once, by a worker that stored the reply and then died."""
    pairs = [
        {"instruction": "Where is the first car?", "response": "On the road beside the tree."},
        {"instruction": "Who walks by in the morning?", "response": "A person with a bag."},
    ]
    message = {"role": "assistant", "content": orjson.dumps({"pairs": pairs}).decode()}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    raw = orjson.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})
    async with sessions.begin() as session:
        await session.execute(text("UPDATE job SET state = 'in_progress' WHERE id = :job"), {"job": job_id})
        shard_id = (
            await session.execute(text("SELECT min(id) FROM shard WHERE job_id = :job"), {"job": job_id})
        ).scalar_one()
        lease = await claim_shard(session, shard_id, DEAD, 60.0)
        assert lease is not None
        item_id = (await session.execute(text("SELECT min(id) FROM item"))).scalar_one()
        (call_id,) = await intend_calls(
            session, [Intent(job_id, lease.shard_id, lease.fence, "generate", item_id, 0, (), 0, 0)], DEAD
        )
        assert call_id is not None
        await store_answers(session, [RawAnswer(call_id, raw, 200, 5)])


async def forget_reply(sessions: Sessions, job_id: int) -> None:
    """Let a stored reply that gave three pairs say nothing that can be kept, as a stricter rule would have it."""
    message = {"role": "assistant", "content": "Nothing to say."}
    raw = orjson.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": {}})
    statement = text(
        """
        UPDATE call SET raw = :raw WHERE id = (
            SELECT call_id FROM pair WHERE job_id = :job GROUP BY call_id HAVING count(*) = 3 ORDER BY call_id LIMIT 1
        )
        """
    )
    async with sessions.begin() as session:
        await session.execute(statement, {"job": job_id, "raw": raw})


async def test_a_kind_of_conversations_is_asked_for_further_ones_and_ends_in_the_middle_of_one(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    dataset_id = await add_dataset(sessions, 5, kind="scenes.SceneNavigation")
    job_id = await order(sessions, settings, dataset_id, policies={"pairs_per_item": 11})
    async with working(settings):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert (await endpoint.stats())["requests"] == 10
    statement = text("SELECT array_agg(conversation ORDER BY ordinal) FROM pair WHERE job_id = :job GROUP BY item_id")
    async with sessions() as session:
        found = (await session.execute(statement, {"job": job_id})).scalars().all()
    assert found == [[0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]] * 5
    await counts_of(sessions, job_id)


async def test_a_budget_and_a_target_hold_together(sessions: Sessions, settings: Settings) -> None:
    dataset_id = await add_dataset(sessions, 120)
    limits = {"max_cost_usd": 5.0}
    job_id = await order(sessions, settings, dataset_id, policies={"target_pairs": 40}, limits=limits)
    async with working(settings, "worker-a"), working(settings, "worker-b"):
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, counts["pairs"]) == ("completed", 40)
    assert job.held_micros == counts["cost_micros"]


async def test_a_paused_job_with_a_target_goes_on_to_it(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(latency_ms=50)
    job_id = await order_pairs(sessions, settings, 200, target_pairs=150, pairs_per_item=4)
    async with working(settings) as engine:
        await wait_until(lambda: _has_pairs(sessions), "a first pair")
        await act(sessions, job_id, "pause")
        await wait_until(lambda: _is_quiet(sessions), "the end of every lease")
        await act(sessions, job_id, "resume")
        engine.ring()
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, job.reason, counts["pairs"]) == ("completed", None, 150)
    assert set((await endpoint.keys()).values()) == {1}


async def _has_pairs(sessions: Sessions) -> bool:
    async with sessions() as session:
        return (await session.execute(text("SELECT 1 FROM pair LIMIT 1"))).first() is not None


async def _is_quiet(sessions: Sessions) -> bool:
    async with sessions() as session:
        return (await session.execute(text("SELECT 1 FROM shard WHERE state = 'leased' LIMIT 1"))).first() is None
