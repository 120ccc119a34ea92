"""Jobs: ordering one, acting on it, and how it looks to a client."""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import new_id, utc_now
from app.errors import ConflictError, Fault, InvalidRequestError, NotFoundError
from app.ids import encode_id
from app.pipeline.costing import price_of
from app.pipeline.lifecycle import Action, plan_action
from app.pipeline.prompting import check_parameters
from app.pipeline.sharding import check_slice, choose_positions, cut_shards
from app.pipeline.translating import check_languages
from app.pipeline.values import Stage
from app.queue import TASK_SHARD
from app.resources import Resources
from app.services.prompts import ensure_kind_prompt
from app.settings import Settings
from app.store import models
from app.store.events import append_event
from app.store.jobs import get_job, move_job
from app.store.resets import forget_failures, reset_shards
from app.store.shards import count_leased, insert_shards, list_due_shards
from app.store.tallies import add_tallies, read_tallies

RERUN_STAGES = {"parse": "generate", "filter": "generate", "relate": "relate", "translate": "translate"}
_WORKERS_HINT = 8
_LIMITS = {"max_cost_usd", "deadline_at", "concurrency"}
_METADATA_ENTRIES = 64


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a client orders; every field but the dataset has a default."""

    dataset_id: int
    prompt_id: int | None = None
    model: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)
    stages: list[str] | None = None
    mode: str = "online"
    slice: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A request that holds: everything looked up, nothing written."""

    dataset: models.Dataset
    prompt: models.Prompt
    model: str
    stages: list[str]
    languages: list[str]
    positions: Sequence[int]
    budget_micros: int | None
    deadline_at: datetime | None
    price: dict[str, Any] | None


async def submit_job(session: AsyncSession, settings: Settings, request: JobRequest) -> models.Job:
    """Write a job, its shards and its first events; ring for it after the commit.

    Raises NotFoundError, ConflictError (the dataset is not ready) or InvalidRequestError with a pointer per fault.
    """
    plan = await _plan_job(session, settings, request)
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
        seed=int(request.slice.get("seed") or secrets.randbits(31)),
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
    await add_tallies(session, {(job.id, "items.total"): len(plan.positions)}, 0)
    await move_job(session, job, "queued")
    return job


async def check_job(session: AsyncSession, settings: Settings, request: JobRequest) -> dict[str, Any]:
    """What `submit_job` would make, with the same refusals and no effect on jobs."""
    plan = await _plan_job(session, settings, request)
    return {
        "object": "job.check",
        "valid": True,
        "dataset_id": encode_id("dataset", plan.dataset.id),
        "prompt_id": encode_id("prompt", plan.prompt.id),
        "model": plan.model,
        "stages": plan.stages,
        "languages": plan.languages,
        "items": len(plan.positions),
        "price": plan.price,
    }


async def act_on_job(session: AsyncSession, job_id: int, action: Action, rerun_from: str | None = None) -> models.Job:
    """Pause, resume, cancel, retry what failed, or run again from a stage; doing it twice is doing it once.

    Raises ConflictError where the job's state forbids it.
    """
    job = await get_job(session, job_id, lock=True)
    target = plan_action(action, job.state)
    if target == "noop":
        return job
    if action in {"retry-failed", "rerun"}:
        if await count_leased(session, job.id):
            raise ConflictError("Shards of the job are still winding down; try again in a moment.", retry_after_s=1)
        if action == "rerun":
            await _prepare_rerun(session, job, rerun_from)
        elif not await forget_failures(session, job.id):
            return job
    reason = "user" if target == "paused" else None
    await move_job(session, job, target, reason, {"action": action, "rerun_from": rerun_from})
    return job


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
        "slice": job.slice,
        "limits": job.limits,
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
    """Elapsed time over the share of work done; a translated pair weighs as much as a generated item."""
    if job.state not in {"in_progress", "finalizing"} or job.started_at is None:
        return None
    ended = sum(counts[f"items.{state}"] for state in ("done", "failed", "poison", "skipped"))
    if not ended:
        return None
    done, total = float(ended), float(job.items_total)
    if Stage.TRANSLATE in job.stages:
        done += sum(counts[f"translate.{state}"] for state in ("done", "failed", "poison"))
        total += counts["pairs"] / ended * job.items_total
    elapsed_s = (utc_now() - job.started_at).total_seconds()
    return round(elapsed_s * max(0.0, total - done) / done, 1)


async def _plan_job(session: AsyncSession, settings: Settings, request: JobRequest) -> _Plan:
    dataset = await session.get(models.Dataset, request.dataset_id)
    if dataset is None:
        raise NotFoundError("dataset", encode_id("dataset", request.dataset_id))
    if dataset.state != "ready":
        raise ConflictError(f"The dataset is {dataset.state}; a job needs one that is ready.")
    stages, faults = _choose_stages(request)
    model = request.model or settings.openai_model
    price = price_of(model, settings.prices)
    faults += check_parameters(request.parameters)
    faults += check_languages(request.languages)
    faults += _check_limits(request.limits, has_price=price is not None, model=model)
    faults += check_slice(request.slice)
    faults += _check_rest(request)
    positions: Sequence[int] = () if faults else choose_positions(dataset.items, request.slice)
    if not faults and not positions:
        message = f"No item is left: the dataset has {dataset.items} items, counted from 0."
        faults.append(Fault("/slice", "empty", message))
    if faults:
        raise InvalidRequestError(f"{len(faults)} thing(s) in the order do not hold.", errors=faults)
    budget = request.limits.get("max_cost_usd")
    deadline = request.limits.get("deadline_at")
    return _Plan(
        dataset=dataset,
        prompt=await _find_prompt(session, request.prompt_id, dataset.kind),
        model=model,
        stages=stages,
        languages=[language for language in dict.fromkeys(request.languages) if language != "en"],
        positions=positions,
        budget_micros=None if budget is None else int(budget * 1e6),
        deadline_at=None if deadline is None else _parse_time(deadline),
        price=None if price is None else asdict(price),
    )


async def _find_prompt(session: AsyncSession, prompt_id: int | None, kind: str | None) -> models.Prompt:
    if prompt_id is None:
        return await ensure_kind_prompt(session, kind)
    prompt = await session.get(models.Prompt, prompt_id)
    if prompt is None:
        raise NotFoundError("prompt", encode_id("prompt", prompt_id))
    return prompt


def _choose_stages(request: JobRequest) -> tuple[list[str], list[Fault]]:
    """The stages in their order; translate is in them exactly when languages are asked for."""
    known = [stage.value for stage in Stage]
    if request.stages is None:
        return [s for s in known if s != Stage.TRANSLATE or any(code != "en" for code in request.languages)], []
    faults = [
        Fault(f"/stages/{index}", "unknown_stage", f"{stage!r} is no stage; there are {', '.join(known)}.")
        for index, stage in enumerate(request.stages)
        if stage not in known
    ]
    if Stage.GENERATE not in request.stages:
        faults.append(Fault("/stages", "missing_stage", "A job needs the stage 'generate'."))
    if Stage.TRANSLATE in request.stages and not request.languages:
        faults.append(Fault("/languages", "missing", "The stage 'translate' needs at least one language."))
    return [stage for stage in known if stage in request.stages], faults


def _check_limits(limits: Mapping[str, Any], *, has_price: bool, model: str) -> list[Fault]:
    faults = _check_names(limits, _LIMITS, "/limits")
    budget, concurrency, deadline = (limits.get(name) for name in ("max_cost_usd", "concurrency", "deadline_at"))
    if budget is not None and not (_is_number(budget) and budget > 0):
        faults.append(Fault("/limits/max_cost_usd", "wrong_type", "Give US dollars as a number above 0."))
    elif budget is not None and not has_price:
        message = f"No price is known for the model {model!r}, so no budget can be kept; set SYPHUS_PRICES."
        faults.append(Fault("/limits/max_cost_usd", "unknown_price", message))
    if concurrency is not None and not (_is_integer(concurrency) and concurrency > 0):
        faults.append(Fault("/limits/concurrency", "wrong_type", "Give calls in flight as a whole number above 0."))
    if deadline is not None and _parse_time(deadline) is None:
        faults.append(Fault("/limits/deadline_at", "wrong_type", "Give an RFC 3339 time, e.g. 2030-01-31T12:00:00Z."))
    return faults


def _check_rest(request: JobRequest) -> list[Fault]:
    faults = []
    if request.mode != "online":
        faults.append(Fault("/mode", "unknown_mode", f"{request.mode!r} is not offered; use 'online'."))
    if len(request.metadata) > _METADATA_ENTRIES:
        faults.append(Fault("/metadata", "too_many", f"Give at most {_METADATA_ENTRIES} entries."))
    return faults


def _check_names(given: Mapping[str, Any], known: set[str], pointer: str) -> list[Fault]:
    return [
        Fault(f"{pointer}/{name}", "unknown_field", f"There is no {name!r} here; known: {', '.join(sorted(known))}.")
        for name in given
        if name not in known
    ]


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parse_time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _prepare_rerun(session: AsyncSession, job: models.Job, rerun_from: str | None) -> None:
    if rerun_from not in RERUN_STAGES:
        raise InvalidRequestError(
            "A rerun says where from.",
            errors=[Fault("/from", "unknown_stage", f"Give one of {', '.join(RERUN_STAGES)}.")],
        )
    stage = RERUN_STAGES[rerun_from]
    if stage not in job.stages:
        raise ConflictError(f"The job has no stage {stage!r}; its stages are {', '.join(job.stages)}.")
    await reset_shards(session, job.id, stage, reset=stage != "relate")
