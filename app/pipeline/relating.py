"""Which pairs are each other's multi-modal context: by default, those of the same item or the same images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

RULE_SAME_ITEM_OR_IMAGES = "same_item_or_images"


@dataclass(frozen=True, slots=True)
class RelatablePair:
    """What the rule looks at: a pair's place, and the hash of its item's images (None without images)."""

    pair_id: int
    item_id: int
    ordinal: int
    image_set: int | None = None


def relate_groups(rows: Iterable[RelatablePair]) -> dict[int, tuple[int, ...]]:
    """For every pair the other pairs of its item or image set, by item then ordinal.

    The relation is symmetric and transitive; no pair relates to itself and none is named twice. A pair without
    others gets an empty tuple. Rows that repeat a pair are one pair; their order does not matter.
    """
    groups: dict[tuple[str, int], dict[int, RelatablePair]] = {}
    for row in rows:
        groups.setdefault(_group_of(row), {})[row.pair_id] = row
    related: dict[int, tuple[int, ...]] = {}
    for group in groups.values():
        members = [row.pair_id for row in sorted(group.values(), key=_place_of)]
        for place, pair_id in enumerate(members):
            related[pair_id] = (*members[:place], *members[place + 1 :])
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


def _group_of(row: RelatablePair) -> tuple[str, int]:
    """Items of one image set form one group; the image set of an item is one, so no group chains into another."""
    return ("item", row.item_id) if row.image_set is None else ("images", row.image_set)


def _place_of(row: RelatablePair) -> tuple[int, int, int]:
    return row.item_id, row.ordinal, row.pair_id
