"""Units of work of a shard: what is still to be asked, and what was answered before.

A unit of `generate` is an item (sample 0); a unit of `translate` is an English pair (sample = its ordinal).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class PendingItem:
    """An item without an outcome; `losses` counts the calls that vanished with their worker."""

    item_id: int
    source_id: str
    sentences: str
    losses: int
    image_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingPair:
    """An English pair without a finished translation; `present` are the languages it need not be asked for."""

    item_id: int
    ordinal: int
    pair_id: int
    instruction: str
    response: str
    conversation: int
    present: tuple[str, ...]
    losses: int


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A paid answer that has no outcome yet: it is read again before anything is asked."""

    call_id: int
    item_id: int
    sample: int
    state: str
    handlings: int
    fingerprint: int
    languages: tuple[str, ...]
    raw: bytes
    has_rejections: bool
    most_pairs: int | None = None


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """The raw answer of a call that nobody is about to read; is_ended: whether its unit ended by another one."""

    call_id: int
    stage: str
    item_id: int
    sample: int
    raw: bytes
    is_ended: bool


_LOSSES = """
    (SELECT count(*) FROM call c WHERE c.job_id = :job_id AND c.item_id = {item} AND c.stage = '{stage}'
        AND c.sample = {sample} AND c.state = 'unknown' AND c.error_code IS NULL)
"""
_PENDING_ITEMS = text(
    f"""
    SELECT i.id, i.source_id, i.sentences, {_LOSSES.format(item="i.id", stage="generate", sample="0")} AS losses,
        CASE WHEN :with_images THEN i.image_ids END
    FROM item i
    LEFT JOIN item_state st ON st.job_id = :job_id AND st.stage = 'generate' AND st.item_id = i.id AND st.sample = 0
    WHERE i.dataset_id = :dataset_id AND i.position = ANY(:positions) AND st.item_id IS NULL
    ORDER BY losses, i.position
    """  # noqa: S608  # only constants are put in
)
_PENDING_PAIRS = text(
    f"""
    SELECT p.item_id, p.ordinal, p.id, p.instruction, p.response, p.conversation,
        ARRAY(SELECT t.language FROM pair t
            WHERE t.translation_of = p.id AND NOT 'retranslating' = ANY(t.flags)) AS present,
        {_LOSSES.format(item="p.item_id", stage="translate", sample="p.ordinal")} AS losses
    FROM item i
    JOIN pair p ON p.job_id = :job_id AND p.item_id = i.id AND p.language = 'en' AND p.status <> 'rejected'
    LEFT JOIN item_state st ON st.job_id = :job_id AND st.stage = 'translate' AND st.item_id = p.item_id
        AND st.sample = p.ordinal
    WHERE i.dataset_id = :dataset_id AND i.position = ANY(:positions) AND st.item_id IS NULL
    ORDER BY losses, i.position, p.ordinal
    """  # noqa: S608  # only constants are put in
)
_ANSWERED = text(
    """
    SELECT c.id FROM call c
    JOIN unnest(CAST(:items AS bigint[]), CAST(:samples AS int[])) AS unit (item_id, sample)
        ON c.item_id = unit.item_id AND c.sample = unit.sample
    WHERE c.job_id = :job_id AND c.stage = :stage AND c.raw IS NOT NULL AND c.state IN ('stored', 'ok', 'recovered')
    ORDER BY c.id
    """
)
_ANSWERS = text(
    """
    SELECT id, item_id, sample, state, handlings, fingerprint, languages, raw,
        EXISTS (SELECT 1 FROM rejection r WHERE r.item_id = call.item_id AND r.call_id = call.id), most_pairs
    FROM call WHERE id = ANY(:ids) ORDER BY id
    """
)
# What is stored about a unit without an end is read by whoever claims its shard next, while there is to be one.
_STORED_FOR = """
    FROM call c JOIN job j ON j.id = c.job_id
    LEFT JOIN item_state st
        ON st.job_id = c.job_id AND st.stage = c.stage AND st.item_id = c.item_id AND st.sample = c.sample
    WHERE c.state = 'stored' AND c.finished_at <= clock_timestamp() - make_interval(secs => :for_s)
        AND CASE WHEN st.item_id IS NULL THEN c.item_id = 0 OR j.state = ANY(:ended)
            ELSE st.call_id IS DISTINCT FROM c.id END
"""
_LATE = text(
    f"""
    SELECT c.id, c.stage, c.item_id, c.sample, c.raw, st.item_id IS NOT NULL {_STORED_FOR} AND c.job_id = :job_id
    ORDER BY c.id LIMIT :most
    """  # only constants are put in
)
_WITH_LATE = text(f"SELECT DISTINCT c.job_id {_STORED_FOR} LIMIT :most")  # a constant
_HANDLING = text("UPDATE call SET handlings = handlings + 1 WHERE id = ANY(:ids) AND state = 'stored'")


async def list_pending_items(
    session: AsyncSession, job_id: int, dataset_id: int, positions: Sequence[int], *, with_images: bool = False
) -> list[PendingItem]:
    """Items of these positions that have no outcome, those that lost calls last; their image ids only if wanted."""
    wanted = {"positions": list(positions), "with_images": with_images}
    parameters = {"job_id": job_id, "dataset_id": dataset_id} | wanted
    return [
        PendingItem(row[0], row[1], row[2], row[3], tuple(row[4] or ()))
        for row in await session.execute(_PENDING_ITEMS, parameters)
    ]


async def list_pending_pairs(
    session: AsyncSession, job_id: int, dataset_id: int, positions: Sequence[int]
) -> list[PendingPair]:
    """English pairs of these positions whose translation has no outcome; those that lost calls come last."""
    parameters = {"job_id": job_id, "dataset_id": dataset_id, "positions": list(positions)}
    return [
        PendingPair(row[0], row[1], row[2], row[3], row[4], row[5], tuple(row[6]), row[7])
        for row in await session.execute(_PENDING_PAIRS, parameters)
    ]


async def list_answered_calls(
    session: AsyncSession, job_id: int, stage: str, units: Sequence[tuple[int, int]]
) -> list[int]:
    """Calls that hold an answer for units given as (item, sample), oldest first."""
    parameters = {
        "job_id": job_id,
        "stage": stage,
        "items": [unit[0] for unit in units],
        "samples": [unit[1] for unit in units],
    }
    return list((await session.execute(_ANSWERED, parameters)).scalars())


async def read_answers(session: AsyncSession, call_ids: Sequence[int]) -> list[StoredAnswer]:
    """The raw answers of calls, oldest first."""
    return [
        StoredAnswer(row[0], row[1], row[2], row[3], row[4], row[5], tuple(row[6]), row[7], row[8], row[9])
        for row in await session.execute(_ANSWERS, {"ids": list(call_ids)})
    ]


async def list_late_answers(
    session: AsyncSession, job_id: int, ended: Collection[str], *, for_s: float, most: int
) -> list[LateAnswer]:
    """Answers of a job that nobody accounts for, stored for so many seconds.

    They are about units that ended by another call or about none; in a job whose state is one of `ended`, about any.
    """
    parameters = {"job_id": job_id, "ended": sorted(ended), "for_s": for_s, "most": most}
    return [LateAnswer(*row) for row in await session.execute(_LATE, parameters)]


async def list_jobs_with_late_answers(
    session: AsyncSession, ended: Collection[str], *, for_s: float, most: int
) -> list[int]:
    """Jobs for which `list_late_answers` finds some."""
    parameters = {"ended": sorted(ended), "for_s": for_s, "most": most}
    return list((await session.execute(_WITH_LATE, parameters)).scalars())


async def count_handling(session: AsyncSession, call_ids: Sequence[int]) -> None:
    """Note, before it is done, that stored answers are about to be read: one that kills its reader shows up here."""
    await session.execute(_HANDLING, {"ids": list(call_ids)})
