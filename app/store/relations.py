"""Relations between pairs: each English pair's related pairs, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.relating import MANUAL, SCOPES, RelatablePair
from app.store.models import Pair

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('relate', :job_id))")
_MINE = {
    "item": "SELECT id, NULL FROM item",
    "images": "SELECT id, image_set FROM item",
    "source": "SELECT id, source_id FROM item",
}
_SHARING = {
    "images": text(
        "SELECT id, image_set FROM item WHERE dataset_id = :dataset_id AND image_set = ANY(CAST(:groups AS bigint[]))"
    ),
    "source": text(
        "SELECT id, source_id FROM item WHERE dataset_id = :dataset_id AND source_id = ANY(CAST(:groups AS text[]))"
    ),
}
_PAIRS = text(
    """
    SELECT id, item_id, ordinal, conversation FROM pair
    WHERE job_id = :job_id AND item_id = ANY(:item_ids) AND language = 'en' AND status <> 'rejected'
    """
)
_UPSERT = text(
    """
    INSERT INTO relation (pair_id, job_id, rule, related_pair_ids)
    SELECT pair_id, :job_id, :rule, CAST(related AS bigint[])
    FROM unnest(CAST(:pairs AS bigint[]), CAST(:related AS text[])) AS link (pair_id, related)
    ON CONFLICT (pair_id) DO UPDATE SET rule = excluded.rule, related_pair_ids = excluded.related_pair_ids
    WHERE relation.rule <> :manual
    """
)
_SET_MANUAL = text(
    """
    INSERT INTO relation (pair_id, job_id, rule, related_pair_ids) VALUES (:pair_id, :job_id, :manual, :related)
    ON CONFLICT (pair_id) DO UPDATE SET rule = excluded.rule, related_pair_ids = excluded.related_pair_ids
    """
)
_PLACES = text("SELECT id, job_id, translation_of, status FROM pair WHERE id = ANY(:ids)")
_FORGET_MANUAL = text("DELETE FROM relation WHERE job_id = :job_id AND rule = 'manual'")
_PRUNE_MANUAL = text(
    """
    UPDATE relation r SET related_pair_ids = ARRAY(
        SELECT link.id FROM unnest(r.related_pair_ids) WITH ORDINALITY AS link (id, place)
        JOIN pair p ON p.id = link.id ORDER BY link.place
    )
    WHERE r.job_id = :job_id AND r.rule = 'manual'
    """
)


async def list_related_pairs(
    session: AsyncSession, job_id: int, dataset_id: int, positions: Sequence[int], rule: str
) -> list[RelatablePair]:
    """Every English pair that the rule must know to relate the pairs of these positions.

    Where items share something, one shard of a job at a time passes here (until commit), so that of two shards that
    share it the later one sees the pairs of both.
    """
    scope = SCOPES[rule]
    place = {"dataset_id": dataset_id}
    if scope in _SHARING:
        await session.execute(_LOCK, {"job_id": job_id})
    mine = text(f"{_MINE[scope]} WHERE dataset_id = :dataset_id AND position = ANY(:positions)")
    items: dict[int, int | str | None] = dict(
        (await session.execute(mine, place | {"positions": list(positions)})).all()
    )
    groups = {group for group in items.values() if group is not None}
    if groups:
        items |= dict((await session.execute(_SHARING[scope], place | {"groups": list(groups)})).all())
    pairs = await session.execute(_PAIRS, {"job_id": job_id, "item_ids": sorted(items)})
    return [
        RelatablePair(pair_id, item_id, ordinal, items[item_id], conversation)
        for pair_id, item_id, ordinal, conversation in pairs
    ]


async def set_relations(session: AsyncSession, job_id: int, rule: str, related: Mapping[int, Sequence[int]]) -> None:
    """Store the related pairs of each pair, replacing what was there, unless a person put it there."""
    pairs = sorted(related)
    links = ["{" + ",".join(map(str, related[pair_id])) + "}" for pair_id in pairs]
    parameters = {"job_id": job_id, "rule": rule, "pairs": pairs, "related": links, "manual": MANUAL}
    await session.execute(_UPSERT, parameters)


@dataclass(frozen=True, slots=True)
class PairPlace:
    """Where a pair stands, and whether review let it pass."""

    pair_id: int
    job_id: int
    translation_of: int | None
    status: str


async def lock_pair(session: AsyncSession, pair_id: int) -> Pair | None:
    """The pair, ours until commit; None where there is none."""
    statement = select(Pair).where(Pair.id == pair_id).with_for_update(key_share=True)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalar_one_or_none()


async def read_pair_places(session: AsyncSession, pair_ids: Sequence[int]) -> dict[int, PairPlace]:
    """Those of the pairs that exist, by id."""
    return {row[0]: PairPlace(*row) for row in await session.execute(_PLACES, {"ids": list(pair_ids)})}


async def set_manual_relation(session: AsyncSession, pair_id: int, job_id: int, related: Sequence[int]) -> None:
    """Store what a person chose for an English pair."""
    parameters = {"pair_id": pair_id, "job_id": job_id, "manual": MANUAL, "related": list(related)}
    await session.execute(_SET_MANUAL, parameters)


async def forget_manual_relations(session: AsyncSession, job_id: int) -> None:
    """Drop what people chose in a job, so that its rule decides again."""
    await session.execute(_FORGET_MANUAL, {"job_id": job_id})


async def prune_manual_relations(session: AsyncSession, job_id: int) -> None:
    """Take pairs that are gone out of what people chose in a job."""
    await session.execute(_PRUNE_MANUAL, {"job_id": job_id})
