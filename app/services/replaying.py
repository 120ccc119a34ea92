"""Replaying: the stored replies about an item, read one after another as its worker read them; nothing is asked."""

from collections.abc import Sequence
from dataclasses import replace

from app.pipeline.grounding import read_grounding
from app.pipeline.quotas import FURTHER_CALLS
from app.services.answers import read_item_answer
from app.services.claims import JobContext
from app.services.further import carry_on, end_item, end_replies
from app.services.units import ItemUnit, PaidCall
from app.store.outcomes import Outcome, Reply
from app.store.rereading import ReadUnit, StoredReply


def replay(job: JobContext, unit: ReadUnit) -> Outcome:
    """How the unit ends by the rules of the job, with all its replies; without a verdict where none can be read.

    Where its pairs are complete before the last reply, what further ones bring is surplus. Where they are not after
    it, the item ends with what it has.
    """
    item = ItemUnit(unit.item_id, unit.sentences, sample=unit.sample, image_ids=unit.image_ids)
    ended: Outcome | None = None
    outcome: Outcome | None = None
    replies = _choose_replies(job, unit)
    for number, stored in enumerate(replies, start=1):
        call = PaidCall(stored.call_id, None)
        rounds = FURTHER_CALLS + 1 if number == len(replies) else 0
        outcome = read_item_answer(job, item, call, stored.raw, rounds)
        if outcome.verdict is not None:
            ended = _join(job, item, call, outcome)
            item = _open_again(job, item, ended)
        elif outcome.earlier:
            ended, item = None, carry_on(item, outcome, call)
    if ended is not None:
        return ended
    if item.earlier:
        return end_item(job, item)
    assert outcome is not None  # noqa: S101  # a unit has a reply at least
    return outcome


def _choose_replies(job: JobContext, unit: ReadUnit) -> Sequence[StoredReply]:
    """Those that count: the one that ended the item where the job never wanted another.

    A job that was cancelled may have two, of a worker that was given up and of the one that followed it.
    """
    if len(unit.replies) == 1 or job.pairs_per_item is not None:
        return unit.replies
    if read_grounding(job.policies.get("grounding")).policy == "repair":
        return unit.replies
    return [reply for reply in unit.replies if reply.call_id == unit.call_id]


def _join(job: JobContext, item: ItemUnit, call: PaidCall, outcome: Outcome) -> Outcome:
    """The outcome of a reply with those before it, where it was read as if it stood alone."""
    if outcome.earlier or not item.earlier:
        return outcome
    return end_replies(job, outcome, (*item.earlier, Reply(call.call_id, outcome.pairs, outcome.rejections)))


def _open_again(job: JobContext, item: ItemUnit, ended: Outcome) -> ItemUnit:
    """The item before a reply that is not needed any more: it may add what there is room for."""
    assert ended.call_id is not None  # noqa: S101  # a reply ended it
    replies = ended.earlier or (Reply(ended.call_id, ended.pairs, ended.rejections),)
    return replace(item, earlier=replies, most_pairs=_most_pairs(job, replies))


def _most_pairs(job: JobContext, replies: Sequence[Reply]) -> int | None:
    """How many pairs an item may have that was not asked for a number of them.

    Conversations are written again as a whole: beside the first the second would say the same once more.
    """
    if job.pairs_per_item is not None:
        return None
    kept = sum(len(reply.pairs) for reply in replies)
    return kept if job.grammar.keeps_order and kept else job.most_pairs
