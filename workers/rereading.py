"""Rereading a shard: its stored replies by the rules of now, and only what that changes is written."""

from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.services.claims import Claim
from app.services.rereading import UnitChange, reread
from app.services.revising import make_changes
from app.services.surplus import keep_all_to_target
from app.store.quotas import lock_jobs
from app.store.rereading import lock_items, read_units
from app.store.resets import clear_reset
from app.store.session import Sessions
from app.store.shards import hold_lease
from app.store.tallies import read_tallies

_ITEMS_AT_ONCE = 64


async def reread_shard(sessions: Sessions, claim: Claim, owner: str, bucket: int, is_going: Callable[[], bool]) -> bool:
    """Whether all was read; False where the lease was lost or the run stopped before.

    Each batch is written in a transaction of its own, which holds the lease. Done twice it is done once.
    """
    positions = claim.lease.positions
    for start in range(0, len(positions), _ITEMS_AT_ONCE):
        if not is_going():
            return False
        async with sessions() as session:
            changes = await _compare(session, claim, positions[start : start + _ITEMS_AT_ONCE])
        if not changes:
            continue
        async with sessions.begin() as session:
            if claim.job.target_pairs is not None:
                await lock_jobs(session, [claim.job.job_id])
            if not await hold_lease(session, claim.lease, owner):
                return False
            await lock_items(session, claim.job.job_id, sorted({change.unit.item_id for change in changes}))
            changes = await _compare(session, claim, sorted({change.unit.position for change in changes}), changes)
            changes = await _keep_to_target(session, claim, changes)
            await make_changes(session, claim.job.job_id, changes, bucket)
    async with sessions.begin() as session:
        await clear_reset(session, claim.lease)
    return True


async def _compare(
    session: AsyncSession, claim: Claim, positions: Sequence[int], known: Sequence[UnitChange] = ()
) -> list[UnitChange]:
    """The changes of these positions; `known` are some that hold as long as their unit stands as it did."""
    units = await read_units(session, claim.job.job_id, claim.job.dataset_id, positions)
    before = {(change.unit.item_id, change.unit.sample): change for change in known}
    changes = []
    for unit in units:
        change = before.get((unit.item_id, unit.sample))
        if change is None or change.unit != unit:
            change = reread(claim.job, unit)
        if change.is_change:
            changes.append(change)
    return changes


async def _keep_to_target(session: AsyncSession, claim: Claim, changes: list[UnitChange]) -> list[UnitChange]:
    """The changes with as many new pairs as the job's target leaves room for; its row is locked."""
    job_id, target = claim.job.job_id, claim.job.target_pairs
    if target is None:
        return changes
    pairs = (await read_tallies(session, [job_id]))[job_id]["pairs"]
    return keep_all_to_target(changes, target, target - pairs)
