"""An item that the endpoint cannot answer is told from an endpoint that is away, also where it is the last one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from sqlalchemy import text

from app.settings import Settings
from app.store import models
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, state_of, working
from tests.support.waiting import wait_until

BAD = r"number 3 "


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=2) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path, retry_s=0.01)


async def test_an_item_that_breaks_the_endpoint_fails_by_itself_while_all_others_are_done(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(breaks=BAD, latency_ms=40)
    job_id = await order(sessions, settings, await add_dataset(sessions, 400))
    async with working(settings):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", "1 item failed")
    assert (await counts_of(sessions, job_id))["items.done"] == 399
    assert await list_failures(sessions, job_id) == [("server_error", 3)]


async def test_a_job_whose_only_item_breaks_the_endpoint_fails_soon_and_pays_for_nothing_but_witnesses(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(breaks="number")
    job_id = await order(sessions, settings, await add_dataset(sessions, 1))
    async with working(settings):
        job = await finish(sessions, job_id)
    counts, bill = await counts_of(sessions, job_id), await endpoint.stats()
    assert (job.state, job.reason) == ("failed", "1 item failed")
    assert await list_failures(sessions, job_id) == [("server_error", 0)]
    assert bill["distinct"] == 1  # the witness
    assert (counts["usage.prompt_tokens"], counts["usage.completion_tokens"]) == (
        bill["prompt_tokens"],
        bill["completion_tokens"],
    )
    assert await list_open_calls(sessions, job_id) == []


async def test_so_does_a_job_whose_only_item_cuts_the_connection(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(breaks="number", breaks_by="reset")
    job_id = await order(sessions, settings, await add_dataset(sessions, 1))
    async with working(settings):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("failed", "1 item failed")
    assert await list_failures(sessions, job_id) == [("connection", 0)]


async def test_three_items_that_break_the_endpoint_fail_though_nothing_else_is_left(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(breaks="number")
    job_id = await order(sessions, settings, await add_dataset(sessions, 3))
    async with working(settings):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("failed", "3 items failed")
    assert [code for code, _ in await list_failures(sessions, job_id)] == ["server_error"] * 3


async def test_a_last_item_outlives_an_outage_however_often_it_is_tried(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 5))
    await endpoint.set_mode(breaks=BAD)
    async with working(settings):
        await wait_until(lambda: has_done(sessions, job_id, 4), "the others")
        await endpoint.set_mode(outage="503")
        met = (await endpoint.stats())["faults"].get("outage", 0)
        await wait_until(lambda: has_refused(endpoint, met + 14), "more refusals than would fail it", timeout_s=60)
        assert await list_failures(sessions, job_id) == []
        await endpoint.set_mode(outage="", breaks="")
        job = await finish(sessions, job_id)
    assert (job.state, job.reason, job.outage_since) == ("completed", None, None)


async def test_a_last_item_is_asked_again_though_the_witness_is_never_answered(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(breaks="number|Reply")
    job_id = await order(sessions, settings, await add_dataset(sessions, 1))
    async with working(settings):
        await wait_until(lambda: has_failed_calls(sessions, job_id, 5), "failures of the item and its witness")
        await endpoint.set_mode(breaks="Reply")
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)


async def test_an_item_that_breaks_the_endpoint_slows_no_other_job_down(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(breaks="number 0 ", latency_ms=30)
    bad = await order(sessions, settings, await add_dataset(sessions, 1))
    async with working(settings):
        await wait_until(lambda: has_failed_calls(sessions, bad, 4), "failures of the bad item")
        good = await order(sessions, settings, await add_dataset(sessions, 60), slice={"start": 1})
        assert (await finish(sessions, good)).reason is None
        assert (await finish(sessions, bad)).reason == "1 item failed"
    assert (await state_of(sessions, good)).outage_since is None


async def has_done(sessions: Sessions, job_id: int, items: int) -> bool:
    return (
        await count(sessions, "SELECT count(*) FROM item_state WHERE job_id = :job AND state = 'done'", job_id) == items
    )


async def has_failed_calls(sessions: Sessions, job_id: int, calls: int) -> bool:
    return await count(sessions, "SELECT count(*) FROM call WHERE job_id = :job AND state = 'failed'", job_id) >= calls


async def has_refused(endpoint: Endpoint, calls: int) -> bool:
    return int((await endpoint.stats())["faults"].get("outage", 0)) >= calls


async def count(sessions: Sessions, statement: str, job_id: int) -> int:
    async with sessions() as session:
        return int((await session.execute(text(statement), {"job": job_id})).scalar_one())


async def list_failures(sessions: Sessions, job_id: int) -> list[tuple[str, int]]:
    """(code, position) of the items that failed."""
    failed = """
        SELECT st.code, i.position FROM item_state st JOIN item i ON i.id = st.item_id
        WHERE st.job_id = :job AND st.state = 'failed' ORDER BY i.position
    """
    async with sessions() as session:
        return [(row[0], row[1]) for row in await session.execute(text(failed), {"job": job_id})]


async def list_open_calls(sessions: Sessions, job_id: int) -> list[models.Call]:
    async with sessions() as session:
        found = text("SELECT id FROM call WHERE job_id = :job AND state IN ('started', 'stored')")
        return list((await session.execute(found, {"job": job_id})).scalars())
