"""Late answers: stored by a worker that died before it recorded them, and about nothing that is still to be worked.

Their unit had ended by then, or their job; or they are about no unit at all. They are accounted for when their job
ends, and by the leader where they come later. So no call stays open: what was started is lost with its lease, what is
stored is read by whoever claims its shard next, or settled here.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.pipeline.chat import CompletionError
from app.pipeline.completions import decode_completion
from app.pipeline.costing import Price, cost_micros
from app.pipeline.lifecycle import FINAL_STATES
from app.pipeline.values import Completion, Usage
from app.store.calls import lose_stray_calls
from app.store.jobs import get_job
from app.store.models import Job
from app.store.outcomes import Outcome
from app.store.recording import record_outcomes
from app.store.session import Sessions
from app.store.units import LateAnswer, list_jobs_with_late_answers, list_late_answers

STORED_FOR_S = 60.0
"""A worker that lives records what it stored long before."""

_MOST_JOBS, _MOST_ANSWERS = 64, 256


async def settle_open_calls(sessions: Sessions) -> None:
    """End what would stay open: calls whose lease is gone are lost, late answers are accounted for."""
    async with sessions.begin() as session:
        await lose_stray_calls(session)
    async with sessions() as session:
        job_ids = await list_jobs_with_late_answers(session, FINAL_STATES, for_s=STORED_FOR_S, most=_MOST_JOBS)
    for job_id in job_ids:
        async with sessions.begin() as session:
            try:
                job = await get_job(session, job_id, lock=True)
            except NotFoundError:  # deleted meanwhile, with its calls
                continue
            late = await list_late_answers(session, job_id, FINAL_STATES, for_s=STORED_FOR_S, most=_MOST_ANSWERS)
            await record_outcomes(session, [_outcome(job, answer) for answer in late], 0)


async def settle_late_answers(session: AsyncSession, job: Job) -> None:
    """Account for the late answers of a job that is about to end: what they used is counted."""
    while late := await list_late_answers(session, job.id, {job.state}, for_s=0.0, most=_MOST_ANSWERS):
        await record_outcomes(session, [_outcome(job, answer) for answer in late], 0)


def _outcome(job: Job, answer: LateAnswer) -> Outcome:
    completion = _decode(answer.raw)
    return Outcome(
        job_id=job.id,
        stage=answer.stage,
        item_id=answer.item_id,
        sample=answer.sample,
        verdict=None,  # a rerun may have taken the end of the unit back meanwhile
        call_id=answer.call_id,
        call_state="superseded" if answer.is_ended else "recovered",
        usage=completion.usage,
        cost_micros=cost_micros(completion.usage, Price(**job.price)) if job.price else 0,
        finish_reason=completion.finish_reason or None,
        http_status=200,
        has_budget=job.budget_micros is not None,
    )


def _decode(raw: bytes) -> Completion:
    try:
        return decode_completion(raw)
    except CompletionError:
        return Completion("", "", Usage())
