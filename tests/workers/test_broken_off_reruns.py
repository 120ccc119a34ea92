"""A job that ended before its shards did, run again: every shard goes back, whatever stage it had come to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.services.fleet import advance_jobs
from app.services.jobs import act_on_job
from app.services.reruns import Rerun
from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, state_of, working
from tests.support.reruns import preview, rerun
from tests.support.waiting import wait_until

STRICT = {"rules": {"banned_word": "reject"}, "banned_words": ["bicycle", "kite", "ladder", "red", "blue"]}


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=3) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


async def cancel(sessions: Sessions, settings: Settings, job_id: int) -> None:
    async with sessions.begin() as session:
        await act_on_job(session, job_id, "cancel")
    await advance_jobs(sessions, settings)
    assert (await state_of(sessions, job_id)).state == "cancelled"


async def shards_of(sessions: Sessions, job_id: int) -> set[tuple[str, str, bool]]:
    statement = text("SELECT state, stage, reset FROM shard WHERE job_id = :job AND seq >= 0")
    async with sessions() as session:
        return {tuple(row) for row in await session.execute(statement, {"job": job_id})}


@pytest.mark.parametrize("stage", ["relate", "translate"])
async def test_replies_of_shards_that_had_gone_on_are_read_again(
    sessions: Sessions, settings: Settings, endpoint: Endpoint, stage: str
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 30), languages=["zh"])
    async with working(settings):
        await finish(sessions, job_id)
    async with sessions.begin() as session:
        await act_on_job(session, job_id, "rerun", Rerun(stage))
    await cancel(sessions, settings, job_id)
    told = await preview(sessions, job_id, STRICT)
    assert told["counts"]["newly_refused"] > 5
    asked = (await endpoint.stats())["requests"]
    async with working(settings) as engine:
        await rerun(sessions, engine, job_id, STRICT)
    counts = await counts_of(sessions, job_id)
    assert counts["pairs"] == told["counts"]["pairs_after"]
    assert counts["translations.zh"] == counts["translate.done"] == counts["pairs"]
    assert (await endpoint.stats())["requests"] == asked


async def test_items_that_ended_beside_one_that_had_not_are_read_again(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(breaks="number 7 ")
    job_id = await order(sessions, settings, await add_dataset(sessions, 20))

    async def are_ended() -> bool:
        return (await counts_of(sessions, job_id)).get("items.done") == 19

    async with working(settings):
        await wait_until(are_ended, "all items but one")
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "cancel")
        await finish(sessions, job_id)
    await endpoint.set_mode(breaks="")
    assert ("ready", "generate", False) in await shards_of(sessions, job_id)
    assert (await preview(sessions, job_id, STRICT))["counts"]["newly_refused"] > 5
    async with working(settings) as engine:
        await rerun(sessions, engine, job_id, STRICT)
        assert (await preview(sessions, job_id, None))["counts"]["items_changed"] == 0
    counts = await counts_of(sessions, job_id)
    assert counts["items.done"] + counts.get("items.failed", 0) == 20


async def test_failures_that_are_forgiven_leave_a_shard_at_what_was_to_be_done_before(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(wrong_translations=1.0)
    job_id = await order(sessions, settings, await add_dataset(sessions, 2), languages=["zh"])
    async with working(settings):
        await finish(sessions, job_id)
    assert (await counts_of(sessions, job_id))["translate.failed"] == 6
    async with sessions.begin() as session:
        await act_on_job(session, job_id, "rerun", Rerun("filter", filters=STRICT))
        past = "UPDATE job SET deadline_at = clock_timestamp() - interval '1 s' WHERE id = :job"
        await session.execute(text(past), {"job": job_id})
    await advance_jobs(sessions, settings)
    assert (await state_of(sessions, job_id)).state == "expired"
    async with sessions.begin() as session:
        await act_on_job(session, job_id, "retry-failed")
    assert await shards_of(sessions, job_id) == {("ready", "generate", True)}
