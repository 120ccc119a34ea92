"""Items that are asked until they have their pairs: what is still missing, what the next request says, how they end.

The replies about such an item are one outcome: what each brought waits in the unit until the item ends, and is stored
then, together. A worker that takes over reads the stored replies again and comes to the same point.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.pipeline.quotas import (
    FURTHER_CALLS,
    SHORT,
    TARGET_REACHED,
    explain_shortage,
    explain_target,
    say_count,
    say_further,
)
from app.pipeline.values import Pair, Stage
from app.services.claims import JobContext
from app.services.units import ItemUnit, PaidCall
from app.store.outcomes import Ending, Outcome, Reply


def missing_pairs(job: JobContext, unit: ItemUnit) -> int | None:
    """How many pairs the item lacks; None where nobody said how many it is to have."""
    wanted = job.pairs_per_item
    if wanted is None or unit.mending is not None:
        return None if wanted is None or unit.mending is None else unit.mending.pairs
    return wanted - sum(len(reply.pairs) for reply in unit.earlier)


def most_of_reply(job: JobContext, unit: ItemUnit) -> int | None:
    """How many pairs of the next reply are kept: no more than the kind allows, than are missing, than have room."""
    asked = missing_pairs(job, unit) if unit.mending is None else unit.mending.pairs
    room = None if unit.most_pairs is None else max(0, unit.most_pairs - len(unit.kept))
    bounds = [bound for bound in (job.most_pairs, asked, room) if bound is not None]
    return min(bounds, default=None)


def note_of(job: JobContext, unit: ItemUnit) -> str:
    """The lines that follow the annotation in a request about the item; empty where no number is asked for."""
    if unit.mending is not None:
        return unit.mending.note
    missing = missing_pairs(job, unit)
    if missing is None:
        return ""
    if not unit.earlier:
        return say_count(missing) if job.grammar.counts_pairs else ""
    questions = [pair.instruction for pair in unit.kept]
    return say_further(missing, questions, len(unit.earlier), counts_pairs=job.grammar.counts_pairs)


def place_conversations(job: JobContext, pairs: Sequence[Pair], unit: ItemUnit) -> tuple[Pair, ...]:
    """The pairs of a reply with their conversations counted on from those of earlier replies."""
    if not unit.earlier or not job.grammar.keeps_order:
        return tuple(pairs)
    first = 1 + max((pair.conversation for pair in unit.kept), default=-1)
    return tuple(replace(pair, conversation=first + pair.conversation) for pair in pairs)


def join_replies(job: JobContext, unit: ItemUnit, call: PaidCall, outcome: Outcome, rounds: int) -> Outcome:
    """The outcome of a reply together with those before it; without a verdict where the item is asked further.

    rounds: how many replies about the item count, this one included; 0 asks on whatever was read before.
    """
    if job.pairs_per_item is None:
        if job.target_pairs is None:
            return outcome
        return replace(outcome, target_pairs=job.target_pairs, most_pairs=call.most_pairs)
    reply = Reply(call.call_id, outcome.pairs, outcome.rejections)
    earlier = (*unit.earlier, reply)
    missing = missing_pairs(job, unit)
    if missing is not None and len(outcome.pairs) < missing and rounds <= FURTHER_CALLS:
        return replace(outcome, verdict=None, code=None, detail=None, pairs=(), rejections=(), earlier=earlier)
    bounds = [bound for bound in (unit.most_pairs, call.most_pairs) if bound is not None]
    return end_replies(job, replace(outcome, most_pairs=min(bounds, default=None)), earlier)


def carry_on(unit: ItemUnit, outcome: Outcome, call: PaidCall) -> ItemUnit:
    """The unit after a reply that did not end it."""
    if not outcome.earlier or outcome.verdict is not None:
        return unit
    bounds = [bound for bound in (unit.most_pairs, call.most_pairs) if bound is not None]
    return replace(unit, earlier=outcome.earlier, most_pairs=min(bounds, default=None))


def is_asked_out(unit: ItemUnit, rounds: int) -> bool:
    """Whether nothing further is asked about an item whose stored replies were read."""
    return bool(unit.earlier) and (unit.most_pairs is not None or rounds > FURTHER_CALLS)


def end_item(job: JobContext, unit: ItemUnit) -> Outcome:
    """An item that is asked nothing further: it ends with what its replies brought."""
    last = unit.earlier[-1]
    outcome = Outcome(
        job_id=job.job_id,
        stage=Stage.GENERATE,
        item_id=unit.item_id,
        sample=unit.sample,
        verdict="failed",
        call_id=last.call_id,
        code="all_rejected" if any(reply.rejections for reply in unit.earlier) else "no_pairs",
        has_budget=job.has_budget,
        most_pairs=unit.most_pairs,
    )
    return end_replies(job, outcome, unit.earlier)


def end_failed(job: JobContext, unit: ItemUnit, outcome: Outcome) -> Outcome:
    """An outcome that would fail an item for good: what earlier replies brought is kept, and ends it instead."""
    if outcome.verdict in {None, "done", "skipped"} or not unit.earlier:
        return outcome
    if not any(reply.pairs for reply in unit.earlier):
        return replace(outcome, earlier=outcome.earlier or unit.earlier)
    wanted = job.pairs_per_item or 0
    ended = end_replies(job, replace(outcome, verdict="done"), unit.earlier)
    if len(ended.pairs) >= wanted:
        return replace(
            ended, code=outcome.code, detail=outcome.detail, ending=Ending(None, None, ended.pairs[-1].call_id)
        )
    detail = explain_shortage(len(ended.pairs), wanted, len(unit.earlier), [outcome.code or "failed"])
    return replace(
        ended, code=outcome.code, detail=outcome.detail, ending=Ending(SHORT, detail, unit.earlier[-1].call_id)
    )


def skip_item(job: JobContext, unit: ItemUnit) -> Outcome:
    """An item that is not asked, or not asked further, because the job has all the pairs it was to have."""
    if any(reply.pairs for reply in unit.earlier):
        return end_item(job, unit)
    return Outcome(
        job_id=job.job_id,
        stage=Stage.GENERATE,
        item_id=unit.item_id,
        sample=unit.sample,
        verdict="skipped",
        code=TARGET_REACHED,
        detail=explain_target(job.target_pairs or 0),
        earlier=unit.earlier,
    )


def end_replies(job: JobContext, outcome: Outcome, replies: Sequence[Reply]) -> Outcome:
    """The last outcome of an item, with the pairs and rejections of all its replies."""
    wanted = job.pairs_per_item or 0
    pairs = tuple(replace(pair, call_id=reply.call_id) for reply in replies for pair in reply.pairs)
    rejections = [rejection for reply in replies for rejection in reply.rejections]
    verdict, code, detail = ("done" if pairs else "failed"), None, None
    if len(pairs) < wanted:
        code = SHORT if pairs else outcome.code
        reasons = [rejection.reason for rejection in rejections]
        detail = explain_shortage(len(pairs), wanted, len(replies), reasons)
    return replace(
        outcome,
        verdict=verdict,
        code=code,
        detail=detail,
        pairs=pairs,
        rejections=(),
        earlier=tuple(replies),
        pairs_per_item=job.pairs_per_item,
        target_pairs=job.target_pairs,
    )
