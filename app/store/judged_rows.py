"""Rows for a judge: a sample of a job's items, each with its annotation and its English pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.values import Pair


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """An item and its pairs, each with its number, in order."""

    sentences: str
    pairs: tuple[tuple[int, Pair], ...]


_SAMPLE = text(
    """
    WITH chosen AS (
        SELECT item_id FROM (
            SELECT DISTINCT item_id FROM pair WHERE job_id = :job_id AND language = 'en' AND status <> 'rejected'
        ) AS made ORDER BY md5(item_id::text || :seed) LIMIT :items
    )
    SELECT i.sentences, p.item_id, p.id, p.instruction, p.response, p.conversation
    FROM chosen JOIN item i ON i.id = chosen.item_id
    JOIN pair p ON p.job_id = :job_id AND p.item_id = i.id AND p.language = 'en' AND p.status <> 'rejected'
    ORDER BY p.item_id, p.ordinal
    """
)


async def sample_items(session: AsyncSession, job_id: int, items: int, seed: int) -> Sequence[JudgedItem]:
    """So many items of a job that have pairs, drawn by the seed, by id."""
    found: dict[int, JudgedItem] = {}
    parameters = {"job_id": job_id, "items": items, "seed": str(seed)}
    for sentences, item_id, pair_id, instruction, response, conversation in await session.execute(_SAMPLE, parameters):
        known = found.get(item_id, JudgedItem(sentences, ()))
        pair = Pair(instruction, response, conversation)
        found[item_id] = JudgedItem(sentences, (*known.pairs, (pair_id, pair)))
    return list(found.values())
