"""Cold starts, their rounds and candidates; and what the jobs of rounds left behind about each item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.ids import encode_id
from app.pipeline.lifecycle import FINAL_STATES
from app.store.models import ColdStart, ColdStartCandidate, ColdStartRound

LONGEST_TEXT = 4000
"""Characters of an annotation that are compared with others."""

_POOL = text(
    f"""
    SELECT id, position, left(sentences, {LONGEST_TEXT}) FROM item
    WHERE dataset_id = :dataset_id AND position = ANY(:positions) ORDER BY position
    """  # noqa: S608  # a constant is put in
)
_ITEMS = text(
    f"SELECT id, position, left(sentences, {LONGEST_TEXT}), dataset_id FROM item WHERE id = ANY(:ids)"  # noqa: S608
)
_REPLIES = text(
    """
    SELECT i.id, i.source_id, i.position, i.sentences, st.state, st.code, st.detail, c.raw
    FROM item i
    LEFT JOIN item_state st ON st.job_id = :job_id AND st.stage = 'generate' AND st.item_id = i.id AND st.sample = 0
    LEFT JOIN call c ON :with_raw AND c.id = st.call_id
    WHERE i.id = ANY(:items)
    """
)
_PAIRS = text(
    """
    SELECT item_id, instruction, response, conversation, status FROM pair
    WHERE job_id = :job_id AND item_id = ANY(:items) AND language = 'en' AND status <> 'rejected'
    ORDER BY item_id, ordinal
    """
)
_REJECTIONS = text(
    """
    SELECT item_id, reason, detail, instruction, response, text FROM rejection
    WHERE job_id = :job_id AND item_id = ANY(:items) AND stage = 'generate' ORDER BY item_id, id
    """
)
_VERDICTS = text(
    """
    SELECT DISTINCT ON (i.source_id) i.source_id, c.raw FROM call c JOIN item i ON i.id = c.item_id
    WHERE c.job_id = :job_id AND c.stage = 'generate' AND c.raw IS NOT NULL
        AND c.state IN ('stored', 'ok', 'recovered', 'failed')
    ORDER BY i.source_id, c.id DESC
    """
)
_KEEP_SCORES = text(
    """
    WITH free AS (
        SELECT id FROM cold_start_candidate WHERE id = ANY(cast(:ids AS bigint[]))
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE cold_start_candidate c SET scored = kept.scored::jsonb
    FROM free JOIN unnest(cast(:ids AS bigint[]), cast(:scored AS text[])) AS kept (id, scored) USING (id)
    WHERE c.id = free.id
    """
)
_AUTOMATIC = text(
    """
    SELECT c.id FROM cold_start c
    CROSS JOIN LATERAL (
        SELECT coalesce(r.judge_job_id, r.job_id) AS job_id FROM cold_start_round r
        WHERE r.cold_start_id = c.id ORDER BY r.number DESC LIMIT 1
    ) newest
    JOIN job j ON j.id = newest.job_id
    WHERE c.automatic IS NOT NULL AND c.state = 'open' AND c.reason IS NULL AND j.state = ANY(:ended)
    ORDER BY c.id LIMIT :limit
    """
)


@dataclass(frozen=True, slots=True)
class StoredReply:
    """What the job of a round left behind about an item; `state` is None while it is pending.

    pairs: (instruction, response, conversation, status); rejections: (reason, detail, instruction, response, text)
    raw: the body of the reply, where it was asked for
    """

    item_id: int
    source_id: str
    position: int
    sentences: str
    state: str | None
    code: str | None
    detail: str | None
    raw: bytes | None
    pairs: tuple[tuple[str, str, int, str], ...]
    rejections: tuple[tuple[str, str, str | None, str | None, str | None], ...]


async def get_cold_start(session: AsyncSession, cold_start_id: int, *, lock: bool = False) -> ColdStart:
    """The cold start; with `lock` its row stays ours until commit. Raises NotFoundError."""
    statement = select(ColdStart).where(ColdStart.id == cold_start_id)  # type: ignore[arg-type]  # a column
    if lock:
        statement = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    row = (await session.execute(statement)).scalar_one_or_none()
    if row is None:
        raise NotFoundError("cold start", encode_id("cold_start", cold_start_id))
    return row


async def list_cold_starts(
    session: AsyncSession, after: int | None, limit: int, dataset_id: int | None = None, state: str | None = None
) -> Sequence[ColdStart]:
    """Cold starts from the newest on, below the id `after`."""
    statement = select(ColdStart).order_by(ColdStart.id.desc()).limit(limit)  # type: ignore[attr-defined]  # a column
    if after is not None:
        statement = statement.where(ColdStart.id < after)  # type: ignore[arg-type]  # a column
    if dataset_id is not None:
        statement = statement.where(ColdStart.dataset_id == dataset_id)  # type: ignore[arg-type]  # a column
    if state is not None:
        statement = statement.where(ColdStart.state == state)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalars().all()


async def find_newest(session: AsyncSession, name: str) -> int | None:
    """The newest cold start of this name."""
    statement = select(ColdStart.id).where(ColdStart.name == name)  # type: ignore[call-overload]  # a column
    statement = statement.order_by(ColdStart.id.desc()).limit(1)  # type: ignore[attr-defined]  # a column
    found: int | None = (await session.execute(statement)).scalar_one_or_none()
    return found


async def list_automatic(session: AsyncSession, limit: int) -> list[int]:
    """Open cold starts that go on without a person, and whose newest job has ended."""
    values = {"limit": limit, "ended": sorted(FINAL_STATES)}
    return list((await session.execute(_AUTOMATIC, values)).scalars())


async def delete_cold_start(session: AsyncSession, cold_start_id: int) -> None:
    """Remove a cold start with its rounds and candidates; their jobs and prompts stay."""
    await session.execute(delete(ColdStart).where(ColdStart.id == cold_start_id))  # type: ignore[arg-type]  # a column


async def list_rounds(session: AsyncSession, cold_start_id: int) -> Sequence[ColdStartRound]:
    """The rounds, the first one first."""
    statement = select(ColdStartRound).where(ColdStartRound.cold_start_id == cold_start_id)  # type: ignore[arg-type]  # a column
    statement = statement.order_by(ColdStartRound.number)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalars().all()


async def add_candidates(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Add undecided candidates, given as columns."""
    await session.execute(insert(ColdStartCandidate), list(rows))


async def get_candidate(session: AsyncSession, candidate_id: int, *, lock: bool = False) -> ColdStartCandidate:
    """The candidate; with `lock` its row stays ours until commit. Raises NotFoundError."""
    statement = select(ColdStartCandidate).where(ColdStartCandidate.id == candidate_id)  # type: ignore[arg-type]  # a column
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    row = (await session.execute(statement)).scalar_one_or_none()
    if row is None:
        raise NotFoundError("candidate", encode_id("candidate", candidate_id))
    return row


async def list_candidates(
    session: AsyncSession,
    cold_start_id: int,
    *,
    round_number: int | None = None,
    after: int | None = None,
    limit: int | None = None,
    status: str | None = None,
    is_held_out: bool | None = None,
) -> Sequence[ColdStartCandidate]:
    """Candidates by id, beyond the id `after`; of one round, or of all."""
    statement = select(ColdStartCandidate).where(ColdStartCandidate.cold_start_id == cold_start_id)  # type: ignore[arg-type]  # a column
    statement = statement.order_by(ColdStartCandidate.id)  # type: ignore[arg-type]  # a column
    if round_number is not None:
        statement = statement.where(ColdStartCandidate.round == round_number)  # type: ignore[arg-type]  # a column
    if after is not None:
        statement = statement.where(ColdStartCandidate.id > after)  # type: ignore[arg-type]  # a column
    if status is not None:
        statement = statement.where(ColdStartCandidate.status == status)  # type: ignore[arg-type]  # a column
    if is_held_out is not None:
        statement = statement.where(ColdStartCandidate.is_held_out == is_held_out)  # type: ignore[arg-type]  # a column
    if limit is not None:
        statement = statement.limit(limit)
    return (await session.execute(statement)).scalars().all()


async def keep_scores(session: AsyncSession, scored: Mapping[int, dict[str, Any]]) -> None:
    """Keep scores with their candidates; one that somebody is changing is passed over, and scored again later."""
    values = {"ids": list(scored), "scored": [orjson.dumps(each).decode() for each in scored.values()]}
    await session.execute(_KEEP_SCORES, values)


async def read_pool(session: AsyncSession, dataset_id: int, positions: Sequence[int]) -> list[tuple[int, int, str]]:
    """Items at these positions as (id, position, the beginning of their sentences), by position."""
    rows = await session.execute(_POOL, {"dataset_id": dataset_id, "positions": list(positions)})
    return [(row[0], row[1], row[2]) for row in rows]


async def read_named_items(session: AsyncSession, ids: Sequence[int]) -> dict[int, tuple[int, str, int]]:
    """Items by id as (position, the beginning of their sentences, dataset id)."""
    return {row[0]: (row[1], row[2], row[3]) for row in await session.execute(_ITEMS, {"ids": list(ids)})}


async def read_replies(
    session: AsyncSession, job_id: int, item_ids: Sequence[int], *, with_raw: bool
) -> dict[int, StoredReply]:
    """By item what the job made of it."""
    values = {"job_id": job_id, "items": list(item_ids)}
    pairs = _group(await session.execute(_PAIRS, values))
    rejections = _group(await session.execute(_REJECTIONS, values))
    found = await session.execute(_REPLIES, {**values, "with_raw": with_raw})
    return {
        row[0]: StoredReply(
            item_id=row[0],
            source_id=row[1],
            position=row[2],
            sentences=row[3],
            state=row[4],
            code=row[5],
            detail=row[6],
            raw=row[7],
            pairs=tuple(pairs.get(row[0], ())),
            rejections=tuple(rejections.get(row[0], ())),
        )
        for row in found
    }


async def read_verdict_bodies(session: AsyncSession, judge_job_id: int) -> dict[str, bytes]:
    """By source id in the judge's dataset the newest body that came back."""
    return {row[0]: row[1] for row in await session.execute(_VERDICTS, {"job_id": judge_job_id})}


def _group(rows: Any) -> dict[int, list[Any]]:
    grouped: dict[int, list[Any]] = {}
    for row in rows:
        grouped.setdefault(row[0], []).append(tuple(row[1:]))
    return grouped
