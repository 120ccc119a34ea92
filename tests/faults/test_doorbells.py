"""Messages are hints: whatever lies in the queue, only what PostgreSQL says is due is worked, and once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest_asyncio
from redis.asyncio import Redis
from sqlalchemy import text

from app.cancelling import end_tasks
from app.queue import TASK_EXPORT, TASK_SHARD, open_pool
from app.services.jobs import act_on_job
from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, working
from tests.support.waiting import wait_until
from workers.main import listen

WORKER = "rung-worker"
_TRACES = text(
    """
    SELECT (SELECT count(*) FROM call), (SELECT sum(fence) FROM shard), (SELECT count(*) FROM pair),
        (SELECT count(*) FROM job_event), (SELECT count(*) FROM export)
    """
)


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=3) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis: Redis, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


async def test_forged_and_stale_messages_have_no_effect(
    sessions: Sessions, settings: Settings, endpoint: Endpoint, redis: Redis
) -> None:
    dataset_id = await add_dataset(sessions, 20)
    async with _listening(settings):
        done = await order(sessions, settings, dataset_id)
        await finish(sessions, done)
        paused = await order(sessions, settings, dataset_id)
        async with sessions.begin() as session:
            await act_on_job(session, paused, "pause")
        await wait_until(lambda: _is_quiet(sessions), "the end of every lease")
        before, asked = await _trace(sessions), (await endpoint.stats())["requests"]
        await _forge(settings, redis, await _list_shards(sessions))
        await wait_until(lambda: _is_read(settings, redis), "the reading of every message")
        assert await _trace(sessions) == before
        assert (await endpoint.stats())["requests"] == asked
        fresh = await order(sessions, settings, dataset_id)
        job = await finish(sessions, fresh)
    assert (job.state, job.reason) == ("completed", None)
    assert (await counts_of(sessions, fresh))["items.done"] == 20


async def test_a_message_rung_many_times_is_worked_once(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(latency_ms=50)
    async with _listening(settings):
        job_id = await order(sessions, settings, await add_dataset(sessions, 40))
        pool = await open_pool(str(settings.redis_url), settings.queue_name)
        for shard_id in 20 * await _list_shards(sessions):
            await pool.enqueue_job(TASK_SHARD, shard_id)
        await finish(sessions, job_id)
        await pool.aclose()
    assert set((await endpoint.keys()).values()) == {1}
    assert (await counts_of(sessions, job_id))["usage.calls"] == 40


@asynccontextmanager
async def _listening(settings: Settings) -> AsyncIterator[None]:
    """A worker that is rung through Redis, as `python -m workers` is."""
    async with working(settings, WORKER) as engine:
        listening = asyncio.create_task(listen(settings, engine, WORKER))
        try:
            yield
        finally:
            await end_tasks(listening)


async def _forge(settings: Settings, redis: Redis, shard_ids: list[int]) -> None:
    """Messages without sense, messages for what is over or paused, and bytes that are no message."""
    senseless: list[Any] = [None, "", "1", "'; DROP TABLE job; --", -1, 0, 2**62, 2**63, 1.5, True, [1], {"id": 1}]
    chance = Random(19)
    pool = await open_pool(str(settings.redis_url), settings.queue_name)
    for _ in range(400):
        value = chance.choice([*senseless, *shard_ids, chance.randrange(2**63)])
        await pool.enqueue_job(chance.choice((TASK_SHARD, TASK_EXPORT)), value)
    await pool.enqueue_job(TASK_SHARD)
    await pool.enqueue_job(TASK_SHARD, *shard_ids)
    await pool.enqueue_job("no_such_task", 1)
    await pool.aclose()
    await redis.set("arq:job:forged", b"\xff\x00 no json")
    await redis.zadd(settings.queue_name, {"forged": 1, "without-a-body": 1})


async def _trace(sessions: Sessions) -> tuple[Any, ...]:
    async with sessions() as session:
        return tuple((await session.execute(_TRACES)).one())


async def _list_shards(sessions: Sessions) -> list[int]:
    async with sessions() as session:
        return list((await session.execute(text("SELECT id FROM shard ORDER BY id"))).scalars())


async def _is_quiet(sessions: Sessions) -> bool:
    async with sessions() as session:
        leased = await session.execute(text("SELECT count(*) FROM shard WHERE state = 'leased'"))
        return int(leased.scalar_one()) == 0


async def _is_read(settings: Settings, redis: Redis) -> bool:
    return int(await redis.zcard(settings.queue_name)) == 0
