"""Late answers: stored, about a unit that had ended by then, by a worker that died before it recorded them."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.chat import CompletionError
from app.pipeline.completions import decode_completion
from app.pipeline.costing import Price, cost_micros
from app.pipeline.values import Completion, Usage
from app.store.models import Job
from app.store.outcomes import Outcome, record_outcomes
from app.store.units import LateAnswer, list_late_answers


async def settle_late_answers(session: AsyncSession, job: Job) -> None:
    """Account for a job's late answers: what they used is counted, and they are superseded."""
    late = await list_late_answers(session, job.id)
    if late:
        await record_outcomes(session, [_outcome(job, answer) for answer in late], 0)


def _outcome(job: Job, answer: LateAnswer) -> Outcome:
    completion = _decode(answer.raw)
    return Outcome(
        job_id=job.id,
        stage=answer.stage,
        item_id=answer.item_id,
        sample=answer.sample,
        verdict="done",  # which the unit cannot take any more
        call_id=answer.call_id,
        call_state="recovered",
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
