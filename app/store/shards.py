"""Shards: cutting, claiming, keeping, finishing. Leases use PostgreSQL's clock; every step but the first is fenced."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.calls import lose_calls

WHOLE_SEQ = -1
"""The place of the shard that stands for the whole job: it has no positions and only relates."""

COMPARE_SEQ = -2
"""The place of the shard that compares the pairs of the whole job once all others are done."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A shard in hand: only the holder of the newest fence may start calls or change it."""

    shard_id: int
    job_id: int
    fence: int
    stage: str
    positions: tuple[int, ...]
    reset: bool

    @property
    def is_whole(self) -> bool:
        """Whether this is a shard of the whole job, which relates or compares the pairs of all others."""
        return not self.positions

    @property
    def is_comparison(self) -> bool:
        """Whether this is the shard that compares the pairs of all others."""
        return self.is_whole and self.stage == "generate"


_INSERT = text(
    """
    INSERT INTO shard (job_id, seq, stage, state, positions)
    SELECT :job_id, seq, :stage, 'ready', CAST(positions AS int[])
    FROM unnest(CAST(:seqs AS int[]), CAST(:positions AS text[])) AS cut (seq, positions)
    """
)
_RENEW_WHOLE = text(
    f"""
    INSERT INTO shard (job_id, seq, stage, state, positions, reset)
    SELECT :job_id, {WHOLE_SEQ}, 'relate', 'ready', '{{}}', true
    WHERE EXISTS (
        SELECT 1 FROM shard WHERE job_id = :job_id AND seq <> {WHOLE_SEQ} AND state <> 'done' AND stage <> 'translate'
    )
    ON CONFLICT (job_id, seq) DO UPDATE SET state = 'ready', reset = true, not_before = NULL, rung_at = NULL
    """  # noqa: S608  # only constants are put in
)
_DROP_WHOLE = text(f"DELETE FROM shard WHERE job_id = :job_id AND seq = {WHOLE_SEQ}")  # noqa: S608  # a constant
_PICK = text(
    """
    SELECT j.id, s.id FROM job j
    CROSS JOIN LATERAL (
        SELECT id FROM shard
        WHERE job_id = j.id AND state = 'ready' AND (not_before IS NULL OR not_before <= clock_timestamp())
        ORDER BY seq LIMIT 1 OFFSET :skip
    ) s
    WHERE j.state IN ('queued', 'in_progress', 'finalizing') AND NOT (j.id = ANY(:avoided))
    ORDER BY (SELECT count(*) FROM shard WHERE job_id = j.id AND state = 'leased'), j.id LIMIT 1
    """
)
_CLAIM = text(
    """
    UPDATE shard SET state = 'leased', fence = fence + 1, owner = :owner, rung_at = NULL, not_before = NULL,
        lease_until = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE id = (
        SELECT id FROM shard
        WHERE id = :shard_id AND state = 'ready' AND (not_before IS NULL OR not_before <= clock_timestamp())
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id, job_id, fence, stage, positions, reset
    """
)
_COUNT_LEASED = text("SELECT count(*) FROM shard WHERE job_id = :job_id AND state = 'leased'")
_HAS_ROOM = text(
    f"""
    SELECT count(*) < :most OR EXISTS (SELECT 1 FROM shard WHERE id = :shard_id AND seq = {WHOLE_SEQ})
    FROM shard WHERE job_id = :job_id AND state = 'leased' AND seq <> {WHOLE_SEQ}
    """  # noqa: S608  # only constants are put in
)
_HOLD = text(
    "SELECT 1 FROM shard WHERE id = :shard_id AND fence = :fence AND state = 'leased' AND owner = :owner FOR SHARE"
)
_KEEP = text(
    """
    UPDATE shard SET lease_until = clock_timestamp() + make_interval(secs => :lease_s)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS int[])) AS held (id, fence)
    WHERE shard.id = held.id AND shard.fence = held.fence AND shard.state = 'leased' AND shard.owner = :owner
    RETURNING shard.id
    """
)
_LEAVE = text(
    """
    UPDATE shard SET state = :state, stage = :stage, owner = NULL, lease_until = NULL,
        not_before = CASE WHEN :delay_s > 0 THEN clock_timestamp() + make_interval(secs => :delay_s) END
    WHERE id = :shard_id AND fence = :fence AND state = 'leased' AND owner = :owner
    """
)
_ADVANCE = text(
    """
    UPDATE shard SET stage = :stage
    WHERE id = :shard_id AND fence = :fence AND state = 'leased' AND owner = :owner
    """
)
_EXPIRE = text(
    """
    UPDATE shard SET state = 'ready', owner = NULL, lease_until = NULL, rung_at = NULL
    WHERE state = 'leased' AND (lease_until < clock_timestamp() OR owner = :owner)
    RETURNING id, job_id
    """
)
_DUE = text(
    """
    SELECT s.id, s.fence FROM job j
    CROSS JOIN LATERAL (
        SELECT id, fence FROM shard
        WHERE job_id = j.id AND state = 'ready' AND (not_before IS NULL OR not_before <= clock_timestamp())
            AND (rung_at IS NULL OR rung_at < clock_timestamp() - make_interval(secs => :again_s))
        ORDER BY seq LIMIT :per_job
    ) s
    WHERE j.state IN ('queued', 'in_progress', 'finalizing') AND (CAST(:job_id AS bigint) IS NULL OR j.id = :job_id)
    LIMIT :per_job
    """
)
_RUNG = text("UPDATE shard SET rung_at = clock_timestamp() WHERE id = ANY(:ids) AND state = 'ready'")


async def insert_shards(session: AsyncSession, job_id: int, stage: str, cuts: Sequence[Sequence[int]]) -> None:
    """Store a job's shards, each as the positions of its items."""
    positions = ["{" + ",".join(map(str, cut)) + "}" for cut in cuts]
    parameters = {"job_id": job_id, "stage": stage, "seqs": list(range(len(cuts))), "positions": positions}
    await session.execute(_INSERT, parameters)


async def renew_whole_shard(session: AsyncSession, job_id: int, *, is_wanted: bool) -> None:
    """Make the shard of the whole job due again where others are about to relate; not wanted, it is dropped."""
    await session.execute(_RENEW_WHOLE if is_wanted else _DROP_WHOLE, {"job_id": job_id})


async def pick_shard(session: AsyncSession, avoided: Sequence[int], skip: int) -> tuple[int, int] | None:
    """(job, shard) of a shard that could be claimed, from the job with the fewest shards at work; nothing is locked.

    `skip` passes over that many shards of the job, so that workers that look at once look at different ones.
    """
    row = (await session.execute(_PICK, {"avoided": list(avoided), "skip": skip})).first()
    return (row[0], row[1]) if row else None


async def claim_shard(session: AsyncSession, shard_id: int, owner: str, lease_s: float) -> Lease | None:
    """Take the lease, raising the fence; None where somebody else has it or it is not due."""
    parameters = {"shard_id": shard_id, "owner": owner, "lease_s": lease_s}
    row = (await session.execute(_CLAIM, parameters)).first()
    if row is None:
        return None
    return Lease(row.id, row.job_id, row.fence, row.stage, tuple(row.positions), row.reset)


async def count_leased(session: AsyncSession, job_id: int) -> int:
    """How many shards of the job are in somebody's hands."""
    return int((await session.execute(_COUNT_LEASED, {"job_id": job_id})).scalar_one())


async def has_room(session: AsyncSession, job_id: int, shard_id: int, most: int) -> bool:
    """Whether the job allows another shard at work; the one that stands for the whole job always may."""
    parameters = {"job_id": job_id, "shard_id": shard_id, "most": most}
    return bool((await session.execute(_HAS_ROOM, parameters)).scalar_one())


async def hold_lease(session: AsyncSession, lease: Lease, owner: str) -> bool:
    """Whether the lease is still ours, and ours until this transaction ends."""
    parameters = {"shard_id": lease.shard_id, "fence": lease.fence, "owner": owner}
    return (await session.execute(_HOLD, parameters)).first() is not None


async def keep_leases(session: AsyncSession, leases: Sequence[tuple[int, int]], owner: str, lease_s: float) -> set[int]:
    """Prolong leases given as (shard, fence); answers the shards that are still ours."""
    ids, fences = [lease[0] for lease in leases], [lease[1] for lease in leases]
    rows = await session.execute(_KEEP, {"ids": ids, "fences": fences, "owner": owner, "lease_s": lease_s})
    return set(rows.scalars())


async def leave_shard(
    session: AsyncSession, lease: Lease, owner: str, *, state: str, stage: str, delay_s: float = 0.0
) -> bool:
    """Give the shard back (`ready`, perhaps not before a delay) or end it (`done`); False where the fence rose.

    An intent that is still open then was never sent: its commit was confirmed to nobody. Left open, it would pass for
    a call under way for ever.
    """
    parameters = {
        "shard_id": lease.shard_id,
        "fence": lease.fence,
        "owner": owner,
        "state": state,
        "stage": stage,
        "delay_s": delay_s,
    }
    result = await session.execute(_LEAVE, parameters)
    is_left = result.rowcount == 1  # type: ignore[attr-defined]  # an UPDATE's result has a row count
    if is_left:
        await lose_calls(session, [lease.shard_id])
    return bool(is_left)


async def advance_shard(session: AsyncSession, lease: Lease, owner: str, stage: str) -> bool:
    """Take the shard into its next stage under the same lease; False where the fence rose."""
    parameters = {"shard_id": lease.shard_id, "fence": lease.fence, "owner": owner, "stage": stage}
    result = await session.execute(_ADVANCE, parameters)
    return result.rowcount == 1  # type: ignore[attr-defined,no-any-return]  # an UPDATE's result has a row count


async def expire_leases(session: AsyncSession, dead_owner: str | None = None) -> list[tuple[int, int]]:
    """Take back what is overdue, and all of a worker known to be dead; answers (shard, job)."""
    rows = await session.execute(_EXPIRE, {"owner": dead_owner})
    return [(row[0], row[1]) for row in rows]


async def list_due_shards(
    session: AsyncSession, limit: int, again_s: float, job_id: int | None = None
) -> list[tuple[int, int]]:
    """(shard, fence) of shards to ring for: due, and not rung within `again_s` seconds; of one job or of all."""
    rows = await session.execute(_DUE, {"per_job": limit, "again_s": again_s, "job_id": job_id})
    return [(row[0], row[1]) for row in rows]


async def mark_rung(session: AsyncSession, shard_ids: Sequence[int]) -> None:
    await session.execute(_RUNG, {"ids": list(shard_ids)})
