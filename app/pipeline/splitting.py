"""Parting items into splits so that nothing leaks: what hangs together by an image or a source goes to one side."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate

SPLITS = ("train", "validation", "test")
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """Names and shares of the splits, in order; the shares add up to 1."""

    names: tuple[str, ...]
    shares: tuple[float, ...]
    seed: int = 0


class Groups:
    """Items numbered from 0, and which of them hang together; 4 bytes an item."""

    def __init__(self, count: int) -> None:
        self._parents = array("i", range(count))

    def join(self, one: int, other: int) -> None:
        """Both, and all that hangs on them, are one group from now on; its first item stands for it."""
        low, high = sorted((self.find(one), self.find(other)))
        self._parents[high] = low

    def find(self, item: int) -> int:
        """The first item of the item's group."""
        parents = self._parents
        while parents[item] != item:
            parents[item] = parents[parents[item]]
            item = parents[item]
        return item

    def __len__(self) -> int:
        return len(self._parents)


def draw(seed: int, key: str) -> int:
    """The lot of an item by its key: 64 bits, the same wherever and whenever it is drawn."""
    return int.from_bytes(blake2b(f"{seed}\n{key}".encode(), digest_size=8).digest())


def assign_splits(groups: Groups, lots: Sequence[int], plan: SplitPlan) -> bytearray:
    """The number of the split of each item.

    Groups stand in the order of their lowest lot, and each goes to the split in whose share its middle lies. So the
    shares are met as nearly as whole groups allow, and a group keeps its side when others come or go, but for those
    at the border. A split that would be empty gets the smallest group of the one that has the most groups.
    """
    lowest: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for item, lot in enumerate(lots):
        root = groups.find(item)
        lowest[root] = min(lot, lowest.get(root, lot))
        sizes[root] = sizes.get(root, 0) + 1
    ordered = sorted(sizes, key=lambda root: (lowest[root], root))
    borders = [border * len(groups) for border in accumulate(plan.shares)]
    chosen: list[list[int]] = [[] for _ in plan.names]
    before = 0
    for root in ordered:
        middle = before + sizes[root] / 2
        before += sizes[root]
        chosen[_find_share(borders, middle)].append(root)
    _fill_empty(chosen, sizes, plan)
    split_of = {root: number for number, roots in enumerate(chosen) for root in roots}
    return bytearray(split_of[groups.find(item)] for item in range(len(groups)))


def _find_share(borders: Sequence[float], middle: float) -> int:
    return next((number for number, border in enumerate(borders) if middle < border), len(borders) - 1)


def _fill_empty(chosen: list[list[int]], sizes: dict[int, int], plan: SplitPlan) -> None:
    for number, share in enumerate(plan.shares):
        richest = max(chosen, key=len)
        if share > 0 and not chosen[number] and len(richest) > 1:
            smallest = min(reversed(richest), key=lambda root: sizes[root])
            richest.remove(smallest)
            chosen[number].append(smallest)
