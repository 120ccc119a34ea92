"""Numbers that were asked for, while workers are killed: exactly so many pairs, whoever dies when."""

import signal
from pathlib import Path

from sqlalchemy import text

from app.services.fleet import release_worker
from app.store.session import Sessions
from tests.faults.arena import Arena, open_arena
from tests.support.orders import FINAL, add_dataset, counts_of, order, settings_for, state_of
from tests.support.waiting import wait_until

TARGET, PER_ITEM, ITEMS, KILLS = 400, 5, 150, 4


async def test_killed_workers_change_no_number_that_was_asked_for(tmp_path: Path) -> None:
    async with open_arena(tmp_path) as arena:
        await arena.endpoint.set_mode(pairs=2, latency_ms=60, jitter_ms=40)
        settings = settings_for(arena.database_url, arena.redis_url, arena.endpoint.url, tmp_path / "order")
        policies = {"target_pairs": TARGET, "pairs_per_item": PER_ITEM}
        job_id = await order(arena.sessions, settings, await add_dataset(arena.sessions, ITEMS), policies=policies)
        for _ in range(3):
            await arena.start_worker()
        for number in range(1, KILLS + 1):
            await _await_pairs(arena.sessions, job_id, number * TARGET // (KILLS + 1))
            await _kill_one(arena)
        await wait_until(lambda: _is_final(arena.sessions, job_id), "the end of the job", 90.0)
        await arena.stop_workers()
        job, counts = await state_of(arena.sessions, job_id), await counts_of(arena.sessions, job_id)
        async with arena.sessions() as session:
            sizes = list((await session.execute(text("SELECT count(*) FROM pair GROUP BY item_id"))).scalars())
    assert (job.state, job.reason, counts["pairs"]) == ("completed", None, TARGET)
    assert counts["items.done"] + counts["items.skipped"] == ITEMS
    assert max(sizes) == PER_ITEM


async def _kill_one(arena: Arena) -> None:
    """End a worker without a word, and start another."""
    worker = next(worker for worker in arena.workers if worker.is_alive)
    worker.send(signal.SIGKILL)
    await worker.wait_gone()
    await release_worker(arena.sessions, worker.worker_id)
    await arena.start_worker()


async def _await_pairs(sessions: Sessions, job_id: int, pairs: int) -> None:
    async def are_there() -> bool:
        async with sessions() as session:
            found = await session.execute(text("SELECT count(*) FROM pair WHERE job_id = :job"), {"job": job_id})
            return int(found.scalar_one()) >= pairs

    await wait_until(are_there, f"{pairs} pairs", 60.0)


async def _is_final(sessions: Sessions, job_id: int) -> bool:
    return (await state_of(sessions, job_id)).state in FINAL
