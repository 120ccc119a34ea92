"""Jobs: ordering one, acting on it, and how it looks to a client."""

import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import new_id, utc_now
from app.errors import ConflictError
from app.ids import encode_id
from app.pipeline.lifecycle import Action, plan_action
from app.pipeline.quotas import SHORT, count_missing
from app.pipeline.relating import FORMER_RULE, needs_whole_job
from app.pipeline.selecting import settle_selection
from app.pipeline.sharding import cut_shards
from app.pipeline.values import Stage
from app.queue import TASK_SHARD
from app.resources import Resources
from app.services.planning import JobRequest, plan_job
from app.services.reruns import Rerun, prepare_rerun
from app.settings import Settings
from app.store import models
from app.store.events import append_event
from app.store.job_rules import forget_job_rules
from app.store.jobs import get_job, move_job
from app.store.reopening import reopen_short_items
from app.store.resets import forget_failures
from app.store.shards import count_leased, insert_shards, list_due_shards, renew_whole_shard
from app.store.tallies import add_tallies, read_tallies

_WORKERS_HINT = 8


async def submit_job(session: AsyncSession, settings: Settings, request: JobRequest) -> models.Job:
    """Write a job, its shards and its first events; ring for it after the commit.

    Raises NotFoundError, ConflictError (the dataset is not ready) or InvalidRequestError with a pointer per fault.
    """
    plan = await plan_job(session, settings, request)
    seed = int(request.slice.get("seed") or secrets.randbits(31))
    job = models.Job(
        id=new_id(),
        dataset_id=plan.dataset.id,
        prompt_id=plan.prompt.id,
        state="validating",
        model=plan.model,
        parameters=request.parameters,
        languages=plan.languages,
        stages=plan.stages,
        mode=request.mode,
        slice=request.slice,
        limits=request.limits,
        labels=request.metadata,
        price=plan.price,
        relation_rule=plan.relation_rule,
        policies=settle_selection(request.policies, seed),
        vision=None if plan.vision is None else plan.vision.describe(),
        seed=seed,
        items_total=len(plan.positions),
        budget_micros=plan.budget_micros,
        deadline_at=plan.deadline_at,
        created_at=utc_now(),
    )
    session.add(job)
    await session.flush()
    await append_event(session, job.id, "job.created", {"items": len(plan.positions)})
    await insert_shards(
        session, job.id, plan.stages[0], cut_shards(plan.positions, settings.shard_items, _WORKERS_HINT)
    )
    await renew_whole_shard(session, job.id, is_wanted=needs_whole_job(job.relation_rule, job.stages))
    await add_tallies(session, {(job.id, "items.total"): len(plan.positions)}, 0)
    await move_job(session, job, "queued")
    return job


async def check_job(session: AsyncSession, settings: Settings, request: JobRequest) -> dict[str, Any]:
    """What `submit_job` would make, with the same refusals and no effect on jobs."""
    plan = await plan_job(session, settings, request)
    return {
        "object": "job.check",
        "valid": True,
        "dataset_id": encode_id("dataset", plan.dataset.id),
        "prompt_id": encode_id("prompt", plan.prompt.id),
        "model": plan.model,
        "stages": plan.stages,
        "languages": plan.languages,
        "relation_rule": plan.relation_rule,
        "items": len(plan.positions),
        "price": plan.price,
    }


async def act_on_job(session: AsyncSession, job_id: int, action: Action, rerun: Rerun | None = None) -> models.Job:
    """Pause, resume, cancel, retry what failed, or run again from a stage; doing it twice is doing it once.

    Raises ConflictError where the job's state forbids it.
    """
    rerun = rerun or Rerun()
    job = await get_job(session, job_id, lock=True)
    target = plan_action(action, job.state)
    if target == "noop":
        return job
    if action in {"retry-failed", "rerun"}:
        if await count_leased(session, job.id):
            raise ConflictError("Shards of the job are still winding down; try again in a moment.", retry_after_s=1)
        if action == "rerun":
            await prepare_rerun(session, job, rerun)
        elif not await _forgive(session, job):
            return job
        else:
            await forget_job_rules(session, job.id)
            await renew_whole_shard(session, job.id, is_wanted=needs_whole_job(job.relation_rule, job.stages))
    if action == "resume":
        job.outage_since = None  # a new patience with the endpoint begins
    reason = "user" if target == "paused" else None
    await move_job(session, job, target, reason, {"action": action, **rerun.describe()})
    return job


async def _forgive(session: AsyncSession, job: models.Job) -> int:
    """Make pending what failed and what has too few pairs; answers how many units there were."""
    failed = await forget_failures(session, job.id)
    if not {"pairs_per_item", "target_pairs"} & job.policies.keys():
        return failed
    counts = (await read_tallies(session, [job.id]))[job.id]
    return failed + await reopen_short_items(session, job, counts["pairs"])


async def ring_job(resources: Resources, job_id: int) -> None:
    """Ring for a job's first shards; what is not heard is rung again by the dispatcher."""
    async with resources.sessions() as session:
        due = await list_due_shards(session, 2 * _WORKERS_HINT, 0.0, job_id)
    await resources.queue.ring(TASK_SHARD, due)


async def view_job(session: AsyncSession, job: models.Job) -> dict[str, Any]:
    """The job as the API shows it."""
    return (await view_jobs(session, [job]))[0]


async def view_jobs(session: AsyncSession, jobs: Sequence[models.Job]) -> list[dict[str, Any]]:
    """Jobs as the API shows them, their counts summed from the roll-ups."""
    tallies = await read_tallies(session, [job.id for job in jobs])
    return [_show_job(job, tallies[job.id]) for job in jobs]


def _show_job(job: models.Job, counts: Counter[str]) -> dict[str, Any]:
    return {
        "id": encode_id("job", job.id),
        "object": "job",
        "state": job.state,
        "reason": job.reason,
        "dataset_id": encode_id("dataset", job.dataset_id),
        "prompt_id": encode_id("prompt", job.prompt_id),
        "model": job.model,
        "parameters": job.parameters,
        "languages": job.languages,
        "stages": job.stages,
        "mode": job.mode,
        "vision": job.vision,
        "slice": job.slice,
        "limits": job.limits,
        "relation_rule": job.relation_rule or FORMER_RULE,
        "policies": job.policies,
        "counts": _show_counts(job, counts),
        "usage": {
            key: counts[f"usage.{key}"] for key in ("calls", "prompt_tokens", "completion_tokens", "cached_tokens")
        },
        "cost_usd": counts["cost_micros"] / 1e6 if job.price else None,
        "eta_seconds": _estimate_seconds_left(job, counts),
        "metadata": job.labels,
        "created_at": job.created_at,
        "queued_at": job.queued_at,
        "started_at": job.started_at,
        "paused_at": job.paused_at,
        "finished_at": job.finished_at,
        "deadline_at": job.deadline_at,
    }


def _show_counts(job: models.Job, counts: Counter[str]) -> dict[str, Any]:
    ended = {state: counts[f"items.{state}"] for state in ("done", "failed", "poison", "skipped")}
    translating = {state: counts[f"translate.{state}"] for state in ("done", "failed", "poison")}
    return {
        "items": {"total": job.items_total, "pending": job.items_total - sum(ended.values()), **ended},
        "pairs": counts["pairs"],
        "missing_pairs": count_missing(job.policies, counts),
        "short_items": counts[SHORT],
        "rejected": counts["rejected"],
        "rejected_by_reason": _family(counts, "rejected."),
        "translations": {language: counts[f"translations.{language}"] for language in job.languages},
        "translated_pairs": translating,
        "translations_refused": counts["refused"],
        "translations_refused_by_reason": _family(counts, "refused."),
    }


def _family(counts: Counter[str], prefix: str) -> dict[str, int]:
    return {key.removeprefix(prefix): n for key, n in sorted(counts.items()) if key.startswith(prefix) and n}


def _estimate_seconds_left(job: models.Job, counts: Counter[str]) -> float | None:
    """Elapsed time over the share of work done; a translated pair weighs as much as a generated item.

    Under a target the share of its pairs counts, or that of the items where it is larger.
    """
    if job.state not in {"in_progress", "finalizing"} or job.started_at is None:
        return None
    ended = sum(counts[f"items.{state}"] for state in ("done", "failed", "poison", "skipped"))
    if not ended:
        return None
    done, total = float(ended), float(job.items_total)
    target = job.policies.get("target_pairs")
    if target is not None:
        total = min(total, max(done, target * ended / max(1, counts["pairs"])))
    if Stage.TRANSLATE in job.stages:
        done += sum(counts[f"translate.{state}"] for state in ("done", "failed", "poison"))
        total += counts["pairs"] / ended * total
    elapsed_s = (utc_now() - job.started_at).total_seconds()
    return round(elapsed_s * max(0.0, total - done) / done, 1)
