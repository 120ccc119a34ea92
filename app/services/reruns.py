"""Reruns: the shards of a job go through the stages again from one of them on; nothing that is stored is paid for."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ConflictError, Fault, InvalidRequestError
from app.pipeline.lifecycle import plan_action
from app.pipeline.policies import check_policies
from app.pipeline.relating import needs_whole_job
from app.services.claims import JobContext, read_context
from app.services.filters import check_filters_of_kind, plan_of_kind
from app.services.kinds import kind_of
from app.services.planning import check_relation_rule
from app.store import models
from app.store.job_rules import forget_job_rules
from app.store.relations import forget_manual_relations
from app.store.resets import reset_shards
from app.store.shards import renew_whole_shard

RERUN_STAGES = {"parse": "generate", "filter": "generate", "relate": "relate", "translate": "translate"}


@dataclass(frozen=True, slots=True)
class Rerun:
    """From where, and by which rule pairs are related from now on (None: by the job's own).

    keep_manual: whether related pairs that people chose stay as they are
    filters: the `filters` policy that the job has from now on; None keeps its own
    """

    start: str | None = None
    relation_rule: str | None = None
    keep_manual: bool = True
    filters: dict[str, Any] | None = None

    def describe(self) -> dict[str, Any]:
        """What the job's event says of it."""
        said: dict[str, Any] = {"rerun_from": self.start}
        if self.relation_rule is not None:
            said["relation_rule"] = self.relation_rule
        if self.filters is not None:
            said["filters"] = self.filters
        return said


async def prepare_rerun(session: AsyncSession, job: models.Job, rerun: Rerun) -> None:
    """Send the shards of a locked job back; raises InvalidRequestError, or ConflictError for a stage it has not."""
    stage = await check_rerun(session, job, rerun)
    if rerun.relation_rule:
        job.relation_rule = rerun.relation_rule
    if rerun.filters is not None:
        job.policies = job.policies | {"filters": rerun.filters}
    if not rerun.keep_manual:
        await forget_manual_relations(session, job.id)
    if stage == "generate":
        await forget_job_rules(session, job.id)
    await reset_shards(session, job.id, stage, reset=stage != "relate")
    await renew_whole_shard(session, job.id, is_wanted=needs_whole_job(job.relation_rule, job.stages))


async def check_rerun(session: AsyncSession, job: models.Job, rerun: Rerun) -> str:
    """The stage that a rerun begins with; raises InvalidRequestError, or ConflictError for a stage the job has not."""
    stage = RERUN_STAGES.get(rerun.start or "")
    faults = check_relation_rule(rerun.relation_rule)
    if stage is None:
        faults.append(Fault("/from", "unknown_stage", f"Give one of {', '.join(RERUN_STAGES)}."))
    elif stage == "translate" and (rerun.relation_rule or not rerun.keep_manual):
        message = "A rerun from 'translate' relates nothing; use from=relate."
        faults.append(Fault("/relation_rule" if rerun.relation_rule else "/keep_manual", "not_offered", message))
    if rerun.filters is not None:
        faults += await _check_filters(session, job, rerun.filters)
        if stage not in {None, "generate"}:
            faults.append(Fault("/filters", "not_offered", "Replies are filtered by a rerun from 'filter' or 'parse'."))
    if stage is None or faults:
        raise InvalidRequestError("The rerun cannot be done as asked.", errors=faults)
    needed = {stage, "relate"} if rerun.relation_rule else {stage}
    for missing in sorted(needed - set(job.stages)):
        raise ConflictError(f"The job has no stage {missing!r}; its stages are {', '.join(job.stages)}.")
    return stage


async def plan_preview(session: AsyncSession, job: models.Job, rerun: Rerun) -> JobContext:
    """The job as its workers would see it after a rerun; raises what the rerun itself would raise."""
    plan_action("rerun", job.state)
    stage = await check_rerun(session, job, rerun)
    if stage != "generate":
        message = "Only what a rerun from 'filter' or 'parse' changes can be told before it is done."
        raise InvalidRequestError(message, errors=[Fault("/from", "not_offered", message)])
    context = await read_context(session, job, 0)
    if rerun.filters is None:
        return context
    kind = kind_of((await session.get_one(models.Dataset, job.dataset_id)).kind)
    policies = {**context.policies, "filters": rerun.filters}
    return replace(context, policies=policies, filters=plan_of_kind(kind, rerun.filters))


async def _check_filters(session: AsyncSession, job: models.Job, filters: dict[str, Any]) -> list[Fault]:
    dataset = await session.get_one(models.Dataset, job.dataset_id)
    return check_policies({"filters": filters}) + check_filters_of_kind(filters, kind_of(dataset.kind))
