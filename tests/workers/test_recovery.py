"""What a worker left behind when it died: answers are read without a call, and killers of workers are set aside."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from sqlalchemy import text

from app.services.fleet import release_worker
from app.settings import Settings
from app.store.calls import Intent, RawAnswer, intend_calls, store_answers
from app.store.outcomes import NewPair, Outcome
from app.store.recording import record_outcomes
from app.store.session import Sessions
from app.store.tallies import read_tallies
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.lost_calls import DEAD, call_states, open_call, reply
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, working
from workers.gates import POISON_LOSSES
from workers.spool import Spool


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=2) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path, shard_items=100)


async def test_a_stored_answer_is_recovered_without_a_call(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 8))
    call_id = await open_call(sessions, job_id)
    async with sessions.begin() as session:
        await store_answers(session, [RawAnswer(call_id, reply("the red car?", "the old tree?"), 200, 5)])
    await release_worker(sessions, DEAD)
    async with working(settings):
        await finish(sessions, job_id)
    assert (await counts_of(sessions, job_id))["items.done"] == 8
    assert (await endpoint.stats())["requests"] == 7
    assert await call_states(sessions) == {"ok": 7, "recovered": 1}


async def test_an_answer_in_the_spool_of_a_dead_worker_is_recovered_without_a_call(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 8))
    call_id = await open_call(sessions, job_id)
    spool = Spool(settings.home / "spool", DEAD)
    spool.write([RawAnswer(call_id, reply("the red car?"), 200, 5)])
    spool.close()
    await release_worker(sessions, DEAD)
    async with working(settings):
        await finish(sessions, job_id)
    assert (await endpoint.stats())["requests"] == 7
    assert await call_states(sessions) == {"ok": 7, "recovered": 1}


async def test_an_item_whose_worker_dies_time_and_again_is_poison_and_holds_up_nobody(
    sessions: Sessions, settings: Settings
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 8))
    for _ in range(POISON_LOSSES):
        await open_call(sessions, job_id)
        await release_worker(sessions, DEAD)
    async with working(settings):
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (counts["items.done"], counts["items.poison"]) == (7, 1)
    assert (job.state, job.reason) == ("completed", "1 item set aside as poison")


async def test_a_late_answer_to_an_item_that_was_answered_is_kept_billed_and_superseded(
    sessions: Sessions, settings: Settings
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 4))
    call_id = await open_call(sessions, job_id)
    await release_worker(sessions, DEAD)
    async with working(settings):
        await finish(sessions, job_id)
    before = await counts_of(sessions, job_id)
    async with sessions.begin() as session:
        await store_answers(session, [RawAnswer(call_id, reply("too late?"), 200, 5)])
        item_id = (await session.execute(text("SELECT item_id FROM call WHERE id = :id"), {"id": call_id})).scalar_one()
        pair = NewPair(0, "en", "too late?", "yes", 3)
        late = Outcome(job_id, "generate", item_id, 0, "done", call_id, "ok", pairs=(pair,))
        await record_outcomes(session, [late], 0)
    after = await counts_of(sessions, job_id)
    assert after["pairs"] == before["pairs"]
    assert after["usage.calls"] == before["usage.calls"] + 1
    assert (await call_states(sessions))["superseded"] == 1


async def test_a_late_answer_whose_worker_died_before_recording_it_is_billed_when_the_job_ends(
    sessions: Sessions, settings: Settings
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 4))
    call_id = await open_call(sessions, job_id)
    async with sessions.begin() as session:
        values = {"job": job_id, "id": call_id}
        ended = """
            INSERT INTO item_state (job_id, stage, item_id, sample, state)
            SELECT :job, 'generate', item_id, 0, 'failed' FROM call WHERE id = :id
        """
        await session.execute(text(ended), values)
        await session.execute(text("INSERT INTO tally VALUES (:job, 'items.failed', 0, 1)"), {"job": job_id})
        await store_answers(session, [RawAnswer(call_id, reply("too late?"), 200, 5)])
    await release_worker(sessions, DEAD)
    async with working(settings):
        await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (await call_states(sessions)) == {"ok": 3, "superseded": 1}
    assert counts["usage.calls"] == 4
    assert counts["items.failed"] == 1


async def test_a_worker_that_lost_its_lease_can_start_no_call(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 4))
    await open_call(sessions, job_id)
    async with sessions.begin() as session:
        row = (await session.execute(text("SELECT id, fence FROM shard WHERE owner = :w"), {"w": DEAD})).one()
        item_id = (await session.execute(text("SELECT max(id) FROM item"))).scalar_one()
    await release_worker(sessions, DEAD)
    async with sessions.begin() as session:
        stale = Intent(job_id, row.id, row.fence, "generate", item_id, 0, (), 0, 0)
        assert await intend_calls(session, [stale], DEAD) == [None]
        assert (await read_tallies(session, [job_id]))[job_id]["usage.calls"] == 0
