"""Rows of judgements: a sample of a job's pairs, what was posed and what became of it since, the judging jobs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.ids import encode_id
from app.pipeline.grounding.judging import PosedItem, PosedPair
from app.pipeline.values import Pair
from app.store.models import Job

_SAMPLE = text(
    """
    WITH chosen AS (
        SELECT item_id FROM (
            SELECT DISTINCT item_id FROM pair WHERE job_id = :job_id AND language = 'en' AND status <> 'rejected'
        ) AS made ORDER BY md5(item_id::text || :seed) LIMIT :items
    )
    SELECT p.item_id, i.sentences, p.id, p.revision, p.instruction, p.response, p.conversation
    FROM chosen JOIN item i ON i.id = chosen.item_id
    JOIN pair p ON p.job_id = :job_id AND p.item_id = i.id AND p.language = 'en' AND p.status <> 'rejected'
    ORDER BY p.item_id, p.ordinal
    """
)
_POSED = text("SELECT source_id, sentences FROM item WHERE dataset_id = :dataset_id ORDER BY position")
_PAIRS = text("SELECT id, revision, instruction, response FROM pair WHERE id = ANY(:ids)")
_LEFT_OUT = text(
    """
    SELECT coalesce(code, state), count(*) FROM item_state
    WHERE job_id = :job_id AND stage = 'generate' AND state IN ('failed', 'poison') GROUP BY 1 ORDER BY 1
    """
)
_LEDGER = text(
    """
    SELECT count(*) FILTER (WHERE state NOT IN ('started', 'stored', 'unknown')) AS calls,
        coalesce(sum(prompt_tokens), 0)::bigint AS prompt_tokens,
        coalesce(sum(completion_tokens), 0)::bigint AS completion_tokens,
        coalesce(sum(cached_tokens), 0)::bigint AS cached_tokens,
        coalesce(sum(cost_micros), 0)::bigint AS cost_micros
    FROM call WHERE job_id = :job_id
    """
)
_OF_JOB = "policies -> 'judging' ->> 'pairs_of' = :judged"
_A_DAY = 86_400_000 << 20
"""Of ids, which begin with milliseconds: the clocks of two machines never differ by so much."""


async def sample_items(session: AsyncSession, job_id: int, items: int, seed: int) -> list[PosedItem]:
    """So many items of a job that have pairs, drawn by the seed, by id; with their English pairs as they stand."""
    found: dict[int, PosedItem] = {}
    parameters = {"job_id": job_id, "items": items, "seed": str(seed)}
    for item_id, sentences, pair_id, revision, *texts in await session.execute(_SAMPLE, parameters):
        known = found.get(item_id) or PosedItem(encode_id("item", item_id), sentences, ())
        posed = PosedPair(encode_id("pair", pair_id), revision, Pair(*texts))
        found[item_id] = PosedItem(known.name, sentences, (*known.pairs, posed))
    return list(found.values())


async def read_shown(session: AsyncSession, dataset_id: int) -> Sequence[tuple[str, str]]:
    """(public id of the item, what the judge was shown of it), in order."""
    return [(row[0], row[1]) for row in await session.execute(_POSED, {"dataset_id": dataset_id})]


async def read_pairs(session: AsyncSession, ids: Sequence[int]) -> dict[int, tuple[int, str, str]]:
    """Those of the pairs that are still there, as (revision, instruction, response)."""
    return {row[0]: (row[1], row[2], row[3]) for row in await session.execute(_PAIRS, {"ids": list(ids)})}


async def count_left_out(session: AsyncSession, judging_job_id: int) -> dict[str, int]:
    """Items about which no usable reply came, by code."""
    return {row[0]: row[1] for row in await session.execute(_LEFT_OUT, {"job_id": judging_job_id})}


async def sum_ledger(session: AsyncSession, job_id: int) -> dict[str, int]:
    """What the calls of a job used: calls that are accounted for, tokens, micro-dollars."""
    found: dict[str, Any] = dict((await session.execute(_LEDGER, {"job_id": job_id})).mappings().one())
    return found


async def list_judging_jobs(session: AsyncSession, job_id: int, after: int | None, limit: int) -> Sequence[Job]:
    """The jobs that judge the pairs of a job, from the newest on, below the id `after`. None is older than it."""
    statement = select(Job).where(Job.id > job_id - _A_DAY, text(_OF_JOB))  # type: ignore[arg-type]  # a column
    if after is not None:
        statement = statement.where(Job.id < after)  # type: ignore[arg-type]  # a column
    statement = statement.order_by(Job.id.desc()).limit(limit)  # type: ignore[attr-defined]  # a column
    return (await session.execute(statement, {"judged": encode_id("job", job_id)})).scalars().all()
