"""Translations through the engine: asked again with the reason, flagged, read back, into any language."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from sqlalchemy import text

from app.services.glossaries import replace_glossary
from app.services.jobs import act_on_job
from app.services.reruns import Rerun
from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, working

_PAIRS = text(
    "SELECT language, status, flags, count(*) FROM pair WHERE job_id = :job GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_FINDINGS = text("SELECT code, evidence FROM pair_finding WHERE job_id = :job ORDER BY id")


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=2) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path)


async def pairs_of(sessions: Sessions, job_id: int) -> list[tuple[str, str, tuple[str, ...], int]]:
    async with sessions() as session:
        rows = await session.execute(_PAIRS, {"job": job_id})
        return [(language, status, tuple(flags), n) for language, status, flags, n in rows]


async def test_a_language_beyond_the_eight_goes_all_the_way(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 5), languages=["pt-BR", "zh"])
    async with working(settings):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    counts = await counts_of(sessions, job_id)
    assert (counts["translations.pt-BR"], counts["translations.zh"]) == (10, 10)
    assert counts["usage.calls"] == 15


async def test_what_a_reply_spoils_is_asked_again_and_becomes_right(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(wrong_translations=0.25)
    dataset_id = await add_dataset(sessions, 10)
    job_id = await order(
        sessions, settings, dataset_id, languages=["zh", "fr"], policies={"translation": {"rounds": 10}}
    )
    async with working(settings):
        job = await finish(sessions, job_id)
    counts = await counts_of(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert (counts["translations.zh"], counts["translations.fr"]) == (20, 20)
    assert counts["refused"] > 0
    assert counts["usage.calls"] > 30
    assert set((await endpoint.keys()).values()) == {1}, "a reason that is told makes another request"


async def test_a_term_that_is_never_written_right_leaves_flagged_pairs(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    dataset_id = await add_dataset(sessions, 4)
    async with sessions.begin() as session:
        await replace_glossary(session, dataset_id, [{"source": "label", "zh": "标牌"}])
    policy = {"translation": {"on_failure": "flag", "rounds": 2}}
    job_id = await order(sessions, settings, dataset_id, languages=["zh", "fr"], policies=policy)
    async with working(settings) as engine:
        job = await finish(sessions, job_id)
        assert (job.state, job.reason) == ("completed", None)
        found = await pairs_of(sessions, job_id)
        asked = (await endpoint.stats())["requests"]
        assert ("zh", "flagged", ("glossary",), 8) in found
        assert ("fr", "accepted", (), 8) in found
        assert asked == 4 + 8 + 8
        async with sessions() as session:
            findings = [
                (code, dict(evidence)["language"])
                for code, evidence in await session.execute(_FINDINGS, {"job": job_id})
            ]
        assert set(findings) == {("glossary", "zh")}
        before = await counts_of(sessions, job_id)
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "rerun", Rerun("translate"))
        engine.ring()
        await finish(sessions, job_id)
    assert await pairs_of(sessions, job_id) == found
    assert await counts_of(sessions, job_id) == before
    assert (await endpoint.stats())["requests"] == asked


async def test_reading_back_is_a_second_call_that_is_replayed_like_the_first(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    """The endpoint answers every such call in the language itself, which agrees with no English."""
    policy = {"translation": {"on_failure": "flag", "rounds": 1, "back_translation": True}}
    job_id = await order(sessions, settings, await add_dataset(sessions, 3), languages=["zh"], policies=policy)
    async with working(settings) as engine:
        job = await finish(sessions, job_id)
        assert (job.state, job.reason) == ("completed", None)
        found = await pairs_of(sessions, job_id)
        assert ("zh", "flagged", ("back_translation",), 6) in found
        assert (await endpoint.stats())["requests"] == 3 + 6 + 6
        before = await counts_of(sessions, job_id)
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "rerun", Rerun("translate"))
        engine.ring()
        await finish(sessions, job_id)
    assert await pairs_of(sessions, job_id) == found
    assert await counts_of(sessions, job_id) == before
    assert (await endpoint.stats())["requests"] == 3 + 6 + 6


async def test_one_round_alone_is_tried_again_on_request(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(wrong_translations=1.0)
    policy = {"translation": {"rounds": 1}}
    job_id = await order(sessions, settings, await add_dataset(sessions, 3), languages=["zh"], policies=policy)
    async with working(settings):
        await finish(sessions, job_id)
        counts = await counts_of(sessions, job_id)
        assert counts["translate.failed"] == 6
        await endpoint.set_mode(wrong_translations=0.0)
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "retry-failed")
        job = await finish(sessions, job_id)
    assert job.reason is None
    assert (await counts_of(sessions, job_id))["translations.zh"] == 6
