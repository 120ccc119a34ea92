"""Reading and relating the pairs of a whole job, block by block."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.corpus import CorpusPair
from app.store.shards import WHOLE_SEQ, Lease

_RELATABLE = "p.job_id = :job_id AND p.language = 'en' AND p.status <> 'rejected'"
_NEW_TEXTS = text(
    f"SELECT p.id, p.instruction FROM pair p WHERE {_RELATABLE} AND p.id > :after ORDER BY p.id LIMIT :most"  # noqa: S608  # a constant
)
_PAIRS = text(
    f"""
    SELECT p.id, p.item_id, p.ordinal, p.instruction, i.image_ids, i.image_set, r.pair_id IS NOT NULL
    FROM pair p JOIN item i ON i.id = p.item_id LEFT JOIN relation r ON r.pair_id = p.id
    WHERE {_RELATABLE} AND (p.item_id, p.ordinal) > (:item_id, :ordinal)
    ORDER BY p.item_id, p.ordinal LIMIT :most
    """  # noqa: S608  # only constants are put in
)
_TEXTS = text("SELECT id, instruction FROM pair WHERE id = ANY(:ids)")
_IMAGES = text(
    """
    SELECT image_id, sha256, feature FROM image WHERE dataset_id = :dataset_id AND image_id = ANY(CAST(:ids AS text[]))
    """
)
_ITEM_IMAGES = text(
    """
    SELECT p.id, i.image_ids FROM pair p JOIN item i ON i.id = p.item_id WHERE p.id = ANY(:ids)
    """
)
_UNRELATED = text(
    f"""
    SELECT EXISTS (
        SELECT 1 FROM shard WHERE job_id = :job_id AND seq <> {WHOLE_SEQ} AND state <> 'done' AND stage <> 'translate'
    )
    """  # noqa: S608  # only constants are put in
)
_UNFINISHED = text(
    f"SELECT EXISTS (SELECT 1 FROM shard WHERE job_id = :job_id AND seq <> {WHOLE_SEQ} AND state <> 'done')"  # noqa: S608  # a constant
)
_FORGET = text("DELETE FROM relation WHERE job_id = :job_id AND rule <> 'manual'")
_CLEAR_RESET = text("UPDATE shard SET reset = false WHERE id = :shard_id AND fence = :fence AND state = 'leased'")
_COUNT_BARE = text(
    """
    INSERT INTO tally (job_id, key, bucket, n) VALUES (:job_id, 'relate.bare', 0, :n)
    ON CONFLICT (job_id, key, bucket) DO UPDATE SET n = excluded.n
    """
)


async def list_new_texts(session: AsyncSession, job_id: int, after: int, most: int) -> list[tuple[int, str]]:
    """(pair id, instruction) of English pairs with a higher id than `after`, by id."""
    rows = await session.execute(_NEW_TEXTS, {"job_id": job_id, "after": after, "most": most})
    return [(row[0], row[1]) for row in rows]


async def list_corpus_pairs(
    session: AsyncSession, job_id: int, after: tuple[int, int], most: int
) -> list[tuple[CorpusPair, bool]]:
    """The English pairs beyond (item id, ordinal), in that order; and whether each has its relations already."""
    parameters = {"job_id": job_id, "item_id": after[0], "ordinal": after[1], "most": most}
    rows = await session.execute(_PAIRS, parameters)
    return [(CorpusPair(*row[:6]), row[6]) for row in rows]


async def read_instructions(session: AsyncSession, pair_ids: Sequence[int]) -> dict[int, str]:
    """Instructions by pair id."""
    return dict((await session.execute(_TEXTS, {"ids": list(pair_ids)})).all())


async def read_item_images(session: AsyncSession, pair_ids: Sequence[int]) -> dict[int, list[str]]:
    """The image ids of the pairs' items, by pair id."""
    return dict((await session.execute(_ITEM_IMAGES, {"ids": list(pair_ids)})).all())


async def read_images(
    session: AsyncSession, dataset_id: int, image_ids: Sequence[str]
) -> dict[str, tuple[str, bytes | None]]:
    """(sha256, perceptual feature) of the images that were uploaded, by image id."""
    rows = await session.execute(_IMAGES, {"dataset_id": dataset_id, "ids": list(image_ids)})
    return {row[0]: (row[1], row[2]) for row in rows}


async def has_unrelated_shards(session: AsyncSession, job_id: int) -> bool:
    """Whether some items of the job may still bring pairs."""
    return bool((await session.execute(_UNRELATED, {"job_id": job_id})).scalar_one())


async def has_unfinished_shards(session: AsyncSession, job_id: int) -> bool:
    """Whether anything but the relations of the whole job is left to do."""
    return bool((await session.execute(_UNFINISHED, {"job_id": job_id})).scalar_one())


async def forget_relations(session: AsyncSession, lease: Lease) -> None:
    """Take back what an earlier round related, so that what is there from now on is of this one."""
    await session.execute(_FORGET, {"job_id": lease.job_id})
    await session.execute(_CLEAR_RESET, {"shard_id": lease.shard_id, "fence": lease.fence})


async def count_bare_pairs(session: AsyncSession, job_id: int, n: int) -> None:
    """Say how many pairs have no vector, and therefore no relations."""
    await session.execute(_COUNT_BARE, {"job_id": job_id, "n": n})
