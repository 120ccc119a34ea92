"""Taking outcomes back, so that stored answers about translations are read again or failures asked again."""

from collections import Counter

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.values import Stage
from app.store.kept import IS_KEPT
from app.store.queue_tallies import count_pair
from app.store.shards import Lease
from app.store.tallies import add_tallies

_ITEMS = "(SELECT id FROM item WHERE dataset_id = :dataset_id AND position = ANY(:positions))"
# What people decided about stays, and with it its translations; stale ones wait until they are asked for.
_FORGET_PAIRS = text(
    f"""
    WITH gone AS (
        DELETE FROM pair p WHERE p.job_id = :job_id AND p.item_id IN {_ITEMS} AND p.language <> 'en'
            AND NOT {IS_KEPT.format(pair="p")} AND NOT 'stale' = ANY(p.flags)
            AND NOT EXISTS (SELECT 1 FROM pair o WHERE o.id = p.translation_of AND o.status = 'rejected')
        RETURNING p.language, p.status, p.flags, p.reviewed_at IS NOT NULL AS is_reviewed
    )
    SELECT language, status, flags, is_reviewed, count(*) FROM gone GROUP BY 1, 2, 3, 4
    """  # noqa: S608  # only constants are put in
)
_FORGET_REFUSALS = text(
    f"""
    WITH gone AS (
        DELETE FROM rejection WHERE job_id = :job_id AND item_id IN {_ITEMS} AND stage = 'translate' RETURNING reason
    )
    SELECT reason, count(*) FROM gone GROUP BY 1
    """  # noqa: S608  # only constants are put in
)
_FORGET_STATES = text(
    f"""
    WITH gone AS (
        DELETE FROM item_state st
        WHERE job_id = :job_id AND item_id IN {_ITEMS} AND stage = 'translate' AND NOT EXISTS (
            SELECT 1 FROM pair p WHERE p.job_id = :job_id AND p.item_id = st.item_id AND p.ordinal = st.sample
                AND p.language = 'en' AND p.status = 'rejected')
        RETURNING state
    )
    SELECT state, count(*) FROM gone GROUP BY 1
    """  # noqa: S608  # only constants are put in
)
_CLEAR_RESET = text("UPDATE shard SET reset = false WHERE id = :shard_id AND fence = :fence AND state = 'leased'")
_RESET_SHARDS = text(
    """
    UPDATE shard SET state = 'ready', stage = :stage, reset = reset OR :reset, not_before = NULL, rung_at = NULL
    WHERE job_id = :job_id AND seq >= 0 AND (state = 'done' OR stage = ANY(:later))
    """
)
_FORGET_FAILURES = text(
    """
    WITH gone AS (
        DELETE FROM item_state WHERE job_id = :job_id AND state IN ('failed', 'poison')
        RETURNING stage, state, item_id, sample
    ), spent AS (
        UPDATE call SET state = CASE gone.stage WHEN 'generate' THEN 'superseded' ELSE call.state END, handlings = 0
        FROM gone
        WHERE call.job_id = :job_id AND call.item_id = gone.item_id AND call.stage = gone.stage
            AND call.sample = gone.sample AND call.state IN ('ok', 'recovered')
    ), forgiven AS (
        UPDATE call SET error_code = 'forgiven' FROM gone
        WHERE call.job_id = :job_id AND call.item_id = gone.item_id AND call.stage = gone.stage
            AND call.sample = gone.sample AND call.state = 'unknown'
    ), woken AS (
        UPDATE shard SET state = 'ready', stage = least(shard.stage, fresh.stage), not_before = NULL, rung_at = NULL
        FROM (
            SELECT s.id, min(g.stage) AS stage FROM gone g
            JOIN item i ON i.id = g.item_id
            JOIN shard s ON s.job_id = :job_id AND i.position = ANY(s.positions)
            GROUP BY s.id
        ) fresh
        WHERE shard.id = fresh.id
    )
    SELECT CASE stage WHEN 'generate' THEN 'items' ELSE stage END || '.' || state, count(*) FROM gone GROUP BY 1
    """
)


async def forget_translations(session: AsyncSession, lease: Lease, dataset_id: int, bucket: int) -> None:
    """Take back the translations of a shard, which stored answers give again; those that people decided about stay."""
    parameters = {"job_id": lease.job_id, "dataset_id": dataset_id, "positions": list(lease.positions)}
    tallies: Counter[tuple[int, str]] = Counter()
    for reason, n in await session.execute(_FORGET_REFUSALS, parameters):
        tallies[lease.job_id, "refused"] -= n
        tallies[lease.job_id, f"refused.{reason}"] -= n
    for state, n in await session.execute(_FORGET_STATES, parameters):
        tallies[lease.job_id, f"translate.{state}"] -= n
    for language, status, flags, is_reviewed, n in await session.execute(_FORGET_PAIRS, parameters):
        tallies[lease.job_id, f"translations.{language}"] -= n
        count_pair(tallies, lease.job_id, language, status, flags, is_reviewed=is_reviewed, n=-n)
    await clear_reset(session, lease)
    await add_tallies(session, tallies, bucket)


async def clear_reset(session: AsyncSession, lease: Lease) -> None:
    """Note that a shard was reset as its rerun wanted: what follows is work as ever."""
    await session.execute(_CLEAR_RESET, {"shard_id": lease.shard_id, "fence": lease.fence})


async def reset_shards(session: AsyncSession, job_id: int, stage: str, *, reset: bool) -> None:
    """Send every shard of a job through the stages again from `stage` on; one that has not come so far goes on."""
    later = list(Stage)[list(Stage).index(Stage(stage)) :]
    await session.execute(_RESET_SHARDS, {"job_id": job_id, "stage": stage, "reset": reset, "later": later})


async def forget_failures(session: AsyncSession, job_id: int) -> int:
    """Make failed and poisoned units pending again and wake their shards; answers how many there were.

    What a failed item's calls brought is set aside. A failed translation keeps the languages it has: its calls are
    read again, but no longer count as attempts (`handlings = 0`). Calls that were lost stay unknown, uncounted in the
    roll-ups and open to a late answer; they are no longer held against the unit.
    """
    tallies: Counter[tuple[int, str]] = Counter()
    for key, n in await session.execute(_FORGET_FAILURES, {"job_id": job_id}):
        tallies[job_id, key] -= n
    await add_tallies(session, tallies, 0)
    return -sum(tallies.values())
