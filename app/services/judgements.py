"""Judgements: a model scores a sample of a job's pairs, and its scores are held against the rules of grounding.

A judgement is a judging job: what was posed stands in its items, what was said in its replies, and the report is made
of both whenever somebody looks. Nothing of it is kept anywhere else, so nothing can be lost with a process.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import new_id
from app.errors import ConflictError, NotFoundError
from app.ids import decode_id, encode_id
from app.pipeline.grounding import Verdict, ground_pairs
from app.pipeline.grounding.judged import JudgedItem, count_judged
from app.pipeline.grounding.judging import (
    LONGEST_ENTRY_TOKENS,
    PosedItem,
    pair_judge_prompt,
    pose_pairs,
    read_posed,
)
from app.pipeline.judging import JUDGING
from app.pipeline.lifecycle import FINAL_STATES
from app.services.jobs import view_jobs
from app.services.judging import JudgeOrder, order_judge, read_judge_texts
from app.services.prompts import NewPrompt
from app.settings import Settings
from app.store.jobs import get_job
from app.store.judged_rows import (
    count_left_out,
    list_judging_jobs,
    read_pairs,
    read_shown,
    sample_items,
    sum_ledger,
)
from app.store.models import Job

log = logging.getLogger("syphus.judgements")

MOST_ITEMS = 500
DEFAULT_ITEMS = 50
PROMPT_NAME = "pair-judge"

_FEWEST_TOKENS = 1_000
_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class JudgementRequest:
    """What a client asks for; model: None for the configured one."""

    job_id: int
    items: int = DEFAULT_ITEMS
    seed: int = 0
    model: str | None = None
    limits: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a report is made of, read at one moment.

    pairs: those that are still there, as (revision, instruction, response)
    """

    judging: Job
    posed: Sequence[PosedItem]
    replies: Mapping[str, str]
    pairs: Mapping[int, tuple[int, str, str]]
    left_out: dict[str, int]
    used: dict[str, int]


async def order_judgement(session: AsyncSession, settings: Settings, request: JudgementRequest) -> Job:
    """Draw the sample and order the judging job; ring for it after the commit.

    Raises NotFoundError, ConflictError where the job has no pairs, and what the order of a job raises.
    """
    await get_job(session, request.job_id)
    sample = await sample_items(session, request.job_id, request.items, request.seed)
    judged = encode_id("job", request.job_id)
    if not sample:
        raise ConflictError(f"{judged} has no pairs (or all of them were rejected), so there is nothing to judge.")
    longest = max(len(item.pairs) for item in sample)
    order = JudgeOrder(
        name=f"{judged}-judgement-{encode_id('dataset', new_id())[-8:]}",
        shown={item.name: pose_pairs(item.sentences, item.pairs) for item in sample},
        prompt=NewPrompt(PROMPT_NAME, pair_judge_prompt()),
        model=request.model,
        policy={"pairs_of": judged, "items": request.items, "seed": request.seed},
        parameters={"max_tokens": max(_FEWEST_TOKENS, LONGEST_ENTRY_TOKENS * longest)},
        limits=request.limits,
        metadata={"judged_job_id": judged},
    )
    return await order_judge(session, settings, order)


async def find_same(session: AsyncSession, settings: Settings, request: JudgementRequest) -> Job | None:
    """The newest judgement of this very order that is under way, or is complete and posed what would be posed now."""
    model = request.model or settings.openai_model
    for job in await list_judging_jobs(session, request.job_id, None, _LOOKED_AT):
        policy = job.policies[JUDGING]
        if (job.model, policy["items"], policy["seed"]) != (model, request.items, request.seed):
            continue
        if job.state not in FINAL_STATES:
            return job
        if job.state == "completed":
            sample = await sample_items(session, request.job_id, request.items, request.seed)
            return job if list(await read_posed_items(session, job)) == _as_posed(sample) else None
    return None


async def get_judgement(session: AsyncSession, job_id: int, judgement_id: str) -> Job:
    """The judging job; raises NotFoundError where there is no such judgement of this job."""
    judging = await get_job(session, job_id)
    try:
        judging = await get_job(session, decode_id("judgement", judgement_id))
    except NotFoundError as error:
        raise NotFoundError("judgement", judgement_id) from error
    if _judged_job(judging) != encode_id("job", job_id):
        raise NotFoundError("judgement", judgement_id)
    return judging


async def view_judgements(session: AsyncSession, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Judgements as the API lists them, without their reports."""
    shown = await view_jobs(session, jobs)
    return [_show(job, view) for job, view in zip(jobs, shown, strict=True)]


async def read_evidence(session: AsyncSession, judging: Job) -> Evidence | None:
    """What the report of a judgement is made of; None while its job is still to end."""
    if judging.state not in FINAL_STATES:
        return None
    posed = await read_posed_items(session, judging)
    ids = [decode_id("pair", pair.name) for item in posed for pair in item.pairs]
    return Evidence(
        judging=judging,
        posed=posed,
        replies=await read_judge_texts(session, judging.id),
        pairs=await read_pairs(session, ids),
        left_out=await count_left_out(session, judging.id),
        used=await sum_ledger(session, judging.id),
    )


async def read_posed_items(session: AsyncSession, judging: Job) -> list[PosedItem]:
    """What the judge was shown, as it stood when it was posed."""
    return [read_posed(name, shown) for name, shown in await read_shown(session, judging.dataset_id)]


def write_report(evidence: Evidence) -> dict[str, Any]:
    """The report: ids and numbers, none of the texts. Takes about a millisecond of CPU for each item."""
    judged = count_judged(JudgedItem(item, evidence.replies.get(item.name), _ground(item)) for item in evidence.posed)
    changed, deleted = _compare(evidence)
    used = dict(evidence.used)
    cost = used.pop("cost_micros")
    return {
        "model": evidence.judging.model,
        **judged.describe(),
        "failed_calls": evidence.left_out,
        "changed_since": changed,
        "deleted_since": deleted,
        "usage": used,
        "cost_usd": cost / 1e6 if evidence.judging.price else None,
    }


def _ground(item: PosedItem) -> tuple[tuple[Verdict, ...], ...]:
    """The rules' verdicts on each pair; a check that breaks says nothing."""
    try:
        return ground_pairs(item.sentences, [posed.pair for posed in item.pairs])
    except Exception:
        log.exception("grounding_broke")
        return tuple(() for _ in item.pairs)


def _compare(evidence: Evidence) -> tuple[list[str], list[str]]:
    """The ids of pairs that say something else now, or were decided about, and of those that are gone."""
    changed, deleted = [], []
    for posed in (posed for item in evidence.posed for posed in item.pairs):
        now = evidence.pairs.get(decode_id("pair", posed.name))
        if now is None:
            deleted.append(posed.name)
        elif now != (posed.revision, posed.pair.instruction, posed.pair.response):
            changed.append(posed.name)
    return sorted(changed), sorted(deleted)


def _as_posed(sample: Sequence[PosedItem]) -> list[PosedItem]:
    """A sample as it reads once it was posed."""
    return [read_posed(item.name, pose_pairs(item.sentences, item.pairs)) for item in sample]


def _judged_job(judging: Job) -> str | None:
    policy = judging.policies.get(JUDGING)
    return policy.get("pairs_of") if isinstance(policy, Mapping) else None


def _show(judging: Job, view: Mapping[str, Any]) -> dict[str, Any]:
    policy = judging.policies[JUDGING]
    return {
        "id": encode_id("judgement", judging.id),
        "object": "judgement",
        "judged_job_id": policy["pairs_of"],
        "job_id": view["id"],
        "dataset_id": view["dataset_id"],
        "model": judging.model,
        "seed": policy["seed"],
        "limits": judging.limits,
        "state": judging.state,
        "reason": judging.reason,
        "items": view["counts"]["items"],
        "usage": view["usage"],
        "cost_usd": view["cost_usd"],
        "created_at": judging.created_at,
        "finished_at": judging.finished_at,
    }
