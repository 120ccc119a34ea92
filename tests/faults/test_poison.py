"""An item that ends every worker that asks about it: a few deaths find it, and the last of them cost nothing else."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sqlalchemy import text

from app.services.fleet import release_worker
from tests.faults.arena import Arena, open_arena
from tests.support.endpoint import Endpoint
from tests.support.orders import FINAL, add_dataset, counts_of, order, settings_for, state_of
from tests.support.waiting import wait_until
from workers.gates import POISON_LOSSES

_POISON = b"number 0 stands"  # in the sentences of the first item only
_LOST = text("SELECT count(*) FROM call WHERE state = 'unknown' GROUP BY worker ORDER BY worker")


async def test_an_item_that_kills_its_worker_is_set_aside_after_six_deaths_and_the_last_three_cost_nobody_else(
    tmp_path: Path,
) -> None:
    async with open_arena(tmp_path) as arena, _poisoned_way(arena.endpoint, lambda: _kill(arena)) as way:
        await arena.endpoint.set_mode(latency_ms=300)
        arena.endpoint = way
        settings = settings_for(arena.database_url, arena.redis_url, way.url, tmp_path)
        job_id = await order(arena.sessions, settings, await add_dataset(arena.sessions, 10))
        deaths = await _supervise(arena, job_id)
        job, counts = await state_of(arena.sessions, job_id), await counts_of(arena.sessions, job_id)
        async with arena.sessions() as session:
            lost = list((await session.execute(_LOST)).scalars())
    assert deaths == POISON_LOSSES
    assert (counts["items.done"], counts["items.poison"]) == (9, 1)
    assert (job.state, job.reason) == ("completed", "1 item set aside as poison")
    assert len(lost) == POISON_LOSSES
    assert lost[3:] == [1] * (POISON_LOSSES - 3)


def _kill(arena: Arena) -> None:
    for worker in arena.workers:
        if worker.is_alive:
            worker.send(signal.SIGKILL)


async def _supervise(arena: Arena, job_id: int) -> int:
    """Keep one worker running until the job has ended; how many died."""
    deaths = 0
    while True:
        worker = await arena.start_worker()

        async def is_over(pid: int = worker.pid) -> bool:
            return pid in arena.nursery.statuses or (await state_of(arena.sessions, job_id)).state in FINAL

        await wait_until(is_over, "the end of the worker or of the job", 60.0)
        if worker.is_alive:
            await arena.stop_workers()
            return deaths
        deaths += 1
        arena.workers.clear()
        await release_worker(arena.sessions, worker.worker_id)


@asynccontextmanager
async def _poisoned_way(endpoint: Endpoint, kill: Callable[[], None]) -> AsyncIterator[Endpoint]:
    """A way to the endpoint on which a request about the poisoned item ends whoever sent it."""
    host, _, port = endpoint.url.split("/")[2].partition(":")
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_watched: bool) -> None:
        seen = b""
        with suppress(ConnectionError):
            while piece := await reader.read(2**16):
                seen = seen[-len(_POISON) :] + piece
                if is_watched and _POISON in seen:
                    kill()
                    break
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        for task in (
            asyncio.create_task(carry(reader, back, is_watched=True)),
            asyncio.create_task(carry(there, writer, is_watched=False)),
        ):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield Endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", endpoint.pid)
    finally:
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)
