"""Which items a job works on, and how they are cut into shards."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import Fault

LARGEST_SEED = 2**63 - 1
SLICE_KEYS = ("start", "end", "seed", "sample")


def check_slice(slice_: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a slice, each fault with its JSON pointer; empty when all is well."""
    faults = []
    for key, value in slice_.items():
        if key not in SLICE_KEYS:
            message = f"A slice has {', '.join(SLICE_KEYS)}."
            faults.append(Fault(f"/slice/{key}", "unknown_field", message))
        elif value is not None and (isinstance(value, bool) or not isinstance(value, int) or not _fits(key, value)):
            least = 1 if key == "sample" else 0
            faults.append(Fault(f"/slice/{key}", "invalid_slice", f"{key} must be an integer of at least {least}."))
    start, end = slice_.get("start") or 0, slice_.get("end")
    if not faults and end is not None and end <= start:
        faults.append(Fault("/slice/end", "invalid_slice", f"end must be greater than start ({start})."))
    return faults


def choose_positions(total_items: int, slice_: Mapping[str, Any]) -> Sequence[int]:
    """The positions of a dataset's items that a job works on, ascending, each once.

    start (inclusive) and end (exclusive) bound the range, each also without the other; sample draws that many of
    it, by seed (0 where none is given): the same seed draws the same items anywhere. Never longer than the dataset.
    """
    start = min(slice_.get("start") or 0, total_items)
    end = slice_.get("end")
    chosen = range(start, total_items if end is None else max(start, min(end, total_items)))
    sample = slice_.get("sample")
    if sample is None or sample >= len(chosen):
        return chosen
    drawn = random.Random(slice_.get("seed") or 0).sample(chosen, sample)  # noqa: S311 - repeatable, not secret
    return sorted(drawn)


def cut_shards(positions: Sequence[int], shard_items: int, workers_hint: int = 1) -> list[list[int]]:
    """Consecutive shards of at most `shard_items` positions that together hold each position once.

    A job too small to give every worker a full shard is cut finer, so that all of them have work.
    """
    if shard_items < 1 or workers_hint < 1:
        raise ValueError("a shard holds at least one item, and there is at least one worker")
    fair = -(-len(positions) // workers_hint)
    size = max(1, min(shard_items, fair))
    return [list(positions[start : start + size]) for start in range(0, len(positions), size)]


def _fits(key: str, value: int) -> bool:
    return (1 if key == "sample" else 0) <= value <= LARGEST_SEED
