"""No call stays open for ever: what nobody will record any more is settled by the leader, counted and billed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.services.fleet import advance_jobs, release_worker
from app.services.jobs import act_on_job
from app.services.late_answers import settle_open_calls
from app.services.reruns import Rerun
from app.settings import Settings
from app.store.calls import Intent, RawAnswer, intend_calls, store_answers
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.lost_calls import DEAD, call_states, open_call, reply
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, state_of, working
from tests.support.reruns import preview, rerun
from tests.support.waiting import wait_until


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=2) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path, shard_items=100)


async def store(sessions: Sessions, call_id: int, *, long_ago: bool = True) -> None:
    """An answer that its worker stored, and did not live to record."""
    async with sessions.begin() as session:
        await store_answers(session, [RawAnswer(call_id, reply("too late?"), 200, 5)])
        if long_ago:
            past = "UPDATE call SET finished_at = finished_at - interval '2 minutes' WHERE id = :id"
            await session.execute(text(past), {"id": call_id})


async def end_unit(sessions: Sessions, job_id: int, call_id: int) -> None:
    """The unit of the call ended meanwhile, by another one."""
    ended = """
        INSERT INTO item_state (job_id, stage, item_id, sample, state)
        SELECT :job, 'generate', item_id, 0, 'failed' FROM call WHERE id = :id
    """
    async with sessions.begin() as session:
        await session.execute(text(ended), {"job": job_id, "id": call_id})
        await session.execute(text("INSERT INTO tally VALUES (:job, 'items.failed', 0, 1)"), {"job": job_id})


async def test_an_answer_stored_after_the_job_ended_is_billed_by_the_leader(
    sessions: Sessions, settings: Settings
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 4))
    call_id = await open_call(sessions, job_id)
    await release_worker(sessions, DEAD)
    async with working(settings):
        await finish(sessions, job_id)
        before = await counts_of(sessions, job_id)
        await store(sessions, call_id)
        await wait_until(lambda: has_no_open_call(sessions), "the late answer settled")
    after = await counts_of(sessions, job_id)
    assert await call_states(sessions) == {"ok": 4, "superseded": 1}
    assert after["usage.calls"] == before["usage.calls"] + 1
    assert after["usage.prompt_tokens"] == before["usage.prompt_tokens"] + 10
    assert (after["pairs"], after["items.done"]) == (before["pairs"], 4)


async def test_an_answer_that_its_worker_may_yet_record_is_left_to_it(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 2))
    call_id = await open_call(sessions, job_id)
    await end_unit(sessions, job_id, call_id)
    await store(sessions, call_id, long_ago=False)
    await settle_open_calls(sessions)
    assert await call_states(sessions) == {"stored": 1}


async def test_what_a_cancelled_job_paid_for_is_billed_and_read_without_a_call_should_it_run_again(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 4))
    call_id = await open_call(sessions, job_id)
    await store(sessions, call_id)
    await settle_open_calls(sessions)
    assert await call_states(sessions) == {"stored": 1}  # whoever claims the shard next reads it
    async with sessions.begin() as session:
        await act_on_job(session, job_id, "cancel")
    await release_worker(sessions, DEAD)
    await advance_jobs(sessions, settings)
    await settle_open_calls(sessions)
    counts = await counts_of(sessions, job_id)
    assert (await state_of(sessions, job_id)).state == "cancelled"
    assert await call_states(sessions) == {"recovered": 1}
    assert (counts["usage.calls"], counts["usage.prompt_tokens"], counts.get("pairs", 0)) == (1, 10, 0)
    async with sessions.begin() as session:
        await act_on_job(session, job_id, "rerun", Rerun("parse"))
    async with working(settings):
        await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (counts["items.done"], counts["usage.calls"]) == (4, 4)
    assert (await endpoint.stats())["requests"] == 3


async def test_of_two_answers_that_a_cancelled_job_got_about_an_item_one_counts(
    sessions: Sessions, settings: Settings
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 1))
    calls = []
    for number in range(2):
        calls.append(await open_call(sessions, job_id))
        await release_worker(sessions, DEAD)
        async with sessions.begin() as session:
            await store_answers(session, [RawAnswer(calls[number], reply(f"where is number {number}?"), 200, 5)])
    async with sessions.begin() as session:
        await act_on_job(session, job_id, "cancel")
    await advance_jobs(sessions, settings)
    await settle_open_calls(sessions)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE call SET finished_at = finished_at - interval '2 minutes'"))
    await settle_open_calls(sessions)
    assert await call_states(sessions) == {"recovered": 2}
    async with sessions.begin() as session:
        await act_on_job(session, job_id, "rerun", Rerun("parse"))
    async with working(settings) as engine:
        await finish(sessions, job_id)
        counts = await counts_of(sessions, job_id)
        assert (counts["pairs"], counts["usage.calls"]) == (1, 2)
        assert (await preview(sessions, job_id, None))["counts"]["items_changed"] == 0
        await rerun(sessions, engine, job_id)
    assert await counts_of(sessions, job_id) == counts


async def test_an_answer_about_an_item_that_ended_waits_for_no_end_of_its_job(
    sessions: Sessions, settings: Settings
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 2))
    call_id = await open_call(sessions, job_id)
    await end_unit(sessions, job_id, call_id)
    await store(sessions, call_id)
    await settle_open_calls(sessions)
    assert await call_states(sessions) == {"superseded": 1}
    assert (await counts_of(sessions, job_id))["usage.calls"] == 1


async def test_an_answer_does_not_end_an_item_whose_end_is_taken_back_meanwhile(
    sessions: Sessions, settings: Settings
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 2))
    call_id = await open_call(sessions, job_id)
    await end_unit(sessions, job_id, call_id)
    await store(sessions, call_id)

    async def has_gone_on() -> bool:
        async with sessions() as session:
            waiting = text("SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0")
            return settling.done() or bool((await session.execute(waiting)).scalar_one())

    async with sessions.begin() as session:
        await session.execute(text("DELETE FROM item_state WHERE job_id = :job"), {"job": job_id})
        await session.execute(text("DELETE FROM tally WHERE key = 'items.failed'"))
        settling = asyncio.ensure_future(settle_open_calls(sessions))
        await wait_until(has_gone_on, "the answer settled")
    await settling
    assert await call_states(sessions) == {"superseded": 1}
    assert (await counts_of(sessions, job_id)).get("items.done", 0) == 0


async def test_calls_about_no_item_that_are_opened_together_are_calls_of_their_own(
    sessions: Sessions, settings: Settings
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 2))
    await open_call(sessions, job_id)
    async with sessions.begin() as session:
        (shard_id, fence) = (await session.execute(text("SELECT shard_id, fence FROM call"))).one()
        about = [Intent(job_id, shard_id, held, "generate", 0, 0, (), 0, 0) for held in (fence, fence - 1, fence)]
        first, fenced, second = await intend_calls(session, about, DEAD)
    assert fenced is None
    assert None not in {first, second}
    assert first != second
    assert await call_states(sessions) == {"started": 3}


async def test_an_answer_about_no_item_is_billed_while_the_job_runs(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 2))
    call_id = await open_call(sessions, job_id)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE call SET item_id = 0 WHERE id = :id"), {"id": call_id})
    await store(sessions, call_id)
    await settle_open_calls(sessions)
    assert await call_states(sessions) == {"recovered": 1}
    assert (await counts_of(sessions, job_id))["usage.calls"] == 1


@pytest.mark.parametrize("change", ["state = 'ready', owner = NULL", "fence = fence + 1"])
async def test_a_call_whose_lease_is_gone_is_lost_and_one_whose_lease_holds_is_not(
    sessions: Sessions, settings: Settings, change: str
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 2))
    await open_call(sessions, job_id)
    await settle_open_calls(sessions)
    assert await call_states(sessions) == {"started": 1}
    async with sessions.begin() as session:
        await session.execute(text(f"UPDATE shard SET {change} WHERE job_id = :job"), {"job": job_id})
    await settle_open_calls(sessions)
    assert await call_states(sessions) == {"unknown": 1}


async def test_a_stamp_of_an_outage_that_its_worker_left_behind_pauses_no_job_that_is_answered(
    sessions: Sessions, settings: Settings
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 2))
    call_id = await open_call(sessions, job_id)
    stamp = text("UPDATE job SET outage_since = now() - interval '2 days' WHERE id = :job")
    async with sessions.begin() as session:
        await session.execute(stamp, {"job": job_id})
    await store(sessions, call_id)
    await advance_jobs(sessions, settings)
    job = await state_of(sessions, job_id)
    assert job.state == "in_progress"
    async with sessions.begin() as session:
        await session.execute(
            text("UPDATE call SET finished_at = now() - interval '3 days' WHERE job_id = :job"), {"job": job_id}
        )
        await session.execute(stamp, {"job": job_id})
    await advance_jobs(sessions, settings)
    job = await state_of(sessions, job_id)
    assert (job.state, job.reason) == ("paused", "provider_outage")


async def has_no_open_call(sessions: Sessions) -> bool:
    return not {"started", "stored"} & (await call_states(sessions)).keys()
