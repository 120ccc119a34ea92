"""Relations between pairs: each English pair's related pairs, in order."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.relating import RelatablePair

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('relate', :job_id))")
_MINE = text("SELECT id, image_set FROM item WHERE dataset_id = :dataset_id AND position = ANY(:positions)")
_SHARING = text("SELECT id, image_set FROM item WHERE dataset_id = :dataset_id AND image_set = ANY(:image_sets)")
_PAIRS = text(
    """
    SELECT id, item_id, ordinal FROM pair
    WHERE job_id = :job_id AND item_id = ANY(:item_ids) AND language = 'en' AND status <> 'rejected'
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
    place = {"dataset_id": dataset_id}
    items: dict[int, int | None] = dict((await session.execute(_MINE, place | {"positions": list(positions)})).all())
    image_sets = {image_set for image_set in items.values() if image_set is not None}
    items |= dict((await session.execute(_SHARING, place | {"image_sets": sorted(image_sets)})).all())
    pairs = await session.execute(_PAIRS, {"job_id": job_id, "item_ids": sorted(items)})
    return [RelatablePair(pair_id, item_id, ordinal, items[item_id]) for pair_id, item_id, ordinal in pairs]


async def set_relations(session: AsyncSession, job_id: int, rule: str, related: Mapping[int, Sequence[int]]) -> None:
    """Store the related pairs of each pair, replacing what was there."""
    pairs = sorted(related)
    links = ["{" + ",".join(map(str, related[pair_id])) + "}" for pair_id in pairs]
    await session.execute(_UPSERT, {"job_id": job_id, "rule": rule, "pairs": pairs, "related": links})
