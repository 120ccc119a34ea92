"""Relations between pairs: each English pair's related pairs, in order."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.relating import RelatablePair

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('relate', :job_id))")
_ROWS = text(
    """
    WITH mine AS (
        SELECT id, image_set FROM item WHERE dataset_id = :dataset_id AND position = ANY(:positions)
    ), wanted AS (
        SELECT id, image_set FROM item
        WHERE dataset_id = :dataset_id AND position = ANY(:positions) AND image_set IS NULL
        UNION ALL
        SELECT id, image_set FROM item
        WHERE dataset_id = :dataset_id AND image_set IN (SELECT image_set FROM mine WHERE image_set IS NOT NULL)
    )
    SELECT p.id, p.item_id, p.ordinal, wanted.image_set FROM wanted
    JOIN pair p ON p.job_id = :job_id AND p.item_id = wanted.id AND p.language = 'en' AND p.status <> 'rejected'
    """
)
_UPSERT = text(
    """
    INSERT INTO relation (pair_id, job_id, rule, related_pair_ids)
    SELECT pair_id, :job_id, :rule, CAST(related AS bigint[])
    FROM unnest(CAST(:pairs AS bigint[]), CAST(:related AS text[])) AS link (pair_id, related)
    ON CONFLICT (pair_id) DO UPDATE SET rule = excluded.rule, related_pair_ids = excluded.related_pair_ids
    """
)


async def list_group_pairs(
    session: AsyncSession, job_id: int, dataset_id: int, positions: Sequence[int]
) -> list[RelatablePair]:
    """Every English pair that shares an item or an image set with these positions.

    One shard of a job at a time passes here (until commit), so that of two shards that share images the later one
    sees the pairs of both.
    """
    await session.execute(_LOCK, {"job_id": job_id})
    parameters = {"job_id": job_id, "dataset_id": dataset_id, "positions": list(positions)}
    return [RelatablePair(*row) for row in await session.execute(_ROWS, parameters)]


async def set_relations(session: AsyncSession, job_id: int, rule: str, related: Mapping[int, Sequence[int]]) -> None:
    """Store the related pairs of each pair, replacing what was there."""
    pairs = sorted(related)
    links = ["{" + ",".join(map(str, related[pair_id])) + "}" for pair_id in pairs]
    await session.execute(_UPSERT, {"job_id": job_id, "rule": rule, "pairs": pairs, "related": links})
