"""A worker that is killed amid a judgement: what was stored is never paid again, and the report is whole."""

import signal
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.services.fleet import release_worker
from app.services.judgements import JudgementRequest, order_judgement, read_evidence, write_report
from app.store.jobs import get_job
from app.store.session import Sessions
from tests.faults.arena import open_arena
from tests.support.orders import add_dataset, finish, order, settings_for
from tests.support.waiting import wait_until

ITEMS = 60


async def test_a_killed_worker_pays_for_no_stored_score_again(tmp_path: Path) -> None:
    async with open_arena(tmp_path) as arena:
        await arena.endpoint.set_mode(pairs=2)
        settings = settings_for(arena.database_url, arena.redis_url, arena.endpoint.url, tmp_path / "order")
        judged = await order(arena.sessions, settings, await add_dataset(arena.sessions, ITEMS), stages=["generate"])
        worker = await arena.start_worker()
        assert (await finish(arena.sessions, judged)).state == "completed"
        await arena.endpoint.set_mode(answers=ITEMS // 2)
        await arena.endpoint.reset()
        async with arena.sessions.begin() as session:
            judging = (await order_judgement(session, settings, JudgementRequest(judged, ITEMS))).id

        async def has_some() -> bool:
            return await _count_stored(arena.sessions, judging) >= 10

        await wait_until(has_some, "the first scores", 30.0)
        worker.send(signal.SIGSTOP)
        accepted = (await arena.endpoint.stats())["accepted"]
        stored = await _count_stored(arena.sessions, judging)
        worker.send(signal.SIGKILL)
        await worker.wait_gone()
        await arena.endpoint.set_mode(answers=-1)
        assert 10 <= stored <= accepted
        assert stored < ITEMS
        await release_worker(arena.sessions, worker.worker_id)
        await arena.start_worker()
        assert (await finish(arena.sessions, judging)).state == "completed"
        paid = await arena.endpoint.keys()
        report = await _report(arena.sessions, judging)
        await arena.stop_workers()
    assert len(paid) == ITEMS
    assert sum(paid.values()) - ITEMS <= accepted - stored
    assert (report["items"], report["pairs"], report["unjudged"]) == (ITEMS, 2 * ITEMS, 0)
    assert report["usage"]["calls"] >= ITEMS


async def _count_stored(sessions: Sessions, job_id: int) -> int:
    async with sessions() as session:
        query = text("SELECT count(*) FROM call WHERE job_id = :job AND raw IS NOT NULL")
        return int((await session.execute(query, {"job": job_id})).scalar_one())


async def _report(sessions: Sessions, job_id: int) -> dict[str, Any]:
    async with sessions() as session:
        evidence = await read_evidence(session, await get_job(session, job_id))
    assert evidence is not None
    return write_report(evidence)
