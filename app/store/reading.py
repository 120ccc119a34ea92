"""What a job left behind, page by page: its items, rejections and calls; and sums over jobs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

AnyRow = Row[*tuple[Any, ...]]

_SAMPLE_BITS = 16

_ITEM_COLUMNS = (
    "s.item_id, i.source_id, i.position, s.stage, s.sample, s.state, s.code, s.detail, s.call_id, s.created_at"
)


def item_place(item_id: int, sample: int) -> int:
    """The position of an item's state in a list, as one number."""
    return item_id << _SAMPLE_BITS | sample


async def list_item_states(
    session: AsyncSession, job_id: int, stage: str, after: int, limit: int, state: str | None = None
) -> Sequence[AnyRow]:
    """How items ended in a stage, by item and sample, beyond a place; `not done` states use their own small index."""
    conditions = ["s.job_id = :job_id", "s.stage = :stage", "(s.item_id, s.sample) > (:item_id, :sample)"]
    if state is not None:
        conditions.append("s.state = :state")
    if state not in {None, "done"}:
        conditions.append("s.state <> 'done'")
    statement = text(
        f"SELECT {_ITEM_COLUMNS} FROM item_state s JOIN item i ON i.id = s.item_id "  # noqa: S608  (constants)
        f"WHERE {' AND '.join(conditions)} ORDER BY s.item_id, s.sample LIMIT :limit"
    )
    values = {
        "job_id": job_id,
        "stage": stage,
        "item_id": after >> _SAMPLE_BITS,
        "sample": after & (1 << _SAMPLE_BITS) - 1,
        "limit": limit,
    }
    if state is not None:
        values["state"] = state
    return (await session.execute(statement, values)).all()


async def list_pending_items(session: AsyncSession, job_id: int, after: int, limit: int) -> Sequence[AnyRow]:
    """Items of the job that have not ended yet, in the columns of `list_item_states`."""
    values = {"job_id": job_id, "after": after >> _SAMPLE_BITS, "limit": limit}
    return (await session.execute(_PENDING, values)).all()


async def list_rejections(
    session: AsyncSession, job_id: int, after: int, limit: int, reason: str | None, language: str | None
) -> Sequence[AnyRow]:
    """Refused texts of a job, by id, beyond the id `after`."""
    conditions = ["r.job_id = :job_id", "r.id > :after"]
    values: dict[str, Any] = {"job_id": job_id, "after": after, "limit": limit}
    for column, wanted in (("reason", reason), ("language", language)):
        if wanted is not None:
            conditions.append(f"r.{column} = :{column}")
            values[column] = wanted
    statement = text(
        "SELECT r.id, r.job_id, r.item_id, i.source_id, r.stage, r.sample, r.language, r.reason, r.detail, "  # noqa: S608
        "r.instruction, r.response, r.text, r.call_id, r.created_at "
        f"FROM rejection r LEFT JOIN item i ON i.id = r.item_id WHERE {' AND '.join(conditions)} "
        "ORDER BY r.id LIMIT :limit"
    )
    return (await session.execute(statement, values)).all()


async def list_calls(
    session: AsyncSession, job_id: int, after: int, limit: int, **wanted: str | int | None
) -> Sequence[AnyRow]:
    """Calls of a job, by id, beyond the id `after`; `wanted` names columns (state, stage, item_id) and their values."""
    conditions = ["c.job_id = :job_id", "c.id > :after"]
    values: dict[str, Any] = {"job_id": job_id, "after": after, "limit": limit}
    for column in ("state", "stage", "item_id"):
        if wanted.get(column) is not None:
            conditions.append(f"c.{column} = :{column}")
            values[column] = wanted[column]
    statement = text(
        "SELECT c.id, c.job_id, c.item_id, c.stage, c.sample, c.languages, c.state, c.worker, c.http_status, "  # noqa: S608
        "c.finish_reason, c.error_code, c.error_detail, c.prompt_tokens, c.completion_tokens, c.cached_tokens, "
        "c.cost_micros, c.latency_ms, c.started_at, c.finished_at "
        f"FROM call c WHERE {' AND '.join(conditions)} ORDER BY c.id LIMIT :limit"
    )
    return (await session.execute(statement, values)).all()


async def count_jobs_by_state(session: AsyncSession) -> dict[str, int]:
    return {row[0]: row[1] for row in await session.execute(_JOBS)}


async def count_shards_by_state(session: AsyncSession) -> dict[str, int]:
    """Shards that wait or are being worked, over all jobs."""
    ready, leased = (await session.execute(_SHARDS)).one()
    return {"ready": ready, "leased": leased}


async def sum_usage(session: AsyncSession, since: Any = None, until: Any = None) -> Sequence[tuple[str, str, int]]:
    """(model, tally key, sum) of usage, cost and pairs over the jobs that were made in a span of time."""
    rows = await session.execute(_USAGE, {"since": since, "until": until})
    return [(model, key, n) for model, key, n in rows]


async def list_used_models(session: AsyncSession) -> Sequence[str]:
    return (await session.execute(text("SELECT DISTINCT model FROM job ORDER BY model"))).scalars().all()


_PENDING = text(
    """
    SELECT i.id, i.source_id, i.position, 'generate', 0, 'pending', NULL, NULL, NULL, NULL
    FROM job j
    CROSS JOIN LATERAL (
        SELECT unnest(s.positions) AS position FROM shard s
        WHERE s.job_id = j.id AND s.stage = 'generate' AND s.state <> 'done'
    ) AS due
    JOIN item i ON i.dataset_id = j.dataset_id AND i.position = due.position
    WHERE j.id = :job_id AND i.id > :after
        AND NOT EXISTS (
            SELECT 1 FROM item_state d
            WHERE d.job_id = j.id AND d.stage = 'generate' AND d.item_id = i.id AND d.sample = 0
        )
    ORDER BY i.id LIMIT :limit
    """
)
_JOBS = text("SELECT state, count(*) FROM job GROUP BY state")
_SHARDS = text(
    """
    SELECT (SELECT count(*) FROM shard WHERE state = 'ready'), (SELECT count(*) FROM shard WHERE state = 'leased')
    """
)
_USAGE = text(
    """
    SELECT j.model, t.key, sum(t.n)::bigint FROM job j JOIN tally t ON t.job_id = j.id
    WHERE (CAST(:since AS timestamptz) IS NULL OR j.created_at >= :since)
        AND (CAST(:until AS timestamptz) IS NULL OR j.created_at < :until)
        AND (t.key LIKE 'usage.%' OR t.key IN ('cost_micros', 'pairs', 'items.done'))
    GROUP BY j.model, t.key
    """
)
