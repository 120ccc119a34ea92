"""What is done to the service, one function a fault; each waits for what it needs and returns when it is over."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from sqlalchemy import text

from app.services.fleet import release_worker
from app.store.session import Sessions
from tests.faults.arena import Arena, Worker
from tests.faults.audit import count_passed, list_held
from tests.faults.ledger import Measure, measure
from tests.support.orders import FINAL, state_of
from tests.support.waiting import wait_until

OUTAGE_S = 15.0
_PATIENCE_S = 60.0
_ASKING = text("SELECT DISTINCT worker FROM call WHERE state = 'started' AND worker = ANY(:workers) ORDER BY 1")


class JobOverError(Exception):
    """The job ended before all its faults were injected."""


@dataclass(slots=True)
class Strain:
    """A round under way: what was done so far and what it may cost at most.

    bound: calls that may be paid twice; struck: workers whose calls may be lost
    breaches: what went wrong while a fault was injected
    """

    arena: Arena
    job_id: int
    chance: Random
    bound: int = 0
    struck: list[str] = field(default_factory=list)
    reopened: bool = False
    done: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    async def pick_asking(self) -> Worker:
        """One of the workers that have a call under way."""
        alive: list[Worker] = []

        async def is_asking() -> bool:
            if (await self.arena.query(lambda sessions: state_of(sessions, self.job_id))).state in FINAL:
                raise JobOverError
            workers = {worker.worker_id: worker for worker in self.arena.workers if worker.is_alive}
            asking = await self.arena.query(lambda sessions: _list_asking(sessions, list(workers)))
            alive[:] = [workers[worker_id] for worker_id in asking]
            return bool(alive)

        await wait_until(is_asking, "a worker with a call under way", _PATIENCE_S)
        return self.chance.choice(alive)


async def kill(strain: Strain) -> None:
    """Stop a worker, count, kill -9 it; every other time its supervisor frees what it held, else its leases run out."""
    arena, worker = strain.arena, await strain.pick_asking()
    books = await _freeze(strain, worker)
    strain.bound += books.lost
    worker.send(signal.SIGKILL)
    await worker.wait_gone()
    arena.workers.remove(worker)
    if strain.chance.random() < 0.5:
        await arena.query(lambda sessions: release_worker(sessions, worker.worker_id))
    await arena.start_worker()


async def lose_redis(strain: Strain) -> None:
    """Lose all that Redis holds: kill -9 of the server or FLUSHALL."""
    if strain.chance.random() < 0.5:
        await strain.arena.kill_redis()
    else:
        await strain.arena.flush_redis()


async def crash_postgres(strain: Strain) -> None:
    """kill -9 of the postmaster, or its immediate shutdown."""
    await strain.arena.crash_postgres(strain.chance.choice((signal.SIGKILL, signal.SIGQUIT)))


async def restart_worker(strain: Strain) -> None:
    """SIGTERM one worker and start its successor beside it; it must end cleanly, with nothing left open."""
    arena, worker = strain.arena, await strain.pick_asking()
    worker.send(signal.SIGTERM)
    await arena.start_worker()
    status = await worker.wait_gone()
    arena.workers.remove(worker)
    left = (await measure(arena, worker)).open_intents
    held = await arena.query(lambda sessions: list_held(sessions, worker.worker_id))
    if status or left or held:
        strain.breaches.append(f"{worker.worker_id} ended with {status}, {left} open calls and {len(held)} leases")


async def make_zombie(strain: Strain) -> None:
    """Stop a worker until others hold all it held, then let it run on with its old leases."""
    arena, worker = strain.arena, await strain.pick_asking()
    books = await _freeze(strain, worker)
    leases = await arena.query(lambda sessions: list_held(sessions, worker.worker_id))
    strain.bound += books.lost

    async def is_replaced() -> bool:
        return await arena.query(lambda sessions: count_passed(sessions, leases)) == len(leases)

    try:
        await wait_until(is_replaced, f"the takeover of {worker.worker_id}'s shards", 30.0)
    finally:
        worker.send(signal.SIGCONT)
    await _await_late_answers(strain, worker, books)


async def cut_endpoint(strain: Strain) -> None:
    """15 s in which the endpoint refuses everything; after the breaker opened at most one probe a second gets there."""
    endpoint = strain.arena.endpoint
    loop = asyncio.get_running_loop()
    await endpoint.set_mode(outage="503")
    began = loop.time()
    refused: list[tuple[float, int]] = []
    while loop.time() - began < OUTAGE_S:
        refused.append((loop.time(), (await endpoint.stats())["faults"].get("outage", 0)))
        await asyncio.sleep(0.05)
    await endpoint.set_mode(outage="")
    total = refused[-1][1]
    if not total:
        strain.breaches.append("no call met the outage")
    worst = _most_within_a_second(refused, began + 2.0)
    strain.notes.append(f"{total} refused in {OUTAGE_S:.0f} s, {worst} in the worst second once the breaker was open")
    if worst > 2:  # one a second: two can fall into one window of a second
        strain.breaches.append(f"{worst} probes within a second of the outage")


async def empty_redis(strain: Strain) -> None:
    """Keep Redis empty until the job has ended."""
    while (await strain.arena.query(lambda sessions: state_of(sessions, strain.job_id))).state not in FINAL:
        await strain.arena.flush_redis()


INJECTIONS: Mapping[str, Callable[[Strain], Awaitable[None]]] = {
    "kill -9 of a worker": kill,
    "loss of all Redis data": lose_redis,
    "crash of PostgreSQL": crash_postgres,
    "SIGTERM restart": restart_worker,
    "zombie": make_zombie,
    "15 s outage of the endpoint": cut_endpoint,
    "Redis kept empty": empty_redis,
}


async def _freeze(strain: Strain, worker: Worker) -> Measure:
    worker.send(signal.SIGSTOP)
    strain.struck.append(worker.worker_id)
    return await measure(strain.arena, worker)


async def _await_late_answers(strain: Strain, worker: Worker, books: Measure) -> None:
    """Every answer that was paid for when the zombie was stopped must be recorded in the end."""

    async def is_recorded() -> bool:
        return (await measure(strain.arena, worker)).recorded >= books.accepted

    await wait_until(is_recorded, f"the late answers of {worker.worker_id}", _PATIENCE_S)


def _most_within_a_second(refused: list[tuple[float, int]], after: float) -> int:
    settled = [(at, n) for at, n in refused if at >= after]
    return max((n - m for at, n in settled for then, m in settled if 0 <= at - then <= 1.0), default=0)


async def _list_asking(sessions: Sessions, workers: list[str]) -> list[str]:
    async with sessions() as session:
        return list((await session.execute(_ASKING, {"workers": workers})).scalars())
