"""Claims: taking a shard, and all a worker must know of its job."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import InvalidRequestError, NotFoundError
from app.pipeline.costing import Price
from app.pipeline.filtering import FilterPlan
from app.pipeline.formats import ReplyGrammar
from app.pipeline.judging import JUDGING, grammar_of_judge
from app.pipeline.lifecycle import RUNNING_STATES
from app.pipeline.parity import NO_GLOSSARY, Glossary
from app.pipeline.prompting import add_canary
from app.pipeline.quotas import DEFAULT_PAIRS, expect_pairs
from app.pipeline.relating import FORMER_RULE
from app.pipeline.seeing import Vision, add_seeing_note, read_vision
from app.pipeline.selecting import Selection, read_selection
from app.pipeline.values import Prompt
from app.services.filters import BASELINE_ONLY, plan_of_kind
from app.services.glossaries import read_glossary
from app.services.kinds import grammar_of, kind_of
from app.services.prompts import to_prompt
from app.store import models
from app.store.calls import lose_older_calls
from app.store.jobs import get_job, move_job
from app.store.session import Sessions
from app.store.shards import Lease, claim_shard, has_room, pick_shard
from datasets.house_rules import HouseRule

log = logging.getLogger("syphus.claims")

_MOST_SHARES = 64
_LEAST_SHARE = 8


@dataclass(frozen=True, slots=True)
class JobContext:
    """A job as its workers see it: nothing here changes while it runs.

    calls_per_shard: how many of its calls one shard may have in flight (0 = no bound of the job's own)
    expected_pairs: how many pairs a reply is likely to bring, before any has
    """

    job_id: int
    dataset_id: int
    model: str
    parameters: dict[str, Any]
    languages: tuple[str, ...]
    stages: tuple[str, ...]
    price: Price | None
    has_budget: bool
    seed: int
    calls_per_shard: int
    prompt: Prompt
    reply_format: str
    house_rules: tuple[HouseRule, ...]
    fewest_pairs: int
    grammar: ReplyGrammar
    most_pairs: int | None
    relation_rule: str = FORMER_RULE
    vision: Vision | None = None
    policies: Mapping[str, Any] = field(default_factory=dict)
    glossary: Glossary = NO_GLOSSARY
    expected_pairs: int = DEFAULT_PAIRS
    filters: FilterPlan | None = None

    @property
    def pairs_per_item(self) -> int | None:
        """How many pairs each item is to have; None leaves it to the replies."""
        return self.policies.get("pairs_per_item")

    @property
    def target_pairs(self) -> int | None:
        """How many English pairs the job is to have; None has no end but that of the items."""
        return self.policies.get("target_pairs")

    @property
    def selection(self) -> Selection:
        """Which of the prompt's examples are shown with an item."""
        return read_selection(self.policies.get("examples"))


@dataclass(frozen=True, slots=True)
class Claim:
    lease: Lease
    job: JobContext


def share_concurrency(concurrency: int) -> tuple[int, int]:
    """(shards at work, calls in flight of each) whose product is exactly the job's bound."""
    most = max(1, min(_MOST_SHARES, concurrency // _LEAST_SHARE))
    shards = next(count for count in range(most, 0, -1) if concurrency % count == 0)
    return shards, concurrency // shards


async def claim_work(
    sessions: Sessions, owner: str, lease_s: float, *, shard_id: int | None = None, skip: int = 0
) -> Claim | None:
    """Take a shard that is due: the one rung for, or any. None where there is none.

    A job whose kind this process does not find is left to workers that do.
    """
    avoided: list[int] = []
    while True:
        picked: tuple[int, int] | None = None
        try:
            async with sessions.begin() as session:
                if shard_id is not None:
                    shard = await session.get(models.Shard, shard_id)
                    picked = (shard.job_id, shard_id) if shard else None
                else:
                    picked = await pick_shard(session, avoided, skip)
                claim = await _claim(session, *picked, owner, lease_s) if picked else None
        except InvalidRequestError as error:
            log.warning("kind_not_found", extra={"job": picked and picked[0], "error": error.detail})
            claim = None
        if claim is not None or shard_id is not None:
            return claim
        if skip:
            skip = 0
        elif picked:
            avoided.append(picked[0])
        else:
            return None


async def _claim(session: AsyncSession, job_id: int, shard_id: int, owner: str, lease_s: float) -> Claim | None:
    try:
        job = await get_job(session, job_id, lock=True)
    except NotFoundError:
        return None
    if job.state not in RUNNING_STATES:
        return None
    concurrency = job.limits.get("concurrency")
    shards, calls = share_concurrency(concurrency) if concurrency else (0, 0)
    if shards and not await has_room(session, job_id, shard_id, shards):
        return None
    lease = await claim_shard(session, shard_id, owner, lease_s)
    if lease is None:
        return None
    await lose_older_calls(session, lease.shard_id, lease.fence)
    if job.state == "queued":
        await move_job(session, job, "in_progress")
    return Claim(lease, await read_context(session, job, calls))


async def read_context(session: AsyncSession, job: models.Job, calls_per_shard: int) -> JobContext:
    """The job as its workers see it, by what its row says now."""
    prompt = await session.get_one(models.Prompt, job.prompt_id)
    dataset = await session.get_one(models.Dataset, job.dataset_id)
    kind = kind_of(dataset.kind)
    vision, _ = read_vision(job.vision)
    shown = to_prompt(prompt) if vision is None else add_seeing_note(to_prompt(prompt))
    wanted = job.policies.get("pairs_per_item")
    return JobContext(
        job_id=job.id,
        dataset_id=job.dataset_id,
        model=job.model,
        parameters=job.parameters,
        languages=tuple(job.languages),
        stages=tuple(job.stages),
        price=Price(**job.price) if job.price else None,
        has_budget=job.budget_micros is not None,
        seed=job.seed,
        calls_per_shard=calls_per_shard,
        prompt=add_canary(shown, job.seed),
        reply_format=prompt.reply_format,
        house_rules=() if JUDGING in job.policies else kind.house_rules,
        fewest_pairs=kind.fewest_pairs,
        most_pairs=kind.most_pairs,
        relation_rule=job.relation_rule or FORMER_RULE,
        vision=vision,
        policies=job.policies,
        expected_pairs=expect_pairs(shown, wanted) if job.policies.get("target_pairs") else DEFAULT_PAIRS,
        filters=BASELINE_ONLY if JUDGING in job.policies else plan_of_kind(kind, job.policies.get("filters")),
        glossary=await read_glossary(session, job.dataset_id) if job.languages else NO_GLOSSARY,
        grammar=grammar_of_judge(job.policies[JUDGING]) if JUDGING in job.policies else grammar_of(kind),
    )
