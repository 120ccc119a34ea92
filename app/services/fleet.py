"""The fleet: leases that ran out, jobs that are due for a next state, workers that were seen."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.filtering import plan_filters
from app.pipeline.lifecycle import RUNNING_STATES, WORKING_STATES
from app.pipeline.quotas import explain_end
from app.pipeline.relating import needs_whole_job
from app.queue import TASK_COUNT, TASK_EXPORT, TASK_SHARD
from app.resources import Resources
from app.services.late_answers import settle_late_answers
from app.settings import Settings
from app.store.calls import lose_calls
from app.store.exports import list_due_exports
from app.store.job_rules import order_comparison
from app.store.jobs import get_job, move_job
from app.store.models import Job
from app.store.relations import prune_manual_relations
from app.store.reopening import wake_surplus
from app.store.session import Sessions
from app.store.shards import WHOLE_SEQ, expire_leases, list_due_shards, mark_rung, renew_whole_shard
from app.store.statistics import list_due_counts
from app.store.tallies import read_tallies

RING_AGAIN_S = 5.0
WORKER_LIFE_S = 30.0
_POISON_SHARE = 0.05
_POISON_LEAST = 20

_SEEN = text(
    """
    INSERT INTO worker (id, slots) VALUES (:id, :slots)
    ON CONFLICT (id) DO UPDATE SET slots = excluded.slots, seen_at = now()
    """
)
_GONE = text("DELETE FROM worker WHERE id = :id OR seen_at < now() - interval '10 minutes'")
_FLEET = text(
    "SELECT count(*), coalesce(sum(slots), 0) FROM worker WHERE seen_at > now() - make_interval(secs => :life_s)"
)
# The parts of a request may reach PostgreSQL one by one. Where a process is frozen between them, its session is neither
# idle nor at work, and no timeout of PostgreSQL ends it; a COPY that waits for rows looks alike, but lives.
_FROZEN = text(
    """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND application_name = 'syphus'
        AND state = 'active' AND wait_event = 'ClientRead' AND query NOT ILIKE 'COPY%'
        AND state_change < clock_timestamp() - make_interval(secs => :longest_s)
    """
)
_ENDED = text(
    """
    SELECT id FROM job j WHERE state IN ('queued', 'in_progress', 'finalizing')
        AND NOT EXISTS (SELECT 1 FROM shard WHERE job_id = j.id AND state = 'ready')
        AND NOT EXISTS (SELECT 1 FROM shard WHERE job_id = j.id AND state = 'leased')
    """
)
_RELATING = text(
    f"""
    SELECT id FROM job j WHERE state = 'in_progress'
        AND EXISTS (SELECT 1 FROM shard WHERE job_id = j.id AND seq = {WHOLE_SEQ} AND state <> 'done')
        AND NOT EXISTS (SELECT 1 FROM shard WHERE job_id = j.id AND seq <> {WHOLE_SEQ} AND state = 'ready')
        AND NOT EXISTS (SELECT 1 FROM shard WHERE job_id = j.id AND seq <> {WHOLE_SEQ} AND state = 'leased')
    """  # noqa: S608  # only constants are put in
)
_CANCELLED = text(
    """
    SELECT id FROM job j WHERE state = 'cancelling'
        AND NOT EXISTS (SELECT 1 FROM shard WHERE job_id = j.id AND state = 'leased')
    """
)
_OVERDUE = text(
    """
    SELECT id FROM job WHERE state IN ('queued', 'in_progress', 'finalizing', 'paused')
        AND deadline_at < clock_timestamp()
    """
)
_OUT = text(
    """
    SELECT id, outage_since FROM job WHERE state IN ('in_progress', 'finalizing')
        AND outage_since < clock_timestamp() - make_interval(secs => :outage_s)
    """
)
_ANSWERED = text(
    """
    SELECT max(finished_at) FROM (
        SELECT raw, finished_at FROM call WHERE job_id = :job_id ORDER BY id DESC LIMIT 1000
    ) AS latest WHERE raw IS NOT NULL AND finished_at > :since
    """
)
_OUT_LATER = text("UPDATE job SET outage_since = :answered WHERE id = :job_id AND outage_since < :answered")
_SWEEP_KEYS = text("DELETE FROM idempotency_key WHERE created_at < now() - interval '7 days'")
_OUTAGE = text(
    """
    UPDATE job SET outage_since = CASE WHEN :out THEN coalesce(outage_since, clock_timestamp()) END
    WHERE id = ANY(:ids) AND (outage_since IS NULL) = :out
    """
)


async def note_worker(sessions: Sessions, worker_id: str, slots: int) -> None:
    """Say that a worker is alive and how many calls it can have in flight."""
    async with sessions.begin() as session:
        await session.execute(_SEEN, {"id": worker_id, "slots": slots})


async def release_worker(sessions: Sessions, worker_id: str) -> None:
    """Take back at once everything a worker held that is known to be dead."""
    async with sessions.begin() as session:
        expired = await expire_leases(session, worker_id)
        await lose_calls(session, [shard_id for shard_id, _ in expired])
        await session.execute(_GONE, {"id": worker_id})


async def count_fleet(session: AsyncSession) -> tuple[int, int]:
    """(workers, slots) seen lately."""
    row = (await session.execute(_FLEET, {"life_s": WORKER_LIFE_S})).one()
    return int(row[0]), int(row[1])


async def end_frozen_sessions(sessions: Sessions, longest_s: float) -> int:
    """End sessions of this service that have held back the rest of a request for so long; answers how many.

    What they locked, rows or the lead, comes free: those who froze come back too late for it.
    """
    async with sessions() as session:
        return int((await session.execute(_FROZEN, {"longest_s": longest_s})).scalar_one())


async def expire_overdue_leases(sessions: Sessions) -> int:
    """Make shards whose worker fell silent ready again; its open calls are lost. Answers how many."""
    async with sessions.begin() as session:
        expired = await expire_leases(session)
        if expired:
            await lose_calls(session, [shard_id for shard_id, _ in expired])
        return len(expired)


async def advance_jobs(sessions: Sessions, settings: Settings) -> None:
    """Give every job that is due its next state, each in a transaction of its own."""
    async with sessions() as session:
        relating = list((await session.execute(_RELATING)).scalars())
        ended = list((await session.execute(_ENDED)).scalars())
        cancelled = list((await session.execute(_CANCELLED)).scalars())
        overdue = list((await session.execute(_OVERDUE)).scalars())
        out = list(await session.execute(_OUT, {"outage_s": settings.outage_pause_s}))
    await _move_all(sessions, relating, {"in_progress"}, "finalizing", None)
    for job_id in ended:
        await _finish_job(sessions, job_id)
    await _move_all(sessions, cancelled, {"cancelling"}, "cancelled", None)
    await _move_all(sessions, overdue, RUNNING_STATES | {"paused"}, "expired", "deadline")
    for job_id, since in out:
        if not await _is_answered(sessions, job_id, since):
            await _move_all(sessions, [job_id], WORKING_STATES, "paused", "provider_outage")


async def ring_due_work(resources: Resources, messages: int) -> None:
    """Ring for due shards, exports and counts, a short queue's worth; the backlog stays in PostgreSQL."""
    async with resources.sessions.begin() as session:
        shards = await list_due_shards(session, messages, RING_AGAIN_S)
        await mark_rung(session, [shard_id for shard_id, _ in shards])
        exports = await list_due_exports(session, RING_AGAIN_S)
        counts = await list_due_counts(session, RING_AGAIN_S)
    if shards:
        await resources.queue.ring(TASK_SHARD, shards)
    if exports:
        await resources.queue.ring(TASK_EXPORT, exports)
    if counts:
        await resources.queue.ring(TASK_COUNT, counts)


async def sweep(sessions: Sessions) -> None:
    """Drop idempotency keys past their seven days."""
    async with sessions.begin() as session:
        await session.execute(_SWEEP_KEYS)


async def note_outage(sessions: Sessions, job_ids: Sequence[int], *, out: bool) -> None:
    """Stamp when a provider began to fail jobs, and clear the stamp when it answers again."""
    async with sessions.begin() as session:
        await session.execute(_OUTAGE, {"ids": sorted(job_ids), "out": out})


async def pause_job(sessions: Sessions, job_id: int, reason: str, data: dict[str, Any] | None = None) -> None:
    """Pause a running job for a reason of the service's own: one of PAUSE_REASONS but `user`.

    `data` goes into the job's event, for whoever wants to know more.
    """
    await _move_all(sessions, [job_id], WORKING_STATES, "paused", reason, data)


async def pause_if_poisoned(sessions: Sessions, job_id: int) -> None:
    """Pause a job in which too many items kill their worker."""
    async with sessions() as session:
        counts = (await read_tallies(session, [job_id]))[job_id]
    ended = counts["items.done"] + counts["items.failed"] + counts["items.poison"]
    if counts["items.poison"] >= max(_POISON_LEAST, _POISON_SHARE * ended):
        await pause_job(sessions, job_id, "poison_rate")


async def _move_all(
    sessions: Sessions,
    job_ids: Sequence[int],
    allowed: Collection[str],
    target: str,
    reason: str | None,
    data: dict[str, Any] | None = None,
) -> None:
    for job_id in job_ids:
        async with sessions.begin() as session:
            job = await get_job(session, job_id, lock=True)
            if job.state in allowed:
                await move_job(session, job, target, reason, data)


async def _is_answered(sessions: Sessions, job_id: int, since: datetime) -> bool:
    """Whether the job was answered since its outage was stamped, by a worker that knew of none; the stamp moves on.

    It is left behind where the worker that made it ended first.
    """
    async with sessions.begin() as session:
        answered = (await session.execute(_ANSWERED, {"job_id": job_id, "since": since})).scalar_one()
        if answered is not None:
            await session.execute(_OUT_LATER, {"job_id": job_id, "answered": answered})
        return answered is not None


async def _finish_job(sessions: Sessions, job_id: int) -> None:
    async with sessions.begin() as session:
        job = await get_job(session, job_id, lock=True)
        still = (await session.execute(_ENDED)).scalars().all()
        if job_id not in still:
            return
        if job.state == "queued":
            await move_job(session, job, "in_progress")
        if job.state != "finalizing":
            await move_job(session, job, "finalizing")
        counts = (await read_tallies(session, [job_id]))[job_id]
        if counts["pairs"] < job.policies.get("target_pairs", 0) and await wake_surplus(session, job):
            await renew_whole_shard(session, job_id, is_wanted=needs_whole_job(job.relation_rule, job.stages))
            return
        if plan_filters(job.policies.get("filters")).job_rules and await order_comparison(session, job_id):
            return
        await settle_late_answers(session, job)
        await prune_manual_relations(session, job_id)
        target, reason = _judge(job, counts)
        await move_job(session, job, target, reason)


def _judge(job: Job, counts: Counter[str]) -> tuple[str, str | None]:
    """A job with failures never reads as clean, and one in which everything failed has failed."""
    bare = counts["relate.bare"] if needs_whole_job(job.relation_rule, job.stages) else 0
    untranslated = counts["translate.failed"] + counts["translate.poison"]
    bad = [
        _count(counts["items.failed"], "item") + " failed" if counts["items.failed"] else "",
        _count(counts["items.poison"], "item") + " set aside as poison" if counts["items.poison"] else "",
        _count(untranslated, "pair") + " without every language" if untranslated else "",
        _count(bare, "pair") + " without anything to compare" if bare else "",
        *explain_end(job.policies, counts),
    ]
    reason = ", ".join(part for part in bad if part) or None
    if counts["items.failed"] + counts["items.poison"] >= job.items_total:
        return "failed", reason
    return "completed", reason


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
