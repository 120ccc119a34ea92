"""Grounding the pairs of an item: every claim that can be checked gets a verdict with its evidence."""

from collections.abc import Collection, Sequence

from app.pipeline.grounding.agreeing import find_contradictions
from app.pipeline.grounding.annotations import Annotation
from app.pipeline.grounding.changing import check_differences
from app.pipeline.grounding.claims import CLAIM_CLASSES, Check, ReadPair, Standing, Verdict
from app.pipeline.grounding.colouring import check_colours
from app.pipeline.grounding.counting import check_counts
from app.pipeline.grounding.naming import check_objects
from app.pipeline.grounding.ordering import check_order, check_times
from app.pipeline.grounding.placing import check_positions
from app.pipeline.values import Pair

_CHECKS: tuple[tuple[frozenset[str], Check], ...] = (
    (frozenset(("object",)), check_objects),
    (frozenset(("count",)), check_counts),
    (frozenset(("colour",)), check_colours),
    (frozenset(("position",)), check_positions),
    (frozenset(("order",)), check_order),
    (frozenset(("time",)), check_times),
    (frozenset(("difference", "object")), check_differences),
)
"""What each check judges."""


def ground_pairs(
    sentences: str, pairs: Sequence[Pair], classes: Collection[str] = CLAIM_CLASSES
) -> tuple[tuple[Verdict, ...], ...]:
    """The verdicts on each pair, in order.

    sentences: the item's annotation. Only `contradicted` says that a claim is wrong; `unknown` says that it was
    understood and cannot be decided. What is not understood as a claim has no verdict.
    """
    annotation = Annotation(sentences)
    read = [ReadPair(pair) for pair in pairs]
    found = [_check_pair(pair, annotation, classes) for pair in read]
    if "consistency" in classes and len(read) > 1:
        _compare(read, found)
    return tuple(map(tuple, found))


def _check_pair(pair: ReadPair, annotation: Annotation, classes: Collection[str]) -> list[Verdict]:
    return [
        verdict
        for judged, check in _CHECKS
        if not judged.isdisjoint(classes)
        for verdict in check(pair, annotation)
        if verdict.claim_class in classes
    ]


def _compare(read: Sequence[ReadPair], found: list[list[Verdict]]) -> None:
    """Note contradictions between pairs; where the annotation speaks against one of the two, that is enough."""
    for place, earlier, verdict in find_contradictions(read):
        if not (is_contradicted(found[place]) or is_contradicted(found[earlier])):
            found[place].append(verdict)


def is_contradicted(verdicts: Sequence[Verdict]) -> bool:
    """Whether any claim is wrong."""
    return any(verdict.standing is Standing.CONTRADICTED for verdict in verdicts)
