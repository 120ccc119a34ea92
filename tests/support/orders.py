"""Datasets, jobs and workers for tests that run the engine itself, and the sums that must always hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from app.cancelling import end_tasks
from app.clock import new_id, utc_now
from app.pipeline.quotas import SHORT
from app.services.jobs import submit_job
from app.services.planning import JobRequest
from app.settings import Settings
from app.store import models
from app.store.session import Sessions
from app.store.tallies import read_tallies
from tests.support.waiting import wait_until
from workers.engine import ShardEngine
from workers.main import listen, open_worker

FINAL = {"completed", "failed", "cancelled", "expired"}
QUEUE_ROWS = """
    SELECT 'status.' || language || '.' || status, count(*) FROM pair
    WHERE job_id = :job AND status <> 'accepted' GROUP BY 1
    UNION ALL
    SELECT 'reviewed.' || language || '.' || status, count(*) FROM pair
    WHERE job_id = :job AND reviewed_at IS NOT NULL GROUP BY 1
    UNION ALL
    SELECT 'flag.' || language || '.' || flag, count(*) FROM pair CROSS JOIN unnest(flags) AS flag
    WHERE job_id = :job AND reviewed_at IS NULL GROUP BY 1
"""
_ROWS = text(
    f"""
    {QUEUE_ROWS}
    UNION ALL
    SELECT 'items.' || state, count(*) FROM item_state WHERE job_id = :job AND stage = 'generate' GROUP BY 1
    UNION ALL
    SELECT 'translate.' || state, count(*) FROM item_state WHERE job_id = :job AND stage = 'translate' GROUP BY 1
    UNION ALL
    SELECT CASE language WHEN 'en' THEN 'pairs' ELSE 'translations.' || language END, count(*)
    FROM pair WHERE job_id = :job GROUP BY 1
    UNION ALL
    SELECT CASE stage WHEN 'generate' THEN 'rejected' ELSE 'refused' END, count(*)
    FROM rejection WHERE job_id = :job GROUP BY 1
    UNION ALL
    SELECT '{SHORT}', count(*) FROM item_state WHERE job_id = :job AND code = '{SHORT}'
    UNION ALL
    SELECT 'usage.calls', count(*) FROM call WHERE job_id = :job AND state NOT IN ('started', 'stored', 'unknown')
    UNION ALL
    SELECT 'usage.completion_tokens', coalesce(sum(completion_tokens), 0) FROM call WHERE job_id = :job
    UNION ALL
    SELECT 'cost_micros', coalesce(sum(cost_micros), 0) FROM call WHERE job_id = :job
    """  # only a constant is put in
)
_ORPHANS = text(
    """
    SELECT count(*) FROM pair p JOIN job j ON j.id = p.job_id
    WHERE p.job_id = :job AND p.language = 'en' AND NOT EXISTS (
        SELECT 1 FROM item_state st WHERE st.job_id = p.job_id AND st.stage = 'generate' AND st.item_id = p.item_id
            AND st.state = 'done' AND (st.call_id = p.call_id
                OR (j.policies ? 'pairs_per_item' OR j.policies -> 'grounding' ->> 'policy' = 'repair') AND EXISTS (
                SELECT 1 FROM call c WHERE c.id = p.call_id AND c.job_id = p.job_id AND c.item_id = p.item_id
                    AND c.stage = 'generate' AND c.id < st.call_id AND c.state IN ('ok', 'recovered'))))
    """
)


def settings_for(database_url: str, redis_url: str, endpoint_url: str, home: Path, **changes: Any) -> Settings:
    """Settings of a worker that asks the loopback endpoint."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "openai_base_url": endpoint_url,
        "openai_api_key": "test",
        "openai_model": "gpt-4o-mini",
        "home": home,
        "concurrency": 16,
        "shard_items": 20,
        "lease_s": 10.0,
        "tick_s": 0.1,
        "drain_s": 10.0,
    }
    return Settings(**(values | changes))


async def add_dataset(sessions: Sessions, items: int, *, shared_images: int = 1, kind: str | None = None) -> int:
    """A ready dataset of that many items; `shared_images` consecutive items share an image."""
    dataset_id = new_id()
    async with sessions.begin() as session:
        dataset = models.Dataset(
            id=dataset_id,
            name=f"set-{dataset_id}",
            kind=kind,
            abbr="SET",
            format="jsonl",
            state="ready",
            items=items,
            created_at=utc_now(),
        )
        session.add(dataset)
        await session.flush()
        for position in range(items):
            images = position // shared_images
            session.add(
                models.Item(
                    dataset_id=dataset_id,
                    position=position,
                    source_id=f"source-{position}",
                    sentences=f"a red car number {position} stands beside a tree\na person walks by",
                    image_ids=[f"IMG_{images}"],
                    image_set=images + 1,
                )
            )
    return dataset_id


async def order(sessions: Sessions, settings: Settings, dataset_id: int, **request: Any) -> int:
    """A submitted job's id."""
    async with sessions.begin() as session:
        return (await submit_job(session, settings, JobRequest(dataset_id, **request))).id


@asynccontextmanager
async def working(settings: Settings, worker_id: str = "test-worker") -> AsyncIterator[ShardEngine]:
    """A worker in this process that hears its bell, drained at the end of the block."""
    async with open_worker(settings, worker_id) as engine:
        listening = asyncio.create_task(listen(settings, engine, worker_id))
        try:
            yield engine
        finally:
            await end_tasks(listening)


async def state_of(sessions: Sessions, job_id: int) -> models.Job:
    async with sessions() as session:
        return await session.get_one(models.Job, job_id)


async def finish(sessions: Sessions, job_id: int) -> models.Job:
    """The job once it is in a final state."""

    async def is_final() -> bool:
        return (await state_of(sessions, job_id)).state in FINAL

    await wait_until(is_final, f"the end of job {job_id}", timeout_s=60)
    return await state_of(sessions, job_id)


async def counts_of(sessions: Sessions, job_id: int) -> dict[str, int]:
    """The job's roll-ups, without zeros, after comparing each with the rows it counts."""
    async with sessions() as session:
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        tallies = {key: n for key, n in (await read_tallies(session, [job_id]))[job_id].items() if n}
        rows = {key: int(n) for key, n in await session.execute(_ROWS, {"job": job_id}) if n}
        orphans = (await session.execute(_ORPHANS, {"job": job_id})).scalar_one()
        total = (await session.execute(select(models.Job.items_total).where(models.Job.id == job_id))).scalar_one()  # type: ignore[call-overload]  # columns
    compared = {key: n for key, n in tallies.items() if key in rows or not _is_detail(key)}
    assert compared == rows, f"the roll-ups differ from the rows: {sorted(compared.items() ^ rows.items())}"
    assert orphans == 0, "a pair does not belong to its item's winning call, or one of the replies that led to it"
    assert tallies["items.total"] == total
    return tallies


def _is_detail(key: str) -> bool:
    """Roll-ups that split another one, or that no row counts."""
    return (
        key == "items.total"
        or key.startswith(("calls.", "rejected.", "refused.", "relate."))
        or key in {"usage.prompt_tokens", "usage.cached_tokens"}
    )
