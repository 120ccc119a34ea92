"""Asking again for stale translations: marking them, and making their pairs pending."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.models.pairs import NOTED
from app.store.queue_tallies import count_pair
from app.store.tallies import add_tallies

# Edited translations are somebody's work: they are replaced only where that is asked for.
_MARK = text(
    f"""
    WITH stale AS (
        SELECT id, flags AS flags_before FROM pair
        WHERE job_id = :job_id AND language = ANY(CAST(:languages AS text[])) AND ({NOTED}) AND 'stale' = ANY(flags)
            AND (:with_edited OR status <> 'edited')
            AND EXISTS (SELECT 1 FROM pair e WHERE e.id = pair.translation_of AND e.status <> 'rejected')
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE pair SET revision = pair.revision + 1,
        flags = array_append(array_remove(pair.flags, 'retranslating'), 'retranslating')
    FROM stale WHERE pair.id = stale.id
    RETURNING pair.id, pair.translation_of, pair.language, pair.status, stale.flags_before, pair.flags,
        pair.reviewed_at IS NOT NULL
    """  # noqa: S608  # only constants are put in
)
_REOPEN = text(
    """
    WITH wanted AS (
        SELECT DISTINCT item_id, ordinal FROM pair WHERE id = ANY(:ids)
    ), gone AS (
        DELETE FROM item_state st USING wanted
        WHERE st.job_id = :job_id AND st.stage = 'translate' AND st.item_id = wanted.item_id
            AND st.sample = wanted.ordinal
        RETURNING st.state
    ), forgiven AS (
        UPDATE call SET handlings = 0 FROM wanted
        WHERE call.job_id = :job_id AND call.stage = 'translate' AND call.item_id = wanted.item_id
            AND call.sample = wanted.ordinal AND call.state IN ('ok', 'recovered')
    ), woken AS (
        UPDATE shard SET state = 'ready', stage = 'translate', reset = false, not_before = NULL, rung_at = NULL
        WHERE state = 'done' AND id IN (
            SELECT s.id FROM wanted JOIN item i ON i.id = wanted.item_id
            JOIN shard s ON s.job_id = :job_id AND i.position = ANY(s.positions)
        )
    )
    SELECT 'translate.' || state, count(*) FROM gone GROUP BY 1
    """
)


async def ask_again(
    session: AsyncSession, job_id: int, languages: Sequence[str], *, with_edited: bool
) -> dict[str, int]:
    """Make the stale translations of a locked job due again; answers how many, by language.

    What they say stays until the new ones come. Replies of the same English texts that are stored are read first.
    """
    parameters = {"job_id": job_id, "languages": list(languages), "with_edited": with_edited}
    tallies: Counter[tuple[int, str]] = Counter()
    marked: Counter[str] = Counter()
    english = set()
    for _, english_id, language, status, flags_before, flags, is_reviewed in await session.execute(_MARK, parameters):
        marked[language] += 1
        english.add(english_id)
        count_pair(tallies, job_id, language, status, flags_before, is_reviewed=is_reviewed, n=-1)
        count_pair(tallies, job_id, language, status, flags, is_reviewed=is_reviewed)
    if english:
        for key, n in await session.execute(_REOPEN, {"job_id": job_id, "ids": sorted(english)}):
            tallies[job_id, key] -= n
        await add_tallies(session, tallies, 0)
    return dict(marked)
