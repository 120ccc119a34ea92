"""Answers: from the raw body of a reply to the outcome that is recorded for its unit of work."""

import logging
from collections.abc import Sequence

from app.pipeline.chat import CompletionError
from app.pipeline.completions import decode_completion
from app.pipeline.costing import cost_micros
from app.pipeline.filtering import FilterResult, filter_pairs
from app.pipeline.judging import JUDGING
from app.pipeline.values import Completion, Pair, Rejection, Stage, Usage
from app.services.claims import JobContext
from app.services.further import end_failed, most_of_reply, place_conversations
from app.services.mending import conclude_reply
from app.services.units import ItemUnit, PaidCall, PairUnit, Unit
from app.store.outcomes import NewPair, Outcome

__all__ = [
    "RETRIES",
    "ItemUnit",
    "PaidCall",
    "PairUnit",
    "Unit",
    "count_words",
    "fail_call",
    "fail_unreadable",
    "fail_unseen",
    "make_outcome",
    "poison_unit",
    "read_item_answer",
]

log = logging.getLogger("syphus.answers")

RETRIES = 12


def read_item_answer(job: JobContext, unit: ItemUnit, call: PaidCall, raw: bytes, rounds: int = 1) -> Outcome:
    """The pairs and rejections in a reply about an item; the item fails where no pair is accepted.

    Where the job says how many pairs an item is to have and some are missing, the outcome has no verdict, and
    `carry_on` gives the unit to ask about next. rounds: how many replies about it count, this one included.
    Never raises: what breaks over one reply (a rule of somebody's own kind, say) fails that item alone.
    """
    try:
        completion = decode_completion(raw)
        if JUDGING in job.policies:
            return _read_verdict(job, unit, call, completion)
        return _read_item(job, unit, call, completion, rounds)
    except CompletionError as error:
        return end_failed(job, unit, fail_call(job, Stage.GENERATE, unit, call, error))
    except Exception as error:
        return end_failed(job, unit, fail_unreadable(job, Stage.GENERATE, unit, call, error))


def _read_item(job: JobContext, unit: ItemUnit, call: PaidCall, completion: Completion, rounds: int) -> Outcome:
    parsed = job.grammar.parse(completion.text, truncated=completion.finish_reason == "length")
    rejections = parsed.rejections
    if completion.refusal:
        rejections = (Rejection("refusal", "the endpoint reported a refusal", completion.refusal),)
    kept = unit.kept
    result = filter_pairs(
        place_conversations(job, parsed.pairs, unit),
        rejections,
        house_rules=job.house_rules,
        plan=job.filters,
        prompt=job.prompt,
        sentences=unit.sentences,
        fewest=job.fewest_pairs if job.pairs_per_item is None else 1,
        grammar=job.grammar,
        most=most_of_reply(job, unit),
        earlier=kept,
    )
    code = None if result.accepted else ("all_rejected" if parsed.pairs else "no_pairs")
    pairs = tuple(_english(result, place, pair, len(kept)) for place, pair in enumerate(result.accepted))
    outcome = make_outcome(
        job, Stage.GENERATE, unit, call, completion,
        verdict="done" if pairs else "failed",
        code=code,
        detail=_describe(result.rejections) if code else None,
        pairs=pairs,
        rejections=tuple(result.rejections),
    )  # fmt: skip
    return conclude_reply(job, unit, call, outcome, rounds)


def _read_verdict(job: JobContext, unit: ItemUnit, call: PaidCall, completion: Completion) -> Outcome:
    """A judge's reply: it makes no pair, and what it says is read from the reply itself when it is asked for."""
    parsed = job.grammar.parse(completion.text)
    code = None if parsed.pairs else "no_verdict"
    return make_outcome(
        job, Stage.GENERATE, unit, call, completion,
        verdict="failed" if code else "done",
        code=code,
        detail=_describe(parsed.rejections) if code else None,
        pairs=(),
        rejections=parsed.rejections,
    )  # fmt: skip


def fail_call(
    job: JobContext,
    stage: str,
    unit: Unit,
    call: PaidCall,
    error: CompletionError,
    *,
    final: bool = False,
) -> Outcome:
    """A call without a usable answer; the unit stays pending unless the error (or the caller) is final."""
    ends = final or not error.retryable
    return Outcome(
        job_id=job.job_id,
        stage=stage,
        item_id=unit.item_id,
        sample=unit.sample,
        verdict="failed" if ends else None,
        call_id=call.call_id,
        call_state="failed" if call.call_state is not None else None,
        code=error.code,
        detail=error.detail,
        http_status=error.status,
        keep_reserved=error.code in {"timeout", "malformed_body", "unreadable"},
        has_budget=job.has_budget,
    )


def fail_unreadable(
    job: JobContext, stage: str, unit: ItemUnit | PairUnit, call: PaidCall, error: Exception
) -> Outcome:
    log.error("reply_unreadable", extra={"call": call.call_id, "job": job.job_id}, exc_info=error)
    final = CompletionError("unreadable", f"reading the reply broke: {type(error).__name__}", retryable=False)
    return fail_call(job, stage, unit, call, final)


def fail_unseen(job: JobContext, unit: ItemUnit, code: str, detail: str) -> Outcome:
    """An item that is not asked about, because its pictures cannot be shown."""
    return Outcome(
        job_id=job.job_id,
        stage=Stage.GENERATE,
        item_id=unit.item_id,
        sample=unit.sample,
        verdict="failed",
        code=code,
        detail=detail,
    )


def poison_unit(job: JobContext, stage: str, unit: ItemUnit | PairUnit, detail: str) -> Outcome:
    """A unit that is set aside because work on it keeps ending with the worker's death."""
    return Outcome(
        job_id=job.job_id,
        stage=stage,
        item_id=unit.item_id,
        sample=unit.sample,
        verdict="poison",
        code="poison",
        detail=detail,
    )


def count_words(pair: Pair) -> int:
    """Words of instruction and response, split at white space."""
    return len(pair.instruction.split()) + len(pair.response.split())


def _english(result: FilterResult, place: int, pair: Pair, before: int) -> NewPair:
    return NewPair(
        before + place,
        "en",
        pair.instruction,
        pair.response,
        count_words(pair),
        conversation=pair.conversation,
        findings=result.findings.get(place, ()),
        repairs=result.repairs.get(place, ()),
    )


def _describe(rejections: Sequence[Rejection]) -> str:
    return ", ".join(dict.fromkeys(rejection.reason for rejection in rejections)) or "the reply holds no pair"


def make_outcome(
    job: JobContext,
    stage: str,
    unit: ItemUnit | PairUnit,
    call: PaidCall,
    completion: Completion,
    *,
    verdict: str | None,
    code: str | None,
    detail: str | None,
    pairs: tuple[NewPair, ...],
    rejections: tuple[Rejection, ...],
) -> Outcome:
    usage: Usage = completion.usage
    return Outcome(
        job_id=job.job_id,
        stage=stage,
        item_id=unit.item_id,
        sample=unit.sample,
        verdict=verdict,
        call_id=call.call_id,
        call_state=call.call_state,
        code=code,
        detail=detail,
        usage=usage,
        cost_micros=cost_micros(usage, job.price) if job.price else 0,
        finish_reason=completion.finish_reason,
        http_status=200,
        has_budget=job.has_budget,
        pairs=pairs,
        rejections=rejections if call.keeps_rejections else (),
    )
