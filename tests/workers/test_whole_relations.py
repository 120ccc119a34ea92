"""Relations that need all pairs of a job: vectors from the endpoint or the package, on real PostgreSQL and Valkey."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.blobs import open_blobs
from app.errors import InvalidRequestError
from app.services.images import image_path
from app.services.jobs import act_on_job
from app.services.pair_removal import delete_pair
from app.services.reruns import Rerun
from app.settings import Settings
from app.store.session import Sessions
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.orders import add_dataset, counts_of, finish, order, settings_for, state_of, working
from tests.support.processes import PROJECT, Process, find_family
from tests.support.vectors import vector_of
from tests.support.waiting import wait_until

PAIRS = 3
MODEL = "text-embedding-3-small"


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint(pairs=PAIRS) as running:
        yield running


@pytest_asyncio.fixture
async def settings(database_url: str, redis_url: str, endpoint: Endpoint, tmp_path: Path) -> Settings:
    return settings_for(database_url, redis_url, endpoint.url, tmp_path, shard_items=5, openai_embedding_model=MODEL)


async def read_pairs(sessions: Sessions, job_id: int) -> list[Any]:
    """English pairs with their relations, by item and ordinal."""
    async with sessions() as session:
        rows = await session.execute(
            text(
                "SELECT p.id, p.item_id, p.ordinal, p.instruction, i.image_ids, r.rule, r.related_pair_ids AS related"
                " FROM pair p JOIN item i ON i.id = p.item_id LEFT JOIN relation r ON r.pair_id = p.id"
                " WHERE p.job_id = :job AND p.language = 'en' ORDER BY p.item_id, p.ordinal"
            ),
            {"job": job_id},
        )
        return list(rows.all())


def rank_texts(pairs: Sequence[Any], asked: Any) -> list[str]:
    """The texts of other items and images by their likeness to a pair's, the plainest way."""
    own = vector_of(asked.instruction)
    likeness = {}
    for pair in pairs:
        if pair.item_id != asked.item_id and not set(pair.image_ids) & set(asked.image_ids):
            vector = vector_of(pair.instruction)
            likeness[pair.instruction] = float(own @ vector / np.linalg.norm(own) / np.linalg.norm(vector))
    likeness.pop(asked.instruction, None)
    return sorted(likeness, key=lambda key: -likeness[key])


async def test_each_pair_is_related_to_the_ten_most_similar_texts_of_other_images(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    dataset_id = await add_dataset(sessions, 20, shared_images=2)
    job_id = await order(sessions, settings, dataset_id, relation_rule="similar_texts", languages=["zh"])
    async with working(settings):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    pairs = await read_pairs(sessions, job_id)
    texts = {pair.id: pair.instruction for pair in pairs}
    assert len(pairs) == 20 * PAIRS
    for pair in pairs:
        assert pair.rule == "similar_texts"
        assert len(set(pair.related)) == 10
        found = [texts[related] for related in pair.related]
        likeness = [float(vector_of(pair.instruction) @ vector_of(t) / np.linalg.norm(vector_of(t))) for t in found]
        wanted = [float(vector_of(pair.instruction) @ vector_of(t) / np.linalg.norm(vector_of(t)))
                  for t in rank_texts(pairs, pair)[:10]]  # fmt: skip
        np.testing.assert_allclose(likeness, wanted, rtol=0.01)
    counts = await counts_of(sessions, job_id)
    bill = await endpoint.stats()
    assert counts["usage.calls"] == bill["requests"] == 20 + 60 + bill["vector_requests"]
    assert bill["vectors"] == len(set(texts.values()))
    assert counts["usage.prompt_tokens"] == bill["prompt_tokens"]


async def test_vectors_are_paid_for_once_whatever_is_run_again(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    dataset_id = await add_dataset(sessions, 8)
    job_id = await order(sessions, settings, dataset_id, relation_rule="similar_texts")
    async with working(settings) as engine:
        await finish(sessions, job_id)
        first = [pair.related for pair in await read_pairs(sessions, job_id)]
        asked = (await endpoint.stats())["requests"]
        for rule in ("none", "similar_texts"):
            async with sessions.begin() as session:
                await act_on_job(session, job_id, "rerun", Rerun("relate", rule))
            engine.ring()
            assert (await finish(sessions, job_id)).state == "completed"
            assert {pair.rule for pair in await read_pairs(sessions, job_id)} == {rule}
    assert [pair.related for pair in await read_pairs(sessions, job_id)] == first
    assert (await endpoint.stats())["requests"] == asked


async def test_a_rerun_from_stored_replies_relates_the_new_pairs(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 8), relation_rule="similar_texts")
    async with working(settings) as engine:
        await finish(sessions, job_id)
        before, asked = await read_pairs(sessions, job_id), (await endpoint.stats())["requests"]
        lost = {before[0].id, before[1].id}
        async with sessions.begin() as session:
            for pair_id in lost:
                await delete_pair(session, pair_id, ["*"])
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "rerun", Rerun("parse"))
        engine.ring()
        await finish(sessions, job_id)
    after = await read_pairs(sessions, job_id)
    places = [{pair.id: place for place, pair in enumerate(pairs)} for pairs in (before, after)]
    assert len(after) == len(before)
    assert places[0].keys() - places[1].keys() == lost
    assert [[places[0][related] for related in pair.related] for pair in before] == [
        [places[1][related] for related in pair.related] for pair in after
    ]
    assert (await endpoint.stats())["requests"] == asked


async def test_faults_of_the_endpoint_cost_no_pair_its_relations(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 30), relation_rule="similar_texts")
    await endpoint.set_mode(too_many=0.1, server_error=0.1, reset_mid=0.1, html=0.05, truncated=0.1)
    async with working(settings):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert all(len(pair.related) == 10 for pair in await read_pairs(sessions, job_id))
    await counts_of(sessions, job_id)


async def test_a_text_that_the_endpoint_refuses_costs_no_other_text_its_vector(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 12), relation_rule="none")
    async with working(settings) as engine:
        await finish(sessions, job_id)
        refused = (await read_pairs(sessions, job_id))[4].instruction
        same = sum(pair.instruction == refused for pair in await read_pairs(sessions, job_id))
        await endpoint.set_mode(refuses=refused)
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "rerun", Rerun("relate", "similar_texts"))
        engine.ring()
        job = await finish(sessions, job_id)
    assert job.reason == f"{same} pair{'' if same == 1 else 's'} without anything to compare"
    for pair in await read_pairs(sessions, job_id):
        assert len(pair.related) == (0 if pair.instruction == refused else 10)


async def test_a_budget_holds_for_vectors_too(sessions: Sessions, settings: Settings, endpoint: Endpoint) -> None:
    priced = settings.model_copy(update={"prices": '{"text-embedding-3-small": {"prompt": 1000000, "completion": 0}}'})
    job_id = await order(
        sessions, priced, await add_dataset(sessions, 4), relation_rule="similar_texts", limits={"max_cost_usd": 1}
    )
    async with working(priced):
        await wait_until(lambda: is_paused(sessions, job_id), "the pause")
    assert (await state_of(sessions, job_id)).reason == "budget"
    assert (await endpoint.stats())["vector_requests"] == 0
    counts = await counts_of(sessions, job_id)
    assert (await state_of(sessions, job_id)).held_micros == counts["cost_micros"] < 1_000_000


async def test_a_job_that_bounds_its_calls_keeps_the_bound_with_vectors(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(latency_ms=20)
    dataset_id = await add_dataset(sessions, 20)
    job_id = await order(sessions, settings, dataset_id, relation_rule="similar_texts", limits={"concurrency": 1})
    async with working(settings):
        assert (await finish(sessions, job_id)).state == "completed"
    assert (await endpoint.stats())["peak_in_flight"] == 1


async def test_a_wrong_key_pauses_the_job_while_it_is_finalizing(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 4), relation_rule="none")
    async with working(settings) as engine:
        await finish(sessions, job_id)
        await endpoint.set_mode(api_key="another")
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "rerun", Rerun("relate", "similar_texts"))
        engine.ring()
        await wait_until(lambda: is_paused(sessions, job_id), "the pause")
        assert (await state_of(sessions, job_id)).reason == "provider_outage"
        await endpoint.set_mode(api_key="")
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "resume")
        engine.ring()
        assert (await finish(sessions, job_id)).state == "completed"
    assert all(len(pair.related) == 9 for pair in await read_pairs(sessions, job_id))


async def test_a_job_can_be_paused_and_cancelled_while_it_is_finalizing(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 4), relation_rule="none")
    async with working(settings) as engine:
        await finish(sessions, job_id)
        await endpoint.set_mode(outage="503")
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "rerun", Rerun("relate", "similar_texts"))
        engine.ring()
        await wait_until(lambda: has_state(sessions, job_id, "finalizing"), "the last step")
        for action, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelling")):
            async with sessions.begin() as session:
                assert (await act_on_job(session, job_id, action)).state == state  # type: ignore[arg-type]  # actions
        assert (await finish(sessions, job_id)).state == "cancelled"


async def test_the_packaged_model_needs_no_endpoint_and_no_calls(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    alone = settings.model_copy(update={"openai_embedding_model": None})
    job_id = await order(sessions, alone, await add_dataset(sessions, 12), relation_rule="similar_texts")
    async with working(alone):
        job = await finish(sessions, job_id)
    assert (job.state, job.reason) == ("completed", None)
    assert all(len(pair.related) == 10 for pair in await read_pairs(sessions, job_id))
    assert (await endpoint.stats())["requests"] == 12
    async with sessions() as session:
        told = await session.execute(text("SELECT data FROM job_event WHERE type = 'job.related'"))
        (data,) = told.scalars().all()
    assert (data["rule"], data["pairs"], data["search"]) == ("similar_texts", 36, "exact")
    assert list((alone.home / "relating").iterdir()) == []


async def test_a_worker_that_stops_midway_leaves_work_that_another_ends_without_paying_twice(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    await endpoint.set_mode(latency_ms=200)
    slow = settings.model_copy(update={"concurrency": 4})
    job_id = await order(sessions, slow, await add_dataset(sessions, 60), relation_rule="similar_texts")
    stopped = 0
    while (await state_of(sessions, job_id)).state != "completed" and stopped < 3:
        async with working(slow, f"worker-{stopped}"):
            await wait_until(lambda: has_vectors_or_ended(endpoint, stopped + 1, sessions, job_id), "vectors")  # noqa: B023  # awaited here
        stopped += 1
    async with working(settings, "last-worker"):
        assert (await finish(sessions, job_id)).state == "completed"
    assert stopped > 0
    pairs = await read_pairs(sessions, job_id)
    assert all(len(pair.related) == 10 for pair in pairs)
    assert (await endpoint.stats())["vectors"] == len({pair.instruction for pair in pairs})


async def test_what_was_written_before_a_crash_is_not_written_again(sessions: Sessions, settings: Settings) -> None:
    job_id = await order(sessions, settings, await add_dataset(sessions, 12), relation_rule="similar_texts")
    async with working(settings) as engine:
        await finish(sessions, job_id)
        async with sessions.begin() as session:
            await session.execute(text("UPDATE relation SET related_pair_ids = '{7}' WHERE pair_id % 2 = 0"))
            await session.execute(text("DELETE FROM relation WHERE pair_id % 2 = 1"))
            await session.execute(text("UPDATE shard SET state = 'ready' WHERE seq = -1"))
            await session.execute(text("UPDATE job SET state = 'finalizing', finished_at = NULL"))
        engine.ring()
        await finish(sessions, job_id)
    related = {pair.id: list(pair.related) for pair in await read_pairs(sessions, job_id)}
    assert all(len(others) == 10 for pair_id, others in related.items() if pair_id % 2)


@pytest.mark.parametrize("has_images", [True, False])
async def test_pairs_are_related_to_a_pair_of_each_similar_image(
    sessions: Sessions, settings: Settings, has_images: bool
) -> None:
    dataset_id = await add_dataset(sessions, 6)
    features = {f"IMG_{number}": np.array([1, 0.1 * number, 0], dtype="<f2") for number in range(6)}
    async with sessions.begin() as session:
        for image_id, feature in features.items() if has_images else ():
            await session.execute(
                text(
                    "INSERT INTO image (dataset_id, image_id, sha256, media_type, width, height, source, feature)"
                    " VALUES (:dataset_id, :image_id, :image_id, 'image/png', 1, 1, 'test', :feature)"
                ),
                {"dataset_id": dataset_id, "image_id": image_id, "feature": feature.tobytes()},
            )
    job_id = await order(sessions, settings, dataset_id, relation_rule="similar_images")
    async with working(settings):
        job = await finish(sessions, job_id)
    pairs = await read_pairs(sessions, job_id)
    places = {pair.id: (int(pair.image_ids[0][4:]), pair.ordinal) for pair in pairs}
    if not has_images:
        assert job.reason == "18 pairs without anything to compare"
        assert all(pair.related == [] for pair in pairs)
        return
    assert job.reason is None
    assert [places[related][0] for related in pairs[0].related] == [1, 2, 3, 4, 5]
    for pair in pairs:
        assert len({places[related][0] for related in pair.related}) == 5
        assert places[pair.id][0] not in {places[related][0] for related in pair.related}


async def is_paused(sessions: Sessions, job_id: int) -> bool:
    return await has_state(sessions, job_id, "paused")


async def has_state(sessions: Sessions, job_id: int, state: str) -> bool:
    return (await state_of(sessions, job_id)).state == state


async def has_vectors_or_ended(endpoint: Endpoint, least: int, sessions: Sessions, job_id: int) -> bool:
    has_vectors = int((await endpoint.stats())["vector_requests"]) >= least
    return has_vectors or await has_state(sessions, job_id, "completed")


async def test_a_budget_needs_a_price_for_the_model_of_vectors(sessions: Sessions, settings: Settings) -> None:
    unpriced = settings.model_copy(update={"openai_embedding_model": "house-vectors"})
    dataset_id = await add_dataset(sessions, 1)
    with pytest.raises(InvalidRequestError) as caught:
        await order(sessions, unpriced, dataset_id, relation_rule="similar_texts", limits={"max_cost_usd": 1})
    assert [(fault.pointer, fault.code) for fault in caught.value.errors] == [("/limits/max_cost_usd", "unknown_price")]
    assert await order(sessions, unpriced, dataset_id, relation_rule="none", limits={"max_cost_usd": 1})


async def test_what_computes_for_a_worker_that_is_killed_ends_with_it_and_another_worker_ends_the_job(
    sessions: Sessions, settings: Settings
) -> None:
    alone = settings.model_copy(update={"openai_embedding_model": None, "lease_s": 3.0})
    job_id = await order(sessions, alone, await add_dataset(sessions, 12), relation_rule="similar_texts")
    async with a_worker_apart(alone) as worker:
        await wait_until(lambda: bool(find_computing(worker)), "a process that computes")
        computing = find_computing(worker)
        os.kill(worker, signal.SIGKILL)
        await wait_until(lambda: not any(process.is_alive for process in computing), "the end of what it started")
    async with working(alone):
        assert (await finish(sessions, job_id)).state == "completed"
    assert all(len(pair.related) == 10 for pair in await read_pairs(sessions, job_id))


async def test_the_job_pauses_where_what_computes_dies_and_goes_on_when_asked(
    sessions: Sessions, settings: Settings
) -> None:
    alone = settings.model_copy(update={"openai_embedding_model": None})
    job_id = await order(sessions, alone, await add_dataset(sessions, 12), relation_rule="similar_texts")
    async with working(alone) as engine:
        await wait_until(lambda: bool(find_computing(os.getpid())), "a process that computes")
        for process in find_computing(os.getpid()):
            os.kill(process.pid, signal.SIGKILL)
        await wait_until(lambda: is_paused(sessions, job_id), "the pause")
        assert (await state_of(sessions, job_id)).reason == "relate_failed"
        async with sessions.begin() as session:
            told = await session.execute(text("SELECT data->>'error' FROM job_event WHERE type = 'job.paused'"))
            assert told.scalars().all() == ["the process that computes ended by signal 9"]
            await act_on_job(session, job_id, "resume")
        engine.ring()
        assert (await finish(sessions, job_id)).state == "completed"
    assert all(len(pair.related) == 10 for pair in await read_pairs(sessions, job_id))


@asynccontextmanager
async def a_worker_apart(settings: Settings) -> AsyncIterator[int]:
    """The id of a worker in a process of its own."""
    names = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    names |= {"OPENAI_BASE_URL": settings.openai_base_url, "SYPHUS_HOME": str(settings.home)}
    names |= {"SYPHUS_LEASE_S": str(settings.lease_s), "SYPHUS_TICK_S": str(settings.tick_s)}
    environment = {name: value for name, value in names.items() if value is not None}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "workers", cwd=PROJECT, env={**os.environ, **environment}
    )
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def find_computing(worker: int) -> list[Process]:
    """The processes of a worker that embed or compare."""
    return [process for process in find_family(worker) if "workers.relating.child" in read_command(process)]


def read_command(process: Process) -> str:
    try:
        return Path(f"/proc/{process.pid}/cmdline").read_text()
    except OSError:
        return ""


async def test_vectors_of_images_are_bought_once_where_a_model_is_named(
    sessions: Sessions, settings: Settings, endpoint: Endpoint
) -> None:
    seeing = settings.model_copy(update={"openai_image_embedding_model": "text-embedding-3-small"})
    dataset_id = await add_dataset(sessions, 6)
    await add_pictures(sessions, seeing, dataset_id, 5)
    job_id = await order(sessions, seeing, dataset_id, relation_rule="similar_images")
    async with working(seeing) as engine:
        job = await finish(sessions, job_id)
        asked = await endpoint.stats()
        async with sessions.begin() as session:
            await act_on_job(session, job_id, "rerun", Rerun("relate"))
        engine.ring()
        await finish(sessions, job_id)
    assert job.reason == "3 pairs without anything to compare"
    assert (asked["vectors"], asked["vector_requests"]) == (5, 1)
    assert (await endpoint.stats())["requests"] == asked["requests"]
    for pair in await read_pairs(sessions, job_id):
        assert len(set(pair.related)) == (0 if pair.image_ids == ["IMG_5"] else 4)
    assert (await counts_of(sessions, job_id))["usage.calls"] == asked["requests"]


async def add_pictures(sessions: Sessions, settings: Settings, dataset_id: int, count: int) -> None:
    """Pictures of one colour each, in storage and in the table, without features."""
    blobs = open_blobs(settings.storage_url or str(settings.home / "blobs"))
    for number in range(count):
        file = BytesIO()
        PIL.Image.new("RGB", (40, 30), (40 * number, 100, 50)).save(file, "PNG")
        digest = sha256(file.getvalue()).hexdigest()
        await blobs.put(image_path(digest), file.getvalue())
        async with sessions.begin() as session:
            await session.execute(
                text(
                    "INSERT INTO image (dataset_id, image_id, sha256, media_type, width, height, source)"
                    " VALUES (:dataset_id, :image_id, :sha256, 'image/png', 40, 30, 'test')"
                ),
                {"dataset_id": dataset_id, "image_id": f"IMG_{number}", "sha256": digest},
            )
