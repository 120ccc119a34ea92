"""Which pairs are each other's multi-modal context: the rules that look at an item, its images or its source."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from datasets.abstract_dataset import RelationRule

RULES: tuple[RelationRule, ...] = get_args(RelationRule)
FORMER_RULE: RelationRule = "same_images"
"""The rule of jobs that were made when there was no other."""

MANUAL = "manual"
"""What stands in the place of a rule where a person chose the related pairs."""

MOST_RELATED = 1000
"""A larger group is not related whole: each pair gets this many neighbours, half of them on either side."""

Scope = Literal["item", "images", "source", "job"]
"""What must be known together: an item's pairs, those of one set of images or of one source id, or all of a job."""

SCOPES: Mapping[str, Scope] = {
    "none": "item",
    "earlier_rounds": "item",
    "same_images": "images",
    "same_source": "source",
    "similar_texts": "job",
    "similar_images": "job",
}


def needs_whole_job(rule: str | None, stages: Sequence[str]) -> bool:
    """Whether a job with these stages relates its pairs only once it knows them all."""
    return SCOPES[rule or FORMER_RULE] == "job" and "relate" in stages


@dataclass(frozen=True, slots=True)
class RelatablePair:
    """What a rule looks at: a pair's place, and what its item shares with others (None: nothing).

    group: the hash of the item's images, or its source id, by the scope of the rule
    conversation: which conversation of the item the pair is a round of
    """

    pair_id: int
    item_id: int
    ordinal: int
    group: int | str | None = None
    conversation: int = 0


def relate(rule: str, rows: Iterable[RelatablePair]) -> dict[int, tuple[int, ...]]:
    """The related pairs of every pair, in order, by a rule whose scope is not the whole job.

    No pair relates to itself and none is named twice. A pair without others gets an empty tuple. Rows that repeat a
    pair are one pair; their order does not matter. Raises ValueError for another rule.
    """
    if rule == "none":
        return {row.pair_id: () for row in rows}
    if rule == "earlier_rounds":
        return relate_earlier_rounds(rows)
    if SCOPES.get(rule) in {"images", "source"}:
        return relate_groups(rows)
    raise ValueError(f"{rule!r} is no rule that looks at items")


def relate_groups(rows: Iterable[RelatablePair]) -> dict[int, tuple[int, ...]]:
    """For every pair the other pairs of its group (of its item, without one), by item then ordinal.

    The relation is symmetric, and transitive in groups of up to MOST_RELATED + 1 pairs.
    """
    groups: dict[tuple[str, int | str], dict[int, RelatablePair]] = {}
    for row in rows:
        groups.setdefault(_group_of(row), {})[row.pair_id] = row
    related: dict[int, tuple[int, ...]] = {}
    for group in groups.values():
        members = [row.pair_id for row in sorted(group.values(), key=_place_of)]
        reach = len(members) if len(members) <= MOST_RELATED + 1 else MOST_RELATED // 2
        for place, pair_id in enumerate(members):
            related[pair_id] = (*members[max(0, place - reach) : place], *members[place + 1 : place + 1 + reach])
    return related


def relate_earlier_rounds(rows: Iterable[RelatablePair]) -> dict[int, tuple[int, ...]]:
    """For every pair the earlier rounds of its conversation, the first round first."""
    conversations: dict[tuple[int, int], dict[int, RelatablePair]] = {}
    for row in rows:
        conversations.setdefault((row.item_id, row.conversation), {})[row.pair_id] = row
    related: dict[int, tuple[int, ...]] = {}
    for rounds in conversations.values():
        members = [row.pair_id for row in sorted(rounds.values(), key=_place_of)]
        for place, pair_id in enumerate(members):
            related[pair_id] = tuple(members[max(0, place - MOST_RELATED) : place])
    return related


def find_asymmetries(related: Mapping[int, Sequence[int]]) -> list[tuple[int, int]]:
    """Links (from, to) without their counterpart, self links and repeated links; empty for a sound relation."""
    unsound = []
    for source, targets in related.items():
        seen: set[int] = set()
        for target in targets:
            if target == source or target in seen or source not in related.get(target, ()):
                unsound.append((source, target))
            seen.add(target)
    return unsound


def _group_of(row: RelatablePair) -> tuple[str, int | str]:
    """Items of one group are together; the group of an item is one, so no group chains into another."""
    return ("item", row.item_id) if row.group is None else ("group", row.group)


def _place_of(row: RelatablePair) -> tuple[int, int, int]:
    return row.item_id, row.ordinal, row.pair_id
