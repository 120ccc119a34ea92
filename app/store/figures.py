"""The rows that statistics are counted from: streamed, grouped, and summed over the jobs of a scope."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.session import driver_connection
from app.store.statistics import Scope

TIMEOUT_S = 6 * 3600.0
ROWS_AHEAD = 2_000

_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_WORK_MEMORY = text("SET LOCAL work_mem = '64MB'")
_NOW = text("SELECT clock_timestamp()")
_LANGUAGES = """
    SELECT language, count(*) AS stored, count(*) FILTER (WHERE status <> 'rejected') AS pairs,
        count(DISTINCT hashtextextended(instruction, 0)) FILTER (WHERE status <> 'rejected') AS uniques
    FROM pair WHERE job_id = ANY($1) GROUP BY language
"""
_TEXTS = """
    SELECT language, item_id, ordinal, instruction, response FROM pair WHERE job_id = $1 AND status <> 'rejected'
"""
_IMAGES = """
    SELECT count(DISTINCT hashtextextended(image, 0)) FROM item i CROSS JOIN unnest(i.image_ids) AS image
    WHERE i.dataset_id = $2 AND EXISTS (
        SELECT 1 FROM pair p WHERE p.job_id = $1 AND p.item_id = i.id AND p.language = 'en' AND p.status <> 'rejected')
"""
_IMAGES_PER_PAIR = """
    SELECT cardinality(i.image_ids) AS value, count(*) AS n FROM pair p JOIN item i ON i.id = p.item_id
    WHERE p.job_id = $1 AND p.language = 'en' AND p.status <> 'rejected' GROUP BY 1
"""
_RELATED_PER_PAIR = """
    SELECT coalesce(cardinality(r.related_pair_ids), 0) AS value, count(*) AS n
    FROM pair p LEFT JOIN relation r ON r.pair_id = p.id
    WHERE p.job_id = $1 AND p.language = 'en' AND p.status <> 'rejected' GROUP BY 1
"""
_IN_SCOPE = {"job": "j.id = :id", "dataset": "j.dataset_id = :id", "all": ":id = 0"}
_SUMMED_IN_SCOPE = {
    **_IN_SCOPE,
    "all": ":id = 0 AND (NOT j.policies ? 'judging' OR t.key LIKE 'usage.%' OR t.key = 'cost_micros')",
}
_TALLIES = """
    SELECT j.dataset_id, t.key, sum(t.n)::bigint FROM job j JOIN tally t ON t.job_id = j.id
    WHERE {where} GROUP BY j.dataset_id, t.key
"""
_JOBS = """
    SELECT count(*) AS jobs, max(j.finished_at) AS finished_at, bool_or(j.price IS NOT NULL) AS has_price
    FROM job j WHERE {where}
"""
_COUNTED = """
    SELECT j.id, s.as_of, s.as_of IS NULL OR coalesce(j.finished_at > s.as_of, false) AS is_stale FROM job j
    LEFT JOIN statistic s ON s.scope = 'job' AND s.scope_id = j.id AND s.key = 'parts'
    WHERE {where} AND EXISTS (SELECT 1 FROM pair p WHERE p.job_id = j.id) ORDER BY j.id
"""
_DATASETS = """
    SELECT d.id, d.name, d.abbr, d.kind, d.items, d.images FROM dataset d
    WHERE {where} ORDER BY d.id DESC LIMIT :limit
"""
_DATASETS_IN_SCOPE = {
    "job": "d.id = (SELECT dataset_id FROM job WHERE id = :id)",
    "dataset": "d.id = :id",
    "all": ":id = 0 AND NOT EXISTS (SELECT 1 FROM job j WHERE j.dataset_id = d.id AND j.policies ? 'judging')",
}


@dataclass(frozen=True, slots=True)
class LanguageCount:
    """Pairs of a language: all that are stored, those that were not rejected, and their different instructions."""

    stored: int
    pairs: int
    uniques: int


@dataclass(frozen=True, slots=True)
class ScopeJobs:
    """The jobs of a scope: how many, the last end of one, and whether any has a price."""

    jobs: int
    finished_at: datetime | None
    has_price: bool


@dataclass(frozen=True, slots=True)
class CountedJob:
    """A job that has pairs; stale where it ended after it was counted, or never was counted (`as_of` None)."""

    id: int
    as_of: datetime | None
    is_stale: bool


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset as the table of a scope shows it."""

    id: int
    name: str
    abbr: str
    kind: str | None
    items: int
    images: int


async def begin_snapshot(session: AsyncSession) -> datetime:
    """Make the session's transaction see one state of the database; answers the moment."""
    await session.execute(_SNAPSHOT)
    await session.execute(_WORK_MEMORY)
    moment: datetime = (await session.execute(_NOW)).scalar_one()
    return moment


async def count_languages(session: AsyncSession, job_ids: Sequence[int]) -> dict[str, LanguageCount]:
    """Pairs and different instructions by language, over all the jobs together; exact up to a 64-bit hash."""
    rows = await (await driver_connection(session)).fetch(_LANGUAGES, list(job_ids), timeout=TIMEOUT_S)
    return {row["language"]: LanguageCount(row["stored"], row["pairs"], row["uniques"]) for row in rows}


async def stream_texts(session: AsyncSession, job_id: int) -> AsyncIterator[Sequence[Any]]:
    """Batches of (language, item id, ordinal, instruction, response) of the pairs that were not rejected."""
    connection = await driver_connection(session)
    cursor = await connection.cursor(_TEXTS, job_id, timeout=TIMEOUT_S)
    while rows := await cursor.fetch(ROWS_AHEAD, timeout=TIMEOUT_S):
        yield rows


async def count_images(session: AsyncSession, job_id: int, dataset_id: int) -> int:
    """Different images of the items that brought pairs."""
    connection = await driver_connection(session)
    return int(await connection.fetchval(_IMAGES, job_id, dataset_id, timeout=TIMEOUT_S))


async def count_images_per_pair(session: AsyncSession, job_id: int) -> dict[int, int]:
    """English pairs by how many images they have."""
    return await _count_values(session, _IMAGES_PER_PAIR, job_id)


async def count_related_per_pair(session: AsyncSession, job_id: int) -> dict[int, int]:
    """English pairs by how many related pairs they have."""
    return await _count_values(session, _RELATED_PER_PAIR, job_id)


async def sum_tallies(session: AsyncSession, scope: Scope) -> dict[int, Counter[str]]:
    """The roll-ups of a scope's jobs, as `{dataset_id: {key: n}}`; over everything, judges count by what they used."""
    counts: dict[int, Counter[str]] = {}
    statement = text(_TALLIES.format(where=_SUMMED_IN_SCOPE[scope.kind]))
    for dataset_id, key, n in await session.execute(statement, {"id": scope.id}):
        counts.setdefault(dataset_id, Counter())[key] = n
    return counts


async def read_scope_jobs(session: AsyncSession, scope: Scope) -> ScopeJobs:
    """What there is to know about the jobs of a scope at once."""
    statement = text(_JOBS.format(where=_IN_SCOPE[scope.kind]))
    row = (await session.execute(statement, {"id": scope.id})).one()
    return ScopeJobs(row.jobs, row.finished_at, bool(row.has_price))


async def list_counted_jobs(session: AsyncSession, scope: Scope) -> list[CountedJob]:
    """Every job of the scope that has pairs."""
    rows = await session.execute(text(_COUNTED.format(where=_IN_SCOPE[scope.kind])), {"id": scope.id})
    return [CountedJob(row.id, row.as_of, row.is_stale) for row in rows]


async def list_scope_datasets(session: AsyncSession, scope: Scope, limit: int) -> list[DatasetRow]:
    """The datasets of a scope, the newest first; what judges are shown is none."""
    statement = text(_DATASETS.format(where=_DATASETS_IN_SCOPE[scope.kind]))
    rows = await session.execute(statement, {"id": scope.id, "limit": limit})
    return [DatasetRow(row.id, row.name, row.abbr, row.kind, row.items, row.images) for row in rows]


async def _count_values(session: AsyncSession, statement: str, job_id: int) -> dict[int, int]:
    rows = await (await driver_connection(session)).fetch(statement, job_id, timeout=TIMEOUT_S)
    return {row["value"]: row["n"] for row in rows}
