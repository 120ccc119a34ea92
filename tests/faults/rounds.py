"""Rounds: one job each, worked by three real workers while faults are injected as it progresses."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from sqlalchemy import text

from app.services.jobs import act_on_job
from app.store.session import Sessions
from tests.faults.arena import Arena
from tests.faults.audit import count_expiries, find_breaches
from tests.faults.injections import INJECTIONS, JobOverError, Strain
from tests.faults.ledger import Watch, balance
from tests.support.orders import FINAL, add_dataset, order, settings_for, state_of
from tests.support.waiting import wait_until
from workers.gates import POISON_LOSSES

WORKERS = 3
PAIRS = 3
_LAST_INJECTION = 0.85  # of the way: the end of the job shows whether the last fault was survived
_STALL_S = 90.0
_SLOWEST = 5.0
_NEVER_EXPIRES = {"SIGTERM restart"}

_PROGRESS = text("SELECT count(*) FROM item_state WHERE job_id = :job")
_UNDONE = text(
    """
    SELECT stage, item_id, sample, state, code, detail FROM item_state WHERE job_id = :job AND state <> 'done'
    ORDER BY 1, 2, 3
    """
)
_POISON = text(
    """
    SELECT count(*), count(*) FILTER (WHERE :losses <= (
        SELECT count(DISTINCT c.worker) FROM call c
        WHERE c.job_id = st.job_id AND c.item_id = st.item_id AND c.stage = st.stage AND c.sample = st.sample
            AND c.state = 'unknown' AND c.worker = ANY(:struck)))
    FROM item_state st WHERE job_id = :job AND state = 'poison'
    """
)
_LOSSES = text("SELECT count(*) FROM call WHERE job_id = :job AND state = 'unknown'")


@dataclass(frozen=True, slots=True)
class Round:
    """A job of `items` items under faults, by name and number; the endpoint takes `latency_ms` for an answer.

    concurrency: the job's own bound, where its end would else come before the last fault
    """

    name: str
    items: int
    faults: Mapping[str, int]
    latency_ms: int
    languages: tuple[str, ...] = ()
    concurrency: int | None = None

    @property
    def units(self) -> int:
        return self.items * (1 + PAIRS * bool(self.languages))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a round came to; it passed where `breaches` is empty."""

    name: str
    injected: int
    items: int
    lost: int
    duplicates: int
    paid_twice: int
    bound: int
    samples: int
    notes: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)


async def run_round(arena: Arena, plan: Round, chance: Random) -> Verdict:
    """Run the job under its faults and audit what is left. Raises AssertionError where it does not end."""
    await _prepare(arena, plan)
    settings = settings_for(arena.database_url, arena.redis_url, arena.endpoint.url, arena.home / "order")
    dataset_id = await add_dataset(arena.sessions, plan.items)
    limits = {"concurrency": plan.concurrency} if plan.concurrency else {}
    job_id = await order(arena.sessions, settings, dataset_id, languages=list(plan.languages), limits=limits)
    watch, strain = Watch(arena, job_id), Strain(arena, job_id, chance)
    watching = asyncio.create_task(watch.run())
    try:
        for _ in range(WORKERS):
            await arena.start_worker()
        await _inject_all(strain, plan)
        await _await_end(arena, job_id)
        if await _revive(strain):
            await _await_end(arena, job_id)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    statuses = await arena.stop_workers()
    if not set(statuses) <= {0, -signal.SIGTERM}:  # the latter: told to stop before it was up
        strain.breaches.append(f"workers ended with {statuses}")
    await watch.sample()
    return await _judge(plan, strain, watch)


async def _prepare(arena: Arena, plan: Round) -> None:
    """An endpoint whose books are empty and to which no earlier call is on its way."""

    async def is_idle() -> bool:
        return int((await arena.endpoint.stats())["in_flight"]) == 0

    await wait_until(is_idle, "the end of earlier calls")
    await arena.endpoint.reset()
    await arena.endpoint.set_mode(latency_ms=plan.latency_ms, jitter_ms=plan.latency_ms // 2, pairs=PAIRS)


async def _inject_all(strain: Strain, plan: Round) -> None:
    """Each fault when the job has come so far; which comes when, and whom it hits, follows from the seed."""
    names = [name for name, times in plan.faults.items() for _ in range(times)]
    strain.chance.shuffle(names)
    for number, name in enumerate(names):
        due = int(plan.units * _LAST_INJECTION * (number + 0.5) / len(names))
        await _await_progress(strain, due)
        await _hold_back(strain, plan, due, len(names) - number)
        try:
            await INJECTIONS[name](strain)
        except JobOverError:
            strain.breaches.append(f"the job ended after {number} of {len(names)} faults")
            return
        strain.done.append(name)


async def _hold_back(strain: Strain, plan: Round, due: int, faults_left: int) -> None:
    """Slow the endpoint down where the job ran ahead of its faults, so that none comes too late to hurt."""
    ended = await strain.arena.query(lambda sessions: _count_ended(sessions, strain.job_id))
    left, planned = max(1, plan.units - ended), plan.units - due
    latency_ms = round(plan.latency_ms * min(_SLOWEST, planned / left)) if faults_left > 1 else plan.latency_ms
    await strain.arena.endpoint.set_mode(latency_ms=latency_ms)


async def _await_progress(strain: Strain, due: int) -> None:
    async def is_due() -> bool:
        return await strain.arena.query(lambda sessions: _count_ended(sessions, strain.job_id)) >= due

    await wait_until(is_due, f"{due} outcomes after {strain.done[-3:]}", _STALL_S)


async def _await_end(arena: Arena, job_id: int) -> None:
    async def is_final() -> bool:
        return (await arena.query(lambda sessions: state_of(sessions, job_id))).state in FINAL

    await wait_until(is_final, f"the end of job {job_id}", _STALL_S)


async def _revive(strain: Strain) -> bool:
    """Ask again for innocent items that this run's kills made look poisonous; whether there were any.

    An item that every one of so many kills hit is more than the engine can tell from one that kills its worker.
    """
    poisoned, explained = await strain.arena.query(lambda sessions: _count_poison(sessions, strain))
    if not poisoned:
        return False
    if explained != poisoned:
        strain.breaches.append(f"{poisoned} items are poison, {explained} of them by the kills of this run")
    strain.notes.append(f"{poisoned} items were hit by {POISON_LOSSES} kills each, set aside as poison and asked again")
    strain.reopened = True
    async with strain.arena.sessions.begin() as session:
        await act_on_job(session, strain.job_id, "retry-failed")
    return True


async def _judge(plan: Round, strain: Strain, watch: Watch) -> Verdict:
    arena, job_id = strain.arena, strain.job_id
    books = await balance(arena, job_id)
    breaches = [*strain.breaches, *dict.fromkeys(watch.breaches), *books.faults]
    breaches += await find_breaches(arena.sessions, job_id, reopened=strain.reopened)
    job, counts = await state_of(arena.sessions, job_id), await watch.counts()
    if (job.state, job.reason) != ("completed", None):
        breaches.append(f"the job ended {job.state}: {job.reason}")
    breaches += await _list_undone(arena.sessions, job_id)
    lost = plan.items - counts["items.done"]
    duplicates = books.duplicates + max(0, counts["pairs"] - PAIRS * plan.items)
    if lost or duplicates:
        breaches.append(f"{lost} items lost, {duplicates} pairs too many")
    expiries = await count_expiries(arena.sessions, job_id)
    if expiries and set(plan.faults) <= _NEVER_EXPIRES:
        breaches.append(f"{expiries} leases ran out")
    if books.paid_twice > strain.bound:
        breaches.append(f"{books.paid_twice} calls paid twice, {strain.bound} allowed")
    async with arena.sessions() as session:
        vanished = (await session.execute(_LOSSES, {"job": job_id})).scalar_one()
    notes = [*strain.notes, f"{expiries} leases ran out, {vanished} calls without a known end"]
    return Verdict(
        plan.name, len(strain.done), plan.items, lost, duplicates, books.paid_twice, strain.bound, watch.samples,
        notes, breaches,
    )  # fmt: skip


async def _list_undone(sessions: Sessions, job_id: int) -> Sequence[str]:
    async with sessions() as session:
        rows = list(await session.execute(_UNDONE, {"job": job_id}))
    return [f"{row[0]} of item {row[1]}/{row[2]} ended {row[3]}: {row[4]} {row[5]}" for row in rows]


async def _count_poison(sessions: Sessions, strain: Strain) -> tuple[int, int]:
    """(poisoned units, those that lost all their calls with workers this run struck)."""
    async with sessions() as session:
        row = (
            await session.execute(_POISON, {"job": strain.job_id, "struck": strain.struck, "losses": POISON_LOSSES})
        ).one()
        return int(row[0]), int(row[1])


async def _count_ended(sessions: Sessions, job_id: int) -> int:
    async with sessions() as session:
        return int((await session.execute(_PROGRESS, {"job": job_id})).scalar_one())
