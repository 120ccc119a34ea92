"""Rows for a run of the command line: which job it means, and what its output files hold, item by item."""

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.models import Dataset, Job

RUN_LABEL = "main_py"

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('run:' || :name, 0))")
_FIND_JOB = text(
    """
    SELECT id FROM job WHERE dataset_id = :dataset_id AND metadata ->> 'main_py' = :fingerprint
        AND state NOT IN ('cancelling', 'cancelled')
    ORDER BY id DESC LIMIT 1
    """
)
_OWNERS = text("SELECT DISTINCT owner FROM shard WHERE job_id = :job_id AND state = 'leased' AND owner IS NOT NULL")
_VALID = """
    SELECT json_build_object('id', i.source_id, 'position', i.position, 'image_ids', i.image_ids, 'pairs', json_agg(
        json_build_object('instruction', p.instruction, 'response', p.response, 'translations', t.texts)
        ORDER BY p.ordinal))::text
    FROM pair p JOIN item i ON i.id = p.item_id
    CROSS JOIN LATERAL (
        SELECT coalesce(json_object_agg(o.language,
            json_build_object('instruction', o.instruction, 'response', o.response) ORDER BY o.language), '{}') AS texts
        FROM pair o WHERE o.translation_of = p.id AND o.status <> 'rejected' AND NOT 'stale' = ANY(o.flags)
    ) t
    WHERE p.job_id = :job_id AND p.language = 'en' AND p.status <> 'rejected'
    GROUP BY i.id ORDER BY i.position
"""
_INVALID = """
    SELECT json_build_object('id', i.source_id, 'position', i.position, 'stage', r.stage, 'ordinal', r.sample,
        'language', r.language, 'reason', r.reason, 'detail', r.detail, 'instruction', r.instruction,
        'response', r.response, 'text', r.text)::text
    FROM rejection r JOIN item i ON i.id = r.item_id WHERE r.job_id = :job_id ORDER BY i.position, r.id
"""
_ERRORS = """
    SELECT line FROM (
        SELECT 0 AS part, e.seq AS place, 0 AS inner_place, json_build_object('id', e.source_id, 'stage', 'read',
            'line', e.line, 'pointer', e.pointer, 'code', e.code, 'message', e.message)::text AS line
        FROM dataset_error e JOIN job j ON j.dataset_id = e.dataset_id WHERE j.id = :job_id
        UNION ALL
        SELECT 1, i.position, s.sample, json_build_object('id', i.source_id, 'position', i.position, 'stage', s.stage,
            'ordinal', s.sample, 'state', s.state, 'code', s.code, 'message', s.detail)::text
        FROM item_state s JOIN item i ON i.id = s.item_id WHERE s.job_id = :job_id AND s.state <> 'done'
    ) AS told ORDER BY part, place, inner_place
"""
_QUERY_INPUTS = """
    SELECT json_build_object('id', i.source_id, 'position', i.position, 'sentences', i.sentences,
        'image_ids', i.image_ids)::text
    FROM job j CROSS JOIN LATERAL (SELECT unnest(positions) AS position FROM shard WHERE job_id = j.id) AS chosen
    JOIN item i ON i.dataset_id = j.dataset_id AND i.position = chosen.position
    WHERE j.id = :job_id ORDER BY i.position
"""
OUTPUTS = {
    "valid_output.json": _VALID,
    "invalid_output.json": _INVALID,
    "error_messages.json": _ERRORS,
    "query_input.json": _QUERY_INPUTS,
}


async def lock_run(session: AsyncSession, name: str) -> None:
    """Until commit, no other run makes the dataset or job of this name."""
    await session.execute(_LOCK, {"name": name})


async def find_dataset(session: AsyncSession, name: str) -> Dataset | None:
    """The dataset of this name."""
    statement = select(Dataset).where(Dataset.name == name)  # type: ignore[arg-type]  # a column
    return (await session.execute(statement)).scalar_one_or_none()


async def find_run_job(session: AsyncSession, dataset_id: int, fingerprint: str) -> Job | None:
    """The newest job of a run with these arguments that was not cancelled; its row stays ours until commit."""
    job_id = (await session.execute(_FIND_JOB, {"dataset_id": dataset_id, "fingerprint": fingerprint})).scalar()
    return None if job_id is None else await session.get(Job, job_id, with_for_update={"key_share": True})


async def list_lease_owners(session: AsyncSession, job_id: int) -> list[str]:
    """The workers that hold shards of a job."""
    return list((await session.execute(_OWNERS, {"job_id": job_id})).scalars())


async def stream_output(session: AsyncSession, name: str, job_id: int) -> AsyncIterator[str]:
    """The entries of one of OUTPUTS, each a JSON object on one line, in the order of the items."""
    values: dict[str, Any] = {"job_id": job_id}
    async for (line,) in await session.stream(text(OUTPUTS[name]), values):
        yield line
