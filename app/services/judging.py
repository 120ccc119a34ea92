"""Judges: an ordinary job whose replies judge texts, so that they are paced, paid and kept as any reply is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.chat import CompletionError
from app.pipeline.completions import decode_completion
from app.pipeline.judging import JUDGING
from app.pipeline.values import Stage
from app.services.datasets import create_dataset
from app.services.jobs import submit_job
from app.services.planning import JobRequest
from app.services.prompts import NewPrompt, store_prompt
from app.services.upload_requests import DatasetRequest, InlineItems, check_request
from app.settings import Settings
from app.store.cold_starts import read_verdict_bodies
from app.store.models import Job


@dataclass(frozen=True, slots=True)
class JudgeOrder:
    """What a judge is asked.

    name: of the dataset that holds what it is shown; shown: by the id of what is judged
    policy: says what kind of judge it is, see app.pipeline.judging
    """

    name: str
    shown: Mapping[str, str]
    prompt: NewPrompt
    model: str | None
    policy: Any = True
    parameters: Mapping[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


async def order_judge(session: AsyncSession, settings: Settings, order: JudgeOrder) -> Job:
    """The job, which makes no pair; ring for it after the commit. Raises what the order of a job raises."""
    items: list[object] = [{"id": name, "sentences": shown} for name, shown in order.shown.items()]
    body = orjson.dumps(items)
    new = check_request(DatasetRequest(name=order.name))
    dataset = await create_dataset(session, new, InlineItems(items, len(body), sha256(body).hexdigest()))
    prompt, _ = await store_prompt(session, order.prompt)
    request = JobRequest(
        dataset_id=dataset.id,
        prompt_id=prompt.id,
        model=order.model,
        parameters={"temperature": 0.0, **order.parameters},
        stages=[Stage.GENERATE.value],
        limits=order.limits,
        metadata={**order.metadata, "role": "judge"},
        policies={JUDGING: order.policy},
    )
    return await submit_job(session, settings, request)


async def read_judge_texts(session: AsyncSession, judging_job_id: int) -> dict[str, str]:
    """By the id of what is judged the text of the newest reply; what is no completion is none."""
    texts = {}
    for name, raw in (await read_verdict_bodies(session, judging_job_id)).items():
        try:
            texts[name] = decode_completion(raw).text
        except CompletionError:
            continue
    return texts
