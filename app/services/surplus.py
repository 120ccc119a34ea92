"""Surplus: good pairs of stored replies that a new reading brings, and how many of them a target leaves room for.

What is kept stays kept. Room is what the job lacks, and what a new reading takes away. An item whose surplus was
refused gets back as many pairs as it had; only what is left then goes to the surplus of others.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.pipeline.quotas import TARGET_REACHED, explain_target, say_target
from app.services.rereading import UnitChange, leave_out


def keep_to_target(change: UnitChange, target: int, room: int) -> tuple[UnitChange, int]:
    """The change with no more new pairs than there is room for, and the room that is left."""
    room += len(change.removed)
    most = len(change.added)
    if change.unit.most_pairs is not None:
        most = min(most, change.unit.most_pairs - (len(change.order) - len(change.added)))
    admitted = max(0, min(most, room))
    return admit(change, target, admitted), room - admitted


def keep_all_to_target(changes: Sequence[UnitChange], target: int, room: int) -> list[UnitChange]:
    """`keep_to_target` for one item after another; those that change nothing any more are left out."""
    kept = []
    for change in changes:
        bounded, room = keep_to_target(change, target, room)
        if bounded.is_change:
            kept.append(bounded)
    return kept


def admit(change: UnitChange, target: int, admitted: int) -> UnitChange:
    """The change with only the first so many of its new pairs; the others are refused as surplus."""
    offered = len(change.order)
    surplus = len(change.added) - admitted
    if surplus <= 0:
        return change
    left = leave_out(change, surplus, say_target(target))
    kept = len(left.order)
    state = "done" if kept else "skipped"
    return replace(left, end=(state, TARGET_REACHED, explain_target(target, kept, offered)), most_pairs=kept)


class Ration:
    """What a dry run foresees of a target: all items in order, then those with surplus, as the rerun goes over them.

    Each change is weighed before any is bounded.
    """

    def __init__(self, target: int, pairs: int) -> None:
        self._target = target
        self._room = target - pairs
        self._admitted: dict[int, int] = {}
        self._waiting: dict[int, int] = {}

    def weigh(self, change: UnitChange) -> None:
        """Note what the change of an item takes of the room, or adds to it."""
        bounded, self._room = keep_to_target(change, self._target, self._room)
        surplus = len(change.added) - len(bounded.added)
        if surplus:
            self._admitted[change.unit.item_id] = len(bounded.added)
            self._waiting[change.unit.item_id] = surplus

    def bound(self, change: UnitChange) -> UnitChange:
        """The change of an item as it would be made."""
        for item_id, surplus in self._waiting.items():
            admitted = min(surplus, self._room)
            self._room -= admitted
            self._admitted[item_id] += admitted
        self._waiting.clear()
        return admit(change, self._target, self._admitted.get(change.unit.item_id, len(change.added)))
