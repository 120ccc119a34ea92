"""A job's states under a working engine: cancelled, expired, paused by an outage, and bounded waits for each."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.clock import utc_now
from app.services.jobs import act_on_job
from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, state_of, working
from tests.support.waiting import wait_until


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=2, latency_ms=50) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path, concurrency=4)


async def test_a_cancelled_job_keeps_what_was_paid_for_and_its_counts_add_up(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(answers=20)
    job_id = await order(sessions, settings, await add_dataset(sessions, 200))
    async with working(settings):
        await wait_until(lambda: has_outcomes(sessions), "a first outcome")
        async with sessions.begin() as session:
            assert (await act_on_job(session, job_id, "cancel")).state == "cancelling"
        await endpoint.set_mode(answers=-1)
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert job.state == "cancelled"
    assert 0 < counts["items.done"] < 200
    assert counts["items.done"] == counts["usage.calls"] == (await endpoint.stats())["requests"]


async def test_cancelling_twice_is_cancelling_once(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 4))
    for _ in range(2):
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "cancel")
    async with working(settings):
        assert (await finish(sessions, job_id)).state == "cancelled"
    async with sessions() as session:
        events = text("SELECT type FROM job_event WHERE job_id = :job ORDER BY seq")
        assert (await session.execute(events, {"job": job_id})).scalars().all() == [
            "job.created",
            "job.queued",
            "job.cancelling",
            "job.cancelled",
        ]


async def test_a_job_past_its_deadline_expires_and_can_be_run_again(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    deadline = (utc_now() + timedelta(hours=1)).isoformat()
    dataset_id = await add_dataset(sessions, 400)
    job_id = await order(sessions, settings, dataset_id, limits={"deadline_at": deadline, "concurrency": 2})
    await endpoint.set_mode(answers=4)
    async with working(settings):
        await wait_until(lambda: has_outcomes(sessions), "a first outcome")
        async with sessions.begin() as session:
            await session.execute(text("UPDATE job SET deadline_at = deadline_at - interval '1 hour'"))
        job = await finish(sessions, job_id)
        await endpoint.set_mode(answers=-1)
    assert (job.state, job.reason) == ("expired", "deadline")
    assert (await counts_of(sessions, job_id))["items.done"] < 400


async def test_an_outage_that_lasts_pauses_the_job_and_an_answer_ends_the_count(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(outage="503")
    job_id = await order(sessions, settings, await add_dataset(sessions, 20))
    impatient = settings.model_copy(update={"outage_pause_s": 1.0})
    async with working(impatient):
        await wait_until(lambda: is_paused(sessions, job_id), "the pause")
        assert (await state_of(sessions, job_id)).reason == "provider_outage"
    await endpoint.set_mode(outage="")
    async with sessions.begin() as session:
        await act_on_job(session, job_id, "resume")
    async with working(impatient, "next-worker"):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason, job.outage_since) == ("completed", None, None)
    assert (await counts_of(sessions, job_id))["items.done"] == 20


async def has_outcomes(sessions: Sessions) -> bool:
    async with sessions() as session:
        return (await session.execute(text("SELECT 1 FROM item_state LIMIT 1"))).first() is not None


async def is_paused(sessions: Sessions, job_id: int) -> bool:
    return (await state_of(sessions, job_id)).state == "paused"


async def test_a_budget_that_is_spent_while_the_pause_fails_ends_no_worker(
    sessions: Sessions, settings: Settings, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 3), limits={"max_cost_usd": 0.000001})
    async with sessions.begin() as session:
        await session.execute(text("ALTER TABLE job ADD CONSTRAINT no_pause CHECK (state <> 'paused')"))
    try:
        async with working(settings) as engine:
            await wait_until(lambda: "pause_failed" in caplog.text or engine.failed.is_set(), "a pause that fails")
            assert not engine.failed.is_set()
            async with sessions.begin() as session:
                await session.execute(text("ALTER TABLE job DROP CONSTRAINT no_pause"))
            await wait_until(lambda: is_paused(sessions, job_id), "the pause made good")
    finally:
        async with sessions.begin() as session:
            await session.execute(text("ALTER TABLE job DROP CONSTRAINT IF EXISTS no_pause"))
    assert (await state_of(sessions, job_id)).reason == "budget"
    assert (await endpoint.stats())["requests"] == 0
