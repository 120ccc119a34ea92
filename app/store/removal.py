"""Removing a pair, with everything that names it."""

from collections import Counter

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.edits import StoredPair
from app.store.queue_tallies import count_pair
from app.store.tallies import add_tallies

_DELETE = text(
    """
    WITH gone AS (
        DELETE FROM pair WHERE id = :id OR translation_of = :id
        RETURNING language, status, flags, reviewed_at IS NOT NULL AS is_reviewed
    )
    SELECT language, status, flags, is_reviewed FROM gone
    """
)
_FORGET_STATE = text(
    """
    DELETE FROM item_state WHERE job_id = :job_id AND stage = 'translate' AND item_id = :item_id AND sample = :sample
    RETURNING state
    """
)
_UNLINK = text(
    """
    UPDATE relation SET related_pair_ids = array_remove(related_pair_ids, CAST(:id AS bigint))
    WHERE job_id = :job_id AND related_pair_ids @> ARRAY[CAST(:id AS bigint)]
    """
)


async def remove_pair(session: AsyncSession, pair: StoredPair) -> None:
    """Delete a locked pair; an English one with its translations, its relations and the links of others to it."""
    tallies: Counter[tuple[int, str]] = Counter()
    for language, status, flags, is_reviewed in await session.execute(_DELETE, {"id": pair.id}):
        tallies[pair.job_id, "pairs" if language == "en" else f"translations.{language}"] -= 1
        count_pair(tallies, pair.job_id, language, status, flags, is_reviewed=is_reviewed, n=-1)
    if pair.translation_of is None:
        place = {"job_id": pair.job_id, "item_id": pair.item_id, "sample": pair.ordinal}
        for (state,) in await session.execute(_FORGET_STATE, place):
            tallies[pair.job_id, f"translate.{state}"] -= 1
        await session.execute(_UNLINK, {"job_id": pair.job_id, "id": pair.id})
    await add_tallies(session, tallies, 0)
