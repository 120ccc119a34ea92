"""Items that ended with fewer pairs than were asked for, made pending again: nothing that they have is taken away."""

from collections import Counter

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.quotas import SHORT, TARGET_REACHED
from app.store.models import Job
from app.store.tallies import add_tallies

_CHOSEN = "st.job_id = :job_id AND st.stage = 'generate' AND st.sample = 0 AND st.code = ANY(:codes)"
# Rejections go because they are found again when the replies are read; those of calls set aside before stay.
_REOPEN = text(
    f"""
    WITH woken AS (
        UPDATE shard SET state = 'ready', stage = 'generate', not_before = NULL, rung_at = NULL
        WHERE job_id = :job_id AND seq >= 0 AND EXISTS (
            SELECT 1 FROM unnest(shard.positions) AS due (position)
            JOIN item i ON i.dataset_id = :dataset_id AND i.position = due.position
            JOIN item_state st ON st.item_id = i.id AND {_CHOSEN}
        )
    ), gone AS (
        DELETE FROM item_state st WHERE {_CHOSEN} RETURNING st.item_id, st.state, st.code
    ), refused AS (
        DELETE FROM rejection r USING gone, call c
        WHERE r.job_id = :job_id AND r.item_id = gone.item_id AND r.stage = 'generate'
            AND c.id = r.call_id AND c.state IN ('ok', 'recovered')
        RETURNING r.reason
    ), freed AS (
        UPDATE call SET most_pairs = NULL, handlings = 0 FROM gone
        WHERE call.job_id = :job_id AND call.item_id = gone.item_id AND call.stage = 'generate' AND call.sample = 0
            AND call.state IN ('ok', 'recovered')
    )
    SELECT 'items.' || state, count(*) FROM gone GROUP BY state
    UNION ALL SELECT code, count(*) FROM gone WHERE code = '{SHORT}' GROUP BY code
    UNION ALL SELECT 'rejected', count(*) FROM refused
    UNION ALL SELECT 'rejected.' || reason, count(*) FROM refused GROUP BY reason
    """  # noqa: S608  # only constants are put in
)
_WAKE = text(
    """
    WITH surplus AS (
        SELECT st.item_id FROM item_state st
        WHERE st.job_id = :job_id AND st.stage = 'generate' AND st.sample = 0 AND st.code = :code AND EXISTS (
            SELECT 1 FROM call c WHERE c.job_id = :job_id AND c.item_id = st.item_id AND c.stage = 'generate'
                AND c.sample = 0 AND c.state IN ('ok', 'recovered')
                AND (c.most_pairs < CAST(:most AS int) OR (CAST(:most AS int) IS NULL AND c.most_pairs IS NOT NULL)))
    ), freed AS (
        UPDATE call SET most_pairs = CAST(:most AS int) FROM surplus
        WHERE call.job_id = :job_id AND call.item_id = surplus.item_id AND call.stage = 'generate' AND call.sample = 0
            AND call.state IN ('ok', 'recovered')
    ), woken AS (
        UPDATE shard SET state = 'ready', stage = 'generate', reset = true, not_before = NULL, rung_at = NULL
        WHERE job_id = :job_id AND seq >= 0 AND EXISTS (
            SELECT 1 FROM unnest(shard.positions) AS due (position)
            JOIN item i ON i.dataset_id = :dataset_id AND i.position = due.position
            JOIN surplus ON surplus.item_id = i.id
        )
    )
    SELECT count(*) FROM surplus
    """
)


async def reopen_short_items(session: AsyncSession, job: Job, kept: int) -> int:
    """Let items be asked again that have too few pairs, or were not asked because a target seemed reached.

    Their pairs stay, their replies are read again, and they may be asked as often as before. kept: the English pairs
    that the job has. Answers how many items there were.
    """
    codes = [SHORT]
    target = job.policies.get("target_pairs")
    if target is not None and kept < target:
        codes.append(TARGET_REACHED)
    tallies: Counter[tuple[int, str]] = Counter()
    parameters = {"job_id": job.id, "dataset_id": job.dataset_id, "codes": codes}
    for key, n in await session.execute(_REOPEN, parameters):
        tallies[job.id, key] -= n
    await add_tallies(session, tallies, 0)
    return -sum(n for (_, key), n in tallies.items() if key.startswith("items."))


async def wake_surplus(session: AsyncSession, job: Job) -> int:
    """Let the surplus of stored replies take the place of pairs that are gone: these replies are read once more.

    Nothing is asked for it. Answers how many items there were; each is woken once, until its surplus is refused anew.
    """
    parameters = {
        "job_id": job.id,
        "dataset_id": job.dataset_id,
        "code": TARGET_REACHED,
        "most": job.policies.get("pairs_per_item"),
    }
    return int((await session.execute(_WAKE, parameters)).scalar_one())
