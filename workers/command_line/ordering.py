"""Turns what was chosen into rows: the dataset, the prompt version and the job, new or those of an earlier run."""

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.lifecycle import FINAL_STATES
from app.resources import Resources
from app.services.datasets import create_dataset
from app.services.image_uploads import ImageRequest, Report, take_images
from app.services.jobs import act_on_job, check_job, submit_job
from app.services.kinds import prompt_of_text
from app.services.planning import JobRequest
from app.services.prompts import NewPrompt, store_prompt
from app.services.upload_requests import DatasetRequest, SourceFile, check_request
from app.store.models import Dataset, Job, Prompt
from app.store.run_rows import RUN_LABEL, find_dataset, find_run_job, lock_run
from app.store.tallies import read_tallies
from workers.command_line.arguments import Options
from workers.command_line.sources import Annotations, Chosen, list_media, name_dataset


@dataclass(frozen=True, slots=True)
class Order:
    """The rows of a run; `is_new` is False where it continues the job of an earlier run.

    images: what became of its pictures, where it brought any
    """

    dataset: Dataset
    prompt: Prompt
    job_id: int
    is_new: bool
    images: Report | None = None


async def ensure_dataset(resources: Resources, chosen: Annotations, version: str, source: SourceFile) -> Dataset:
    """The dataset of these annotations, loaded now or by an earlier run; raises the AppErrors of an upload."""
    name = name_dataset(chosen.kind, version, source)
    async with resources.sessions.begin() as session:
        await lock_run(session, name)
        dataset = await find_dataset(session, name)
        if dataset is None:
            new = check_request(DatasetRequest(name=name, kind=chosen.kind.name))
            dataset = await create_dataset(session, new, source)
    return dataset


async def place_order(
    resources: Resources, options: Options, chosen: Chosen, source: SourceFile, calls_in_flight: int
) -> Order:
    """Make the rows that are not there yet and put the job in motion.

    Raises the AppErrors of an upload and of a job order; nothing half-made stays.
    """
    dataset = await ensure_dataset(resources, chosen, options.version, source)
    name = dataset.name
    images = None
    if options.images is not None:
        images = await take_images(resources, ImageRequest(dataset.id), list_media(options.images))
    async with resources.sessions.begin() as session:
        await lock_run(session, name)
        checked = prompt_of_text(chosen.prompt)
        prompt, _ = await store_prompt(session, NewPrompt(chosen.kind.name, checked, kind=chosen.kind.name))
        request = _request_job(resources, options, dataset, prompt, calls_in_flight)
        await check_job(session, resources.settings, request)
        job = await find_run_job(session, dataset.id, request.metadata[RUN_LABEL])
        if job is None:
            submitted = await submit_job(session, resources.settings, request)
            return Order(dataset, prompt, submitted.id, is_new=True, images=images)
        await change_limits(session, job, request.limits)
        await _set_in_motion(session, job)
        return Order(dataset, prompt, job.id, is_new=False, images=images)


def _request_job(
    resources: Resources, options: Options, dataset: Dataset, prompt: Prompt, calls_in_flight: int
) -> JobRequest:
    model = options.model or resources.settings.openai_model
    slice_ = dict(options.slice)
    identity: list[Any] = [dataset.name, prompt.sha256, model, sorted(slice_.items()), sorted(set(options.languages))]
    if options.policies:
        identity.append(options.policies)
    limits: dict[str, Any] = {"concurrency": calls_in_flight}
    if options.max_cost_usd is not None:
        limits["max_cost_usd"] = options.max_cost_usd
    return JobRequest(
        dataset_id=dataset.id,
        prompt_id=prompt.id,
        model=model,
        languages=options.languages,
        slice=slice_,
        limits=limits,
        policies=options.policies,
        metadata={
            RUN_LABEL: hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest(),
            "version": options.version,
        },
    )


async def change_limits(session: AsyncSession, job: Job, limits: dict[str, Any]) -> None:
    """Continue with this run's bounds; a budget counts what the job has spent before it had one."""
    budget = limits.get("max_cost_usd")
    if budget is not None and job.budget_micros is None:
        job.held_micros = (await read_tallies(session, [job.id]))[job.id]["cost_micros"]
    elif budget is None:
        job.held_micros = 0
    job.budget_micros = None if budget is None else int(budget * 1e6)
    job.limits = {**{key: value for key, value in job.limits.items() if key == "deadline_at"}, **limits}
    await session.flush()


async def _set_in_motion(session: AsyncSession, job: Job) -> None:
    if job.state == "paused":
        await act_on_job(session, job.id, "resume")
    elif job.state in FINAL_STATES:
        await act_on_job(session, job.id, "retry-failed")
