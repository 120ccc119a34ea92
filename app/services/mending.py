"""Pairs whose claims do not hold: flagged, rejected, or asked for once more and put in the place of those they mend."""

from collections.abc import Iterator
from dataclasses import replace

from app.pipeline.grounding import GroundingPolicy, read_grounding, write_note
from app.pipeline.values import Pair, Repair
from app.services.claims import JobContext
from app.services.further import end_replies, join_replies
from app.services.grounding import Verdicts, find_wrong_claims, settle_outcome
from app.services.units import ItemUnit, PaidCall
from app.store.outcomes import GROUNDING, Again, NewPair, Outcome, Reply


def conclude_reply(job: JobContext, unit: ItemUnit, call: PaidCall, outcome: Outcome, rounds: int) -> Outcome:
    """The outcome of a reply under the job's grounding, together with the replies before it.

    Without a verdict where the item is asked further: for pairs to be mended, once, or for pairs that are missing.
    rounds: how many replies about the item count, this one included; 0 asks on whatever was read before.
    """
    policy = read_grounding(job.policies.get("grounding"))
    if policy.policy == "off":
        return join_replies(job, unit, call, outcome, rounds)
    wrong = find_wrong_claims(policy, unit.sentences, [_pair_of(pair) for pair in outcome.pairs])
    settled = settle_outcome(policy, outcome, wrong, keeps_order=job.grammar.keeps_order)
    if unit.mending is not None:
        return _join_mended(job, unit, call, settled, rounds)
    if policy.policy == "repair" and any(wrong):
        again = _ask_again(job, policy, outcome, settled, wrong)
        reply = Reply(call.call_id, settled.pairs, settled.rejections, again)
        earlier = (*unit.earlier, reply)
        return replace(settled, verdict=None, code=None, detail=None, pairs=(), rejections=(), earlier=earlier)
    return join_replies(job, unit, call, settled, rounds)


def _ask_again(job: JobContext, policy: GroundingPolicy, outcome: Outcome, settled: Outcome, wrong: Verdicts) -> Again:
    """What is asked for again: the wrong pairs, or the whole reply where its rounds stand on each other."""
    pairs = [_pair_of(pair) for pair in outcome.pairs]
    is_whole = job.grammar.keeps_order
    note = write_note(pairs, wrong, is_whole=is_whole)
    if is_whole:
        return Again(note, len(pairs), frozenset(pair.ordinal for pair in settled.pairs))
    flagged = policy.last_action == "flag"
    redone = (new.ordinal for new, claims in zip(outcome.pairs, wrong, strict=True) if claims and flagged)
    return Again(note, sum(map(bool, wrong)), frozenset(redone))


def _join_mended(job: JobContext, unit: ItemUnit, call: PaidCall, outcome: Outcome, rounds: int) -> Outcome:
    """Put new pairs in the place of those that were wrong; what was not written anew stays as it was settled."""
    first, again = unit.earlier[-1], unit.mending
    redone = [pair for pair in first.pairs if again is not None and pair.ordinal in again.ordinals]
    gone = redone if job.grammar.keeps_order and outcome.pairs else redone[: len(outcome.pairs)]
    kept = [pair for pair in first.pairs if pair not in gone]
    start = sum(len(reply.pairs) for reply in unit.earlier[:-1])
    new = tuple(_note_repairs(outcome.pairs, gone))
    numbered = [replace(pair, ordinal=ordinal) for ordinal, pair in enumerate((*kept, *new), start=start)]
    earlier = (*unit.earlier[:-1], Reply(first.call_id, tuple(numbered[: len(kept)]), first.rejections))
    mended = replace(outcome, pairs=tuple(numbered[len(kept) :]))
    if job.pairs_per_item is not None:
        return join_replies(job, replace(unit, earlier=earlier), call, mended, rounds)
    bounds = [bound for bound in (unit.most_pairs, call.most_pairs) if bound is not None]
    bounded = replace(mended, most_pairs=min(bounds, default=None))
    return end_replies(job, bounded, (*earlier, Reply(call.call_id, mended.pairs, mended.rejections)))


def _note_repairs(pairs: tuple[NewPair, ...], gone: list[NewPair]) -> Iterator[NewPair]:
    """The new pairs, each with the one that it stands for, where there is one for each."""
    for place, pair in enumerate(pairs):
        if len(gone) != len(pairs) or _pair_of(gone[place]) == _pair_of(pair):
            yield pair
        else:
            repair = Repair(GROUNDING, _pair_of(gone[place]), _pair_of(pair))
            yield replace(pair, repairs=(*pair.repairs, repair))


def _pair_of(new: NewPair) -> Pair:
    return Pair(new.instruction, new.response, new.conversation)
