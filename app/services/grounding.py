"""Grounding: the verdicts on a reply's pairs, and what becomes of these under the policy of their job."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from app.pipeline.formats import EARLIER_ROUND_REFUSED
from app.pipeline.grounding import CLAIM_CLASSES, GroundingPolicy, Standing, Verdict, ground_pairs
from app.pipeline.values import Finding, Pair, Rejection
from app.store.outcomes import NewPair, Outcome

log = logging.getLogger("syphus.grounding")

Verdicts = tuple[tuple[Verdict, ...], ...]


def find_verdicts(sentences: str, pairs: Sequence[Pair], classes: Collection[str] = CLAIM_CLASSES) -> Verdicts:
    """The verdicts on the claims of each pair. Never raises: a check that breaks is logged, and says nothing."""
    try:
        return ground_pairs(sentences, pairs, classes)
    except Exception:
        log.exception("grounding_broke")
        return tuple(() for _ in pairs)


def find_wrong_claims(policy: GroundingPolicy, sentences: str, pairs: Sequence[Pair]) -> Verdicts:
    """The contradicted claims of each pair; see `find_verdicts`."""
    verdicts = find_verdicts(sentences, pairs, policy.classes)
    return tuple(tuple(v for v in found if v.standing is Standing.CONTRADICTED) for found in verdicts)


def settle_outcome(policy: GroundingPolicy, outcome: Outcome, wrong: Verdicts, *, keeps_order: bool) -> Outcome:
    """Flag or reject the pairs with wrong claims; those that are kept are numbered anew.

    Where no pair is left the item fails as `all_rejected`.

    keeps_order: whether rounds stand on those before them, so that those after a rejected one go with it
    """
    if not any(wrong):
        return outcome
    kept: list[NewPair] = []
    rejections: list[Rejection] = []
    broken: set[int] = set()
    first = outcome.pairs[0].ordinal
    for new, verdicts in zip(outcome.pairs, wrong, strict=True):
        pair = _pair_of(new)
        text = f"{pair.instruction}\n{pair.response}"
        if pair.conversation in broken:
            rejections.append(Rejection(*EARLIER_ROUND_REFUSED, text, pair, new.ordinal))
        elif verdicts and policy.last_action == "reject":
            rejections.append(Rejection(verdicts[0].code, _describe(verdicts[0]), text, pair, new.ordinal))
            broken |= {pair.conversation} if keeps_order else set()
        else:
            findings = (Finding(verdict.code, _describe(verdict), verdict.describe()) for verdict in verdicts)
            kept.append(replace(new, ordinal=first + len(kept), findings=(*new.findings, *findings)))
    outcome = replace(outcome, pairs=tuple(kept), rejections=(*outcome.rejections, *rejections))
    if kept or outcome.verdict != "done":
        return outcome
    reasons = ", ".join(dict.fromkeys(rejection.reason for rejection in outcome.rejections))
    return replace(outcome, verdict="failed", code="all_rejected", detail=reasons)


def _pair_of(new: NewPair) -> Pair:
    return Pair(new.instruction, new.response, new.conversation)


def _describe(verdict: Verdict) -> str:
    return f"{verdict.claim_class}: {verdict.claim!r} against {verdict.fact!r}"[:500]
