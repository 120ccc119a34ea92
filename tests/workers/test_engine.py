"""The engine on real PostgreSQL and Valkey against the loopback endpoint: what goes in comes out once, counted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from sqlalchemy import select, text

from app.services.jobs import act_on_job
from app.services.reruns import Rerun
from app.settings import Settings
from app.store import models
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, state_of, working
from tests.support.waiting import wait_until

LANGUAGES = ["zh", "ja", "es", "de", "fr", "ko", "ar"]


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=3) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


async def test_every_item_becomes_pairs_exactly_once(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 50))
    async with working(settings):
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert counts["items.done"] == 50
    assert counts["pairs"] == 150
    assert set((await endpoint.keys()).values()) == {1}


async def test_pairs_are_translated_into_every_language_asked_for(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 10), languages=LANGUAGES)
    async with working(settings):
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert {counts[f"translations.{language}"] for language in LANGUAGES} == {30}
    assert counts["translate.done"] == 30
    assert counts["usage.calls"] == 40


async def test_pairs_of_the_same_images_are_related_across_shards(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 40, shared_images=40))
    async with working(settings):
        await finish(sessions, job_id)
    async with sessions() as session:
        related = (await session.execute(select(models.Relation.related_pair_ids))).scalars().all()  # type: ignore[call-overload]  # a column
    assert [len(ids) for ids in related] == [119] * 120


async def test_a_paused_job_starts_no_call_and_a_resumed_one_ends(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(answers=20)
    job_id = await order(sessions, settings, await add_dataset(sessions, 100))
    async with working(settings):
        await wait_until(lambda: _has_calls(sessions, job_id), "a first outcome")
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "pause")
        await endpoint.set_mode(answers=-1)
        await wait_until(lambda: _is_quiet(sessions, job_id), "the end of every lease")
        asked = (await endpoint.stats())["requests"]
        assert (await state_of(sessions, job_id)).reason == "user"
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "resume")
        job = await finish(sessions, job_id)
    assert asked < 100
    assert job.state == "completed"
    assert (await endpoint.stats())["requests"] == 100


async def test_a_rerun_from_stored_replies_makes_no_call(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 20), languages=["zh", "ar"])
    async with working(settings) as engine:
        await finish(sessions, job_id)
        before, asked = await counts_of(sessions, job_id), (await endpoint.stats())["requests"]
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "rerun", Rerun("parse"))
        engine.ring()
        await finish(sessions, job_id)
    assert await counts_of(sessions, job_id) == before
    assert (await endpoint.stats())["requests"] == asked


async def test_what_failed_is_asked_again_and_nothing_else(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(refusal=0.3)
    job_id = await order(sessions, settings, await add_dataset(sessions, 40))
    async with working(settings):
        job = await finish(sessions, job_id)
        counts = await counts_of(sessions, job_id)
        failed = counts["items.failed"]
        assert job.reason == f"{failed} items failed"
        await endpoint.set_mode(refusal=0.0)
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "retry-failed")
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, job.reason, counts["items.done"]) == ("completed", None, 40)
    assert (await endpoint.stats())["requests"] == 40 + failed


async def test_a_budget_is_never_overspent_and_pauses_the_job(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(
        sessions,
        settings,
        await add_dataset(sessions, 60),
        limits={"max_cost_usd": 0.004},
        parameters={"max_tokens": 400},
    )
    async with working(settings):
        await wait_until(lambda: _is_paused(sessions, job_id), "the pause")
    job, counts = await state_of(sessions, job_id), await counts_of(sessions, job_id)
    assert job.reason == "budget"
    assert 0 < counts["cost_micros"] <= 4000
    assert job.held_micros == counts["cost_micros"]
    assert 0 < counts["items.done"] < 60


async def test_an_endpoint_without_schemas_is_asked_for_text(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(refuse_response_format=True)
    job_id = await order(sessions, settings, await add_dataset(sessions, 10), languages=["fr"])
    async with working(settings):
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert (counts["items.done"], counts["translations.fr"]) == (10, 30)


async def test_faults_of_the_endpoint_fail_no_item(sessions: Sessions, settings: Settings, endpoint: Endpoint) -> None:
    await endpoint.set_mode(
        too_many=0.1, server_error=0.1, reset_before=0.05, reset_mid=0.05, html=0.05, truncated=0.05
    )
    job_id = await order(sessions, settings, await add_dataset(sessions, 60))
    async with working(settings):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert (await counts_of(sessions, job_id))["items.done"] == 60


async def test_a_bound_on_concurrency_holds_over_all_shards(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(latency_ms=30)
    job_id = await order(sessions, settings, await add_dataset(sessions, 60), limits={"concurrency": 3})
    async with working(settings):
        await finish(sessions, job_id)
    assert (await endpoint.stats())["peak_in_flight"] == 3


async def _has_calls(sessions: Sessions, job_id: int) -> bool:
    async with sessions() as session:
        found = await session.execute(text("SELECT 1 FROM item_state WHERE job_id = :job LIMIT 1"), {"job": job_id})
        return found.first() is not None


async def _is_quiet(sessions: Sessions, job_id: int) -> bool:
    async with sessions() as session:
        leased = await session.execute(
            text("SELECT count(*) FROM shard WHERE job_id = :job AND state = 'leased'"), {"job": job_id}
        )
        return int(leased.scalar_one()) == 0


async def _is_paused(sessions: Sessions, job_id: int) -> bool:
    job = await state_of(sessions, job_id)
    return job.state == "paused" and await _is_quiet(sessions, job_id)


async def test_a_worker_that_stops_leaves_no_lease_behind_though_units_wait_for_their_next_try(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(too_many=1.0, retry_after=True)
    job_id = await order(sessions, settings, await add_dataset(sessions, 20))
    async with working(settings):
        await wait_until(lambda: _has_failed_calls(sessions), "a refused call")
    assert await _is_quiet(sessions, job_id)
    assert (await state_of(sessions, job_id)).state == "in_progress"


async def _has_failed_calls(sessions: Sessions) -> bool:
    async with sessions() as session:
        return (await session.execute(text("SELECT 1 FROM call WHERE state = 'failed' LIMIT 1"))).first() is not None


async def test_a_wrong_key_pauses_the_job_and_fails_no_item(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(api_key="another")
    job_id = await order(sessions, settings, await add_dataset(sessions, 40))
    async with working(settings):
        await wait_until(lambda: _is_paused(sessions, job_id), "the pause")
        assert (await state_of(sessions, job_id)).reason == "provider_outage"
        assert (await counts_of(sessions, job_id))["items.total"] == 40
        await endpoint.set_mode(api_key="")
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "resume")
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
