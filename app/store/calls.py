"""The ledger of calls: an intent before each request, the raw answer before anyone reads it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Intent:
    """A request that is about to be sent."""

    job_id: int
    shard_id: int
    fence: int
    stage: str
    item_id: int
    sample: int
    languages: tuple[str, ...]
    fingerprint: int
    reserved_micros: int


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """The body that came back for a call."""

    call_id: int
    raw: bytes
    http_status: int
    latency_ms: int


_INTEND = text(
    """
    INSERT INTO call (job_id, shard_id, fence, worker, stage, item_id, sample, languages, fingerprint, state,
        reserved_micros)
    SELECT a.job_id, a.shard_id, a.fence, :worker, a.stage, a.item_id, a.sample,
        string_to_array(a.languages, ','), a.fingerprint, 'started', a.reserved_micros
    FROM unnest(CAST(:jobs AS bigint[]), CAST(:shards AS bigint[]), CAST(:fences AS int[]), CAST(:stages AS text[]),
            CAST(:items AS bigint[]), CAST(:samples AS int[]), CAST(:languages AS text[]),
            CAST(:fingerprints AS bigint[]), CAST(:reserved AS bigint[]))
        AS a (job_id, shard_id, fence, stage, item_id, sample, languages, fingerprint, reserved_micros)
    JOIN shard s ON s.id = a.shard_id AND s.fence = a.fence AND s.state = 'leased' AND s.owner = :worker
        AND s.lease_until > clock_timestamp()
    JOIN job j ON j.id = a.job_id AND j.state IN ('in_progress', 'finalizing')
    RETURNING id, shard_id, fence, stage, item_id, sample
    """
)
_STORE = text(
    """
    UPDATE call SET state = 'stored', raw = a.raw, http_status = a.status, latency_ms = a.latency_ms, handlings = 1,
        finished_at = clock_timestamp()
    FROM unnest(CAST(:ids AS bigint[]), CAST(:raws AS bytea[]), CAST(:statuses AS int[]), CAST(:latencies AS int[]))
        AS a (id, raw, status, latency_ms)
    WHERE call.id = a.id AND call.raw IS NULL
    """
)
_LOSE = text("UPDATE call SET state = 'unknown' WHERE state = 'started' AND shard_id = ANY(:shards)")
_LOSE_OLDER = text("UPDATE call SET state = 'unknown' WHERE state = 'started' AND shard_id = :shard AND fence < :fence")
_LOSE_STRAY = text(
    """
    UPDATE call SET state = 'unknown' WHERE state = 'started' AND NOT EXISTS (
        SELECT 1 FROM shard s WHERE s.id = call.shard_id AND s.state = 'leased' AND s.fence = call.fence
    )
    """
)
_RESERVE = text(
    """
    UPDATE job SET held_micros = held_micros + :wanted
    WHERE id = :job_id AND (budget_micros IS NULL OR held_micros + :wanted <= budget_micros)
    """
)
_HAS_OPEN = text(
    """
    SELECT EXISTS (
        SELECT 1 FROM call c WHERE c.state = 'started' AND c.shard_id IN (SELECT id FROM shard WHERE job_id = :job_id)
    )
    """
)


async def intend_calls(session: AsyncSession, intents: Sequence[Intent], worker: str) -> list[int | None]:
    """Write intents; answers a call id for each, or None where the lease or the job's state forbids the call."""
    parameters = {
        "worker": worker,
        "jobs": [intent.job_id for intent in intents],
        "shards": [intent.shard_id for intent in intents],
        "fences": [intent.fence for intent in intents],
        "stages": [intent.stage for intent in intents],
        "items": [intent.item_id for intent in intents],
        "samples": [intent.sample for intent in intents],
        "languages": [",".join(intent.languages) for intent in intents],
        "fingerprints": [intent.fingerprint for intent in intents],
        "reserved": [intent.reserved_micros for intent in intents],
    }
    written: dict[tuple[Any, ...], list[int]] = defaultdict(list)  # several where they are about no item
    for call_id, *about in await session.execute(_INTEND, parameters):
        written[*about].append(call_id)
    keys = [(each.shard_id, each.fence, each.stage, each.item_id, each.sample) for each in intents]
    return [written[key].pop() if written[key] else None for key in keys]


async def reserve_budget(session: AsyncSession, job_id: int, wanted_micros: int) -> bool:
    """Set money aside; False, with nothing changed, where the job's budget does not hold it."""
    result = await session.execute(_RESERVE, {"job_id": job_id, "wanted": wanted_micros})
    return result.rowcount == 1  # type: ignore[attr-defined,no-any-return]  # an UPDATE's result has a row count


async def has_open_calls(session: AsyncSession, job_id: int) -> bool:
    """Whether any request of the job is under way."""
    return bool((await session.execute(_HAS_OPEN, {"job_id": job_id})).scalar_one())


async def store_answers(session: AsyncSession, answers: Sequence[RawAnswer]) -> None:
    """Keep paid answers as they came. Nothing fences this: an answer that was paid for is stored, by whomever."""
    parameters = {
        "ids": [answer.call_id for answer in answers],
        "raws": [answer.raw for answer in answers],
        "statuses": [answer.http_status for answer in answers],
        "latencies": [answer.latency_ms for answer in answers],
    }
    await session.execute(_STORE, parameters)


async def lose_calls(session: AsyncSession, shard_ids: Sequence[int]) -> None:
    """Mark requests whose worker lost these shards: nobody knows what became of them."""
    await session.execute(_LOSE, {"shards": list(shard_ids)})


async def lose_stray_calls(session: AsyncSession) -> None:
    """Mark requests that nobody holds a lease for: an intent may be committed right after its lease was taken back."""
    await session.execute(_LOSE_STRAY)


async def lose_older_calls(session: AsyncSession, shard_id: int, fence: int) -> None:
    """Mark what an earlier holder of the shard left open."""
    await session.execute(_LOSE_OLDER, {"shard": shard_id, "fence": fence})
