"""What a witness said, as the ledger of calls keeps it: it costs tokens and decides about no unit."""

from dataclasses import replace

from app.pipeline.chat import CompletionError
from app.pipeline.completions import decode_completion
from app.pipeline.costing import cost_micros
from app.services.answers import fail_call
from app.services.claims import JobContext
from app.services.units import PaidCall, WholeJob
from app.store.outcomes import Outcome


def read_witness(job: JobContext, stage: str, call: PaidCall, raw: bytes) -> Outcome:
    """The outcome of a witness that was answered; never raises for what the answer holds."""
    try:
        completion = decode_completion(raw)
    except CompletionError as error:
        return fail_witness(job, stage, call, error)
    return Outcome(
        job_id=job.job_id,
        stage=stage,
        item_id=0,
        sample=0,
        verdict=None,
        call_id=call.call_id,
        call_state="ok",
        usage=completion.usage,
        cost_micros=cost_micros(completion.usage, job.price) if job.price else 0,
        finish_reason=completion.finish_reason or None,
        http_status=200,
        has_budget=job.has_budget,
    )


def fail_witness(job: JobContext, stage: str, call: PaidCall, error: CompletionError) -> Outcome:
    """The outcome of a witness that was not answered."""
    return replace(fail_call(job, stage, WholeJob(), call, error), verdict=None)
