"""Reruns: the shards of a job go through the stages again from one of them on; nothing that is stored is paid for."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ConflictError, Fault, InvalidRequestError
from app.pipeline.relating import needs_whole_job
from app.services.planning import check_relation_rule
from app.store import models
from app.store.relations import forget_manual_relations
from app.store.resets import reset_shards
from app.store.shards import renew_whole_shard

RERUN_STAGES = {"parse": "generate", "filter": "generate", "relate": "relate", "translate": "translate"}


@dataclass(frozen=True, slots=True)
class Rerun:
    """From where, and by which rule pairs are related from now on (None: by the job's own).

    keep_manual: whether related pairs that people chose stay as they are
    """

    start: str | None = None
    relation_rule: str | None = None
    keep_manual: bool = True

    def describe(self) -> dict[str, Any]:
        """What the job's event says of it."""
        said = {"rerun_from": self.start}
        return said if self.relation_rule is None else said | {"relation_rule": self.relation_rule}


async def prepare_rerun(session: AsyncSession, job: models.Job, rerun: Rerun) -> None:
    """Send the shards of a locked job back; raises InvalidRequestError, or ConflictError for a stage it has not."""
    stage = RERUN_STAGES.get(rerun.start or "")
    faults = check_relation_rule(rerun.relation_rule)
    if stage is None:
        faults.append(Fault("/from", "unknown_stage", f"Give one of {', '.join(RERUN_STAGES)}."))
    elif stage == "translate" and (rerun.relation_rule or not rerun.keep_manual):
        message = "A rerun from 'translate' relates nothing; use from=relate."
        faults.append(Fault("/relation_rule" if rerun.relation_rule else "/keep_manual", "not_offered", message))
    if stage is None or faults:
        raise InvalidRequestError("The rerun cannot be done as asked.", errors=faults)
    needed = {stage, "relate"} if rerun.relation_rule else {stage}
    for missing in sorted(needed - set(job.stages)):
        raise ConflictError(f"The job has no stage {missing!r}; its stages are {', '.join(job.stages)}.")
    if rerun.relation_rule:
        job.relation_rule = rerun.relation_rule
    if not rerun.keep_manual:
        await forget_manual_relations(session, job.id)
    await reset_shards(session, job.id, stage, reset=stage != "relate")
    await renew_whole_shard(session, job.id, is_wanted=needs_whole_job(job.relation_rule, job.stages))
