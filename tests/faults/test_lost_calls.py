"""Calls whose end nobody knows: what they count for, when they stop counting, and that none stays open for ever."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from sqlalchemy import text

from app.services.jobs import act_on_job
from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, working
from workers.gates import POISON_LOSSES

_ADD_CALL = text(
    """
    INSERT INTO call (job_id, shard_id, fence, worker, stage, item_id, sample, state)
    SELECT s.job_id, s.id, :fence, 'gone', 'generate', i.id, 0, :state
    FROM shard s JOIN job j ON j.id = s.job_id JOIN item i ON i.dataset_id = j.dataset_id AND i.position = 0
    WHERE s.job_id = :job AND 0 = ANY(s.positions)
    """
)
_STATES = text("SELECT state, count(*) AS n FROM call WHERE job_id = :job GROUP BY state")


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=3) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


async def test_an_item_that_lost_many_workers_is_set_aside_until_it_is_asked_for_again(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 5))
    await _add_calls(sessions, job_id, POISON_LOSSES, "unknown", fence=0)
    async with working(settings) as engine:
        await finish(sessions, job_id)
        assert (await counts_of(sessions, job_id))["items.poison"] == 1
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "retry-failed")
        engine.ring()
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert (counts["items.done"], counts["usage.calls"]) == (5, 5)
    assert await _count_states(sessions, job_id) == {"ok": 5, "unknown": POISON_LOSSES}
    assert (await endpoint.stats())["requests"] == 5


async def test_an_intent_that_was_never_sent_does_not_stay_open(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 5))
    await _add_calls(sessions, job_id, 1, "started", fence=1)
    async with working(settings):
        await finish(sessions, job_id)
    assert await _count_states(sessions, job_id) == {"ok": 5, "unknown": 1}


async def _add_calls(sessions: Sessions, job_id: int, calls: int, state: str, fence: int) -> None:
    async with sessions.begin() as session:
        for _ in range(calls):
            await session.execute(_ADD_CALL, {"job": job_id, "state": state, "fence": fence})


async def _count_states(sessions: Sessions, job_id: int) -> dict[str, int]:
    async with sessions() as session:
        return {row.state: row.n for row in await session.execute(_STATES, {"job": job_id})}
