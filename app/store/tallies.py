"""Roll-up counts: added in the transaction that changes what they count, summed when read."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

BUCKETS = 16

_ADD = text(
    """
    INSERT INTO tally (job_id, key, bucket, n)
    SELECT job_id, key, :bucket, n FROM unnest(CAST(:job_ids AS bigint[]), CAST(:keys AS text[]), CAST(:ns AS bigint[]))
        AS added (job_id, key, n)
    ORDER BY job_id, key
    ON CONFLICT (job_id, key, bucket) DO UPDATE SET n = tally.n + excluded.n
    """
)
_SUM = text("SELECT job_id, key, sum(n)::bigint FROM tally WHERE job_id = ANY(:job_ids) GROUP BY job_id, key")


def bucket_of(worker_id: str) -> int:
    """The bucket of a worker's own counts.

    Never 0: a change of a stored pair adds to that one, in the same transaction and before, and two turns at the rows
    of one bucket are out of order.
    """
    return 1 + sum(worker_id.encode()) % (BUCKETS - 1)


async def add_tallies(session: AsyncSession, added: Mapping[tuple[int, str], int], bucket: int) -> None:
    """Add to counts named by (job, key); rows are taken in one order, so writers cannot deadlock."""
    entries = sorted((job_id, key, n) for (job_id, key), n in added.items() if n)
    if not entries:
        return
    job_ids, keys, ns = zip(*entries, strict=True)
    parameters = {"bucket": bucket % BUCKETS, "job_ids": list(job_ids), "keys": list(keys), "ns": list(ns)}
    await session.execute(_ADD, parameters)


async def read_tallies(session: AsyncSession, job_ids: Sequence[int]) -> dict[int, Counter[str]]:
    """Every count of the jobs, as `{job_id: {key: n}}`; a job without any has an empty counter."""
    counts: dict[int, Counter[str]] = {job_id: Counter() for job_id in job_ids}
    for job_id, key, n in await session.execute(_SUM, {"job_ids": list(job_ids)}):
        counts[job_id][key] = n
    return counts
